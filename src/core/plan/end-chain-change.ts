import { type BegunChange, findBegunChange } from '../check/begun-change.js';
import { type CarriedBitmaps, examineCarried } from '../check/carried-bitmaps.js';
import { type ChainChange, movesGuest } from '../check/chain-change.js';
import { throwProblems } from '../error.js';
import { jobIdOf } from '../job-id.js';
import type { JobState } from '../job-state.js';
import type { CheckpointTree } from '../model/checkpoint-tree.js';
import { type Domain, findDisk } from '../model/domain.js';
import { isLayer, type PendingChainChange } from '../model/pending-chain-change.js';
import { moveCheckpoints } from '../tree/move-checkpoints.js';
import { closeSteps, endSteps, expectSteps, mergeSteps, treeAfter } from './chain-change.js';
import { commitSteps } from './commit.js';
import { copySteps } from './copy.js';
import { dismissStep, waitStep } from './job-steps.js';
import type { Step } from './plan.js';
import { pullSteps } from './pull.js';
import type { ResumedChange } from './resume-job.js';
import { cancelCreationSteps, cancelStep, cleanSteps, unopenSteps } from './take-back.js';

/** How one change comes to its end. */
export interface End extends Pick<ResumedChange, 'verdict' | 'why'> {
  readonly steps: readonly Step[];
  readonly checkpoints: CheckpointTree;
}

/** Says what becomes of one change that was begun; the numbers are those of the rules of {@link planResumeJob}. */
export function endChainChange(domain: Domain, note: PendingChainChange, jobs: readonly JobState[]): End {
  const { checkpoints } = domain;
  // 5
  const made = new Set(note.openedNodes.map((nodeName) => jobIdOf('create', nodeName)));
  const creating = jobs.flatMap(({ id }) => (made.has(id) ? cancelCreationSteps(id) : []));
  if (note.job === undefined) return endSnapshot(domain, note, creating);
  const state = jobs.find(({ id }) => id === note.job?.jobId);
  const begun = findBegunChange(domain, note, note.job);
  if (begun === undefined) {
    // 3, 4
    if (note.job.kind === 'copy' && findDisk(domain, note.diskTarget) !== undefined)
      return takenBack(domain, note, creating);
    return undecided(
      checkpoints,
      'The disk, or the layer that takes the data, is not there: nothing can be told until it is.',
    );
  }
  // 4
  if (isContradicted(begun, state)) {
    const why = `The layers and job "${note.job.jobId}" contradict each other: look anew, with the disk mapped to the node that the guest uses; if somebody has cancelled the job, dismiss it first.`;
    return undecided(checkpoints, why);
  }
  const bitmaps = examineCarried(domain, begun.change, { endCheckpoints: note.ended.length > 0, resumed: true });
  // 1
  if (begun.isDone) return finished(domain, note, begun, bitmaps, state);
  // 2
  if (state !== undefined && !isOver(state)) {
    throwProblems(bitmaps.problems);
    const { change } = begun;
    const steps = [...endSteps(domain, change, bitmaps), ...restOf(domain, begun, bitmaps)];
    const why = 'Its job runs: what is left of the plan follows.';
    return { steps, checkpoints: treeAfter(checkpoints, change, bitmaps), verdict: 'go-on', why };
  }
  // 3
  return takenBack(domain, note, creating, begun, state);
}

function restOf(domain: Domain, { job, change }: BegunChange, bitmaps: CarriedBitmaps): readonly Step[] {
  switch (job.kind) {
    case 'commit':
      return commitSteps(domain, job, { change, bitmaps });
    case 'copy':
      return copySteps(domain, job, { change, bitmaps });
    case 'pull':
      return pullSteps(domain, job, { change, bitmaps });
  }
}

function finished(
  domain: Domain,
  note: PendingChainChange,
  { job, change, isOpen }: BegunChange,
  { carried }: CarriedBitmaps,
  state: JobState | undefined,
): End {
  // Layers are closed only after the rest was merged and looked for.
  const merged = isOpen && movesGuest(change) ? mergeSteps(change, carried) : [];
  const expected = isOpen ? expectSteps(change, carried) : [];
  const closed = closeSteps(domain, withClosed(change, note));
  const forgotten = state === undefined ? [] : [dismissStep(job)];
  const waited = state === undefined ? [] : [waitStep(job, 'concluded', 'See that the job has ended.')];
  const steps = movesGuest(change)
    ? [...waited, ...merged, ...expected, ...closed, ...forgotten]
    : [...waited, ...forgotten, ...expected, ...closed];
  const names = note.carried.length > 0 ? note.carried : carried.map(({ name }) => name);
  const { filename: to } = change.receiver;
  const checkpoints = moveCheckpoints(domain.checkpoints, {
    diskTarget: note.diskTarget,
    from: note.dropped.map(({ filename }) => filename),
    ...(to !== undefined && { to }),
    carried: names,
    ended: note.ended,
  });
  return { steps, checkpoints, verdict: 'finish', why: 'The layers have changed: what is left to do follows.' };
}

/** Layers that are closed already may have left their protocol layers open. */
function withClosed(change: ChainChange, { dropped }: PendingChainChange): ChainChange {
  const { chain, from, to } = change;
  const layers = dropped.map(
    (each) =>
      chain.slice(from, to).find((node) => isLayer(node, each)) ?? {
        ...each,
        format: change.receiver.format,
        virtualSize: change.receiver.virtualSize,
        readOnly: true,
        bitmaps: [],
      },
  );
  return { ...change, chain: [...chain.slice(0, from), ...layers, ...chain.slice(to)], to: from + layers.length };
}

function takenBack(
  domain: Domain,
  note: PendingChainChange,
  creating: readonly Step[],
  begun?: BegunChange,
  state?: JobState,
): End {
  const forgotten = begun !== undefined && state !== undefined ? [cancelStep(begun.job, 'Forget the job.')] : [];
  const cleaned = begun === undefined ? [] : cleanSteps(domain, begun, note);
  const steps = [...forgotten, ...cleaned, ...creating, ...unopenSteps(domain, note)];
  const why = 'The layers are as they were, and no job goes on: what was left behind goes.';
  return { steps, checkpoints: domain.checkpoints, verdict: 'take-back', why };
}

function endSnapshot(domain: Domain, note: PendingChainChange, creating: readonly Step[]): End {
  const disk = findDisk(domain, note.diskTarget);
  if (disk === undefined || disk.backingChain.length === 0)
    return undecided(domain.checkpoints, 'The disk is not there: nothing can be told until it is.');
  if (!disk.backingChain.some((layer) => isLayer(layer, note.receiver))) return takenBack(domain, note, creating);
  return { steps: creating, checkpoints: domain.checkpoints, verdict: 'finish', why: 'The snapshot was taken.' };
}

/** A job that ended well has changed the layers, and one that runs has not; a read-only base is none that a guest writes to. */
function isContradicted({ change, isDone }: BegunChange, state: JobState | undefined): boolean {
  if (state === undefined) return false;
  if (isDone) return !isOver(state);
  const isSurelyCancelled = change.kind === 'commit' && change.receiver.readOnly;
  return isOver(state) && state.error === undefined && !isSurelyCancelled;
}

function undecided(checkpoints: CheckpointTree, why: string): End {
  return { steps: [], checkpoints, verdict: 'undecided', why };
}

function isOver({ status }: JobState): boolean {
  return status === 'concluded' || status === 'null';
}
