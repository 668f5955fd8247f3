import type { NodeReopenAction } from '../action.js';
import { type Layer, layersOf, missingForReopen } from '../check/bitmap-removal.js';
import type { CarriedBitmaps } from '../check/carried-bitmaps.js';
import { type ChainChange, filterAbove, movesGuest } from '../check/chain-change.js';
import { type CommitRequest, type ExaminedChange, examineCommit } from '../check/commit.js';
import { throwProblems } from '../error.js';
import { guardInput } from '../guard-input.js';
import type { CommitJob } from '../job.js';
import { jobIdOf } from '../job-id.js';
import type { BlockNode } from '../model/block-node.js';
import type { Domain } from '../model/domain.js';
import { reopen } from './bitmap-removal.js';
import { carrySteps, closeSteps, endSteps, expectSteps, mergeSteps, treeAfter } from './chain-change.js';
import { dismissStep, finishStep, startStep, waitStep } from './job-steps.js';
import { finishPlan, type Plan, type Step } from './plan.js';

/**
 * Plans to move the data of layers down into a lower one, with every checkpoint kept.
 *
 * The job is started and comes as far as it can by itself: from the active layer on it then follows the guest, below it it waits
 * before its end. Now the base gets, in one transaction, every bitmap that it lacks, recording and with all that the layers
 * above hold of it. Only then is the job let go to its end. What the guest wrote until then is merged once more; the base is looked at; and
 * last of all the layers that went are closed, their files left where they are. The guest is never held up by it, and at no
 * time is a bitmap on the base that does not hold everything: a manager that dies leaves what {@link planResumeJob} needs.
 *
 * Checkpoints that were made on a layer that goes count as made on the base (`madeOn`). Bitmaps that only the base has stay. A
 * bitmap that was lost above is whole again where the base has it in good order: it records what the job writes. For that it
 * holds too much where a layer has more than was written to it, as one below a copy-on-read filter has.
 *
 * Bitmaps of the layers that go which cannot be used are left behind and told in `warnings`. Checkpoints that would end,
 * because the base cannot store bitmaps (a raw image), are refused with `bitmap-ends`, unless `endCheckpoints` is set: then
 * they are told in `warnings` and are no longer in the tree for this disk.
 *
 * @param domain - The domain as last observed. Not modified.
 * @returns The steps in the order to run them, and the domain once they have all succeeded. Once the job goes to its end,
 * nothing is put back when a later step fails: resume then.
 *
 * @throws {@link CheckpointError} with every applicable problem:
 * - `disk-not-found`, `disk-empty`, `layer-not-found`, `layer-not-below`: the layers are not there, or not in that order;
 * - `layer-shared`: another disk stands on one of them;
 * - `bitmap-ends`: a bitmap cannot go on, each with its checkpoint and the reason;
 * - `bitmap-busy`: a job or an export holds a bitmap of one of them;
 * - `bitmap-exists`, `too-many-bitmaps`, `bitmap-directory-full`, `bitmap-too-large`: the base cannot take a bitmap;
 * - `layer-unnamed`: the active layer goes at once with the job, for QEMU made up its name;
 * - `node-not-reopenable`: with `endCheckpoints`, a layer that stays has a bitmap that has to go;
 * - `invalid-input`: the arguments are not a domain and a request at all.
 *
 * @example
 * ```ts
 * const overlay = { nodeName: 'vda-2', filename: '/images/vda-2.qcow2' };
 * const layered = planTakeSnapshot(domain, { disks: [{ diskTarget: 'vda', overlay }] }).next;
 * const { steps, next } = planCommit(layered, { diskTarget: 'vda', topNodeName: 'vda-2', baseNodeName: 'vda-active' });
 * steps.map(({ command }) => command.kind);
 * // [
 * //   'job-start', 'job-wait', 'transaction', 'job-complete', 'job-wait',
 * //   'transaction', 'bitmaps-expect', 'node-remove', 'node-remove', 'job-dismiss',
 * // ]
 * next.disks[0]?.backingChain.map(({ nodeName }) => nodeName); // ['vda-active']
 * ```
 *
 * @see QEMU `block-commit`, `job-complete`, `job-finalize`; libvirt `qemuBlockJobProcessEventCompletedActiveCommitBitmaps`
 */
export function planCommit(domain: Domain, request: CommitRequest): Plan {
  return guardInput({ domain }, () => {
    const { change, bitmaps } = foundIn(examineCommit(domain, request));
    const job = { ...commitJob(change), ...filterAbove(domain, change) };
    const steps = [
      ...endSteps(domain, change, bitmaps),
      startStep(job, whyCommit(job), closingOf(change)),
      ...commitSteps(domain, job, { change, bitmaps }),
    ];
    return finishPlan(domain, steps, treeAfter(domain.checkpoints, change, bitmaps), bitmaps.warnings);
  });
}

/** What was found, or an error with every problem. */
export function foundIn({ found, problems }: ExaminedChange): NonNullable<ExaminedChange['found']> {
  throwProblems(problems);
  return found as NonNullable<typeof found>;
}

/** The job of a commit. */
export function commitJob({ diskTarget, chain, from, receiver }: ChainChange): CommitJob {
  const activeNodeName = (chain[0] as BlockNode).nodeName;
  const topNodeName = (chain[from] as BlockNode).nodeName;
  const baseNodeName = receiver.nodeName;
  const jobId = jobIdOf('commit', diskTarget, topNodeName, baseNodeName);
  return { kind: 'commit', jobId, diskTarget, activeNodeName, topNodeName, baseNodeName };
}

/** What is done once the job has been started. */
export function commitSteps(
  domain: Domain,
  job: CommitJob,
  { change, bitmaps: { carried } }: { readonly change: ChainChange; readonly bitmaps: CarriedBitmaps },
): readonly Step[] {
  const carry = carrySteps(change, carried);
  if (movesGuest(change)) {
    return [
      waitStep(job, 'ready', 'Wait until all is copied that was there, and the job follows the guest.'),
      ...carry,
      finishStep({ kind: 'job-complete', job }, 'Let the guest write to the base from now on.'),
      waitStep(job, 'concluded', 'Wait until it does.'),
      ...mergeSteps(change, carried),
      ...expectSteps(change, carried),
      ...closeSteps(domain, change),
      // As long as the job is there, whoever finds it knows that something is left to do.
      dismissStep(job),
    ];
  }
  return [
    waitStep(
      job,
      'pending',
      'Wait until all is copied, and the job waits before its end: the base can still be written to.',
    ),
    ...carry,
    finishStep({ kind: 'job-finalize', job }, 'Let the layer above stand on the base from now on.'),
    waitStep(job, 'concluded', 'Wait until it does.'),
    ...expectSteps(change, carried),
    // This job holds the layers until it is dismissed.
    dismissStep(job),
    ...closeSteps(domain, change),
  ];
}

/** Makes the base read-only again; absent where it was not, or cannot be opened anew. */
function closingOf({ chain, to }: ChainChange): NodeReopenAction | undefined {
  const base = layersOf(chain)[to] as Layer;
  return base.node.readOnly && missingForReopen(base.node) === undefined ? reopen(base, true) : undefined;
}

function whyCommit({ diskTarget, topNodeName, baseNodeName }: CommitJob): string {
  return `Copy the data of disk ${diskTarget} from node "${topNodeName}" down into node "${baseNodeName}".`;
}
