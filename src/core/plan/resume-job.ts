import { type BegunChange, findBegunChange } from '../check/begun-change.js';
import { noteOfJob } from '../check/begun-job.js';
import { type CarriedBitmaps, examineCarried } from '../check/carried-bitmaps.js';
import { type ChainChange, movesGuest } from '../check/chain-change.js';
import { throwProblems } from '../error.js';
import { guardInput } from '../guard-input.js';
import { jobIdOf } from '../job-id.js';
import type { CheckpointTree } from '../model/checkpoint-tree.js';
import { type Domain, findDisk } from '../model/domain.js';
import { isLayer, type PendingChainChange, parsePendingChainChange } from '../model/pending-chain-change.js';
import { moveCheckpoints } from '../tree/move-checkpoints.js';
import { closeSteps, endSteps, expectSteps, mergeSteps, treeAfter } from './chain-change.js';
import { commitSteps } from './commit.js';
import { copySteps } from './copy.js';
import { dismissStep, waitStep } from './job-steps.js';
import { finishPlan, type Plan, type Step } from './plan.js';
import { pullSteps } from './pull.js';
import { cancelStep, cleanSteps, unopenSteps } from './take-back.js';

/** A plan that brings what was begun to its end, and what was decided about each change. */
export interface Resumption extends Plan {
  readonly changes: readonly ResumedChange[];
}

/** What was decided about one change of a disk's layers, and why. */
export interface ResumedChange {
  readonly diskTarget: string;
  /** Absent: a snapshot. */
  readonly jobId?: string;
  /**
   * `go-on`: its job runs, and the steps wait for it and do the rest; `finish`: the layers have changed, and the steps do
   * what is left; `take-back`: they have not, and the steps remove what it left behind; `undecided`: nothing can be told.
   */
  readonly verdict: 'go-on' | 'finish' | 'take-back' | 'undecided';
  /** One sentence for people. */
  readonly why: string;
  /** What was noted; absent: only its job was found. */
  readonly pending?: PendingChainChange;
}

/** A job as QEMU shows it in `query-jobs`. */
export interface JobState {
  readonly id: string;
  /** `running`, `ready`, `pending`, `concluded`, … */
  readonly status: string;
  /** Why it failed. */
  readonly error?: string;
}

/**
 * Plans the rest of commits, copies, pulls and snapshots whose process died, or whose plan failed after the point of no return.
 *
 * The disks tell how far each came, so nothing needs to be remembered but what was noted before it began (the store does
 * that); and a job of this library that is found without a note says by its id what it is for. By these rules:
 *
 * 1. a change whose layers are no part of the disk any more has happened: what is missing is merged, looked for, the layers
 *    that went are closed, and the job is forgotten, each only as far as it has not been done;
 * 2. one that has not happened and whose job still runs goes on as it was planned;
 * 3. any other is taken back: its job is forgotten, and what it left behind is removed. Data that a commit has moved
 *    already stays where it is: the layers above have it too, so nothing changes for anyone;
 * 4. where the disk or the layer that takes the data is not there, nothing is decided; neither is it where the layers and the
 *    job contradict each other, as they do where the disk is mapped to a layer that the guest does not use: bitmaps that
 *    are needed would be taken for leftovers;
 * 5. jobs of this library that make images are cancelled: nobody waits for them any more.
 *
 * To resume again, after the steps failed or the process died once more, is always right. A pull that has ended has to be
 * dismissed before the domain is observed ({@link observeDomain} says so).
 *
 * @param domain - As observed just now. Not modified.
 * @param jobs - What `query-jobs` gives, asked for before the domain was observed.
 * @param pending - What was noted as begun; default: nothing.
 * @returns The steps in the order to run them, the domain once they have all succeeded, and the decisions.
 *
 * @throws {@link CheckpointError} with every applicable problem:
 * - what {@link planCommit}, {@link planCopy} and {@link planPull} refuse about bitmaps, where the job goes on;
 * - `bitmap-busy`, `node-not-reopenable`: what is to be taken back cannot be removed;
 * - `invalid-input`: the arguments are not a domain, jobs and pending changes at all.
 *
 * @example
 * ```ts
 * planResumeJob(domain, []).steps; // []
 * ```
 * @see QEMU `query-jobs`
 */
export function planResumeJob(
  domain: Domain,
  jobs: readonly JobState[],
  pending: readonly PendingChainChange[] = [],
): Resumption {
  return guardInput({ domain }, () => {
    const noted = pending.map(parsePendingChainChange);
    const known = new Set(noted.map(({ job }) => job?.jobId));
    const found = jobs.flatMap(({ id }) => (known.has(id) ? [] : (noteOfJob(domain, id) ?? [])));
    let now = domain;
    const steps: Step[] = [];
    const changes: ResumedChange[] = [];
    for (const note of [...noted, ...found]) {
      const { checkpoints, verdict, why, ...end } = endOf(now, note, jobs);
      const { diskTarget, job } = note;
      steps.push(...end.steps);
      const isNoted = noted.includes(note);
      changes.push({ diskTarget, ...(job && { jobId: job.jobId }), verdict, why, ...(isNoted && { pending: note }) });
      now = finishPlan(now, end.steps, checkpoints).next;
    }
    // 5
    const done = new Set(steps.flatMap(({ command }) => ('job' in command ? [command.job.jobId] : [])));
    steps.push(...jobs.flatMap(({ id }) => (done.has(id) ? [] : cancelCreation(id))));
    return { ...finishPlan(domain, steps, now.checkpoints), changes };
  });
}

/** How one change comes to its end. */
interface End extends Pick<ResumedChange, 'verdict' | 'why'> {
  readonly steps: readonly Step[];
  readonly checkpoints: CheckpointTree;
}

function endOf(domain: Domain, note: PendingChainChange, jobs: readonly JobState[]): End {
  const { checkpoints } = domain;
  // 5
  const made = new Set(note.openedNodes.map((nodeName) => jobIdOf('create', nodeName)));
  const creating = jobs.flatMap(({ id }) => (made.has(id) ? cancelCreation(id) : []));
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

/** A job that makes an image, by its id. */
function cancelCreation(jobId: string): readonly Step[] {
  if (!jobId.startsWith(`${jobIdOf('create')}-`)) return [];
  return [
    cancelStep({ kind: 'create', jobId, options: { driver: 'file' } }, `Forget job "${jobId}", which made an image.`),
  ];
}
