import type { CarriedBitmaps } from '../check/carried-bitmaps.js';
import type { ChainChange } from '../check/chain-change.js';
import { examinePull, type PullRequest } from '../check/pull.js';
import { guardInput } from '../guard-input.js';
import type { PullJob } from '../job.js';
import { jobIdOf } from '../job-id.js';
import type { BlockNode } from '../model/block-node.js';
import type { Domain } from '../model/domain.js';
import { carrySteps, closeSteps, endSteps, expectSteps, treeAfter } from './chain-change.js';
import { foundIn } from './commit.js';
import { dismissStep, finishStep, startStep } from './job-steps.js';
import { finishPlan, type Plan, type Step } from './plan.js';

/**
 * Plans to move the data of lower layers up into the active one, with every checkpoint kept.
 *
 * What the lower layers' bitmaps hold is merged into the active layer's before the job is started: those layers take no writes, so
 * it is all there is. A checkpoint covers what its bitmaps hold on all layers together, so to have some of it twice meanwhile
 * changes nothing, and at no time is anything missing. When the job has ended it is dismissed before anything is
 * asked, for QEMU 7.2 and 10.0 crash otherwise; then the layers that went are closed, their files left where they are.
 *
 * Keep those files until the guest has flushed its disk, or QEMU has closed it: QEMU 7.2 and 10.0 name the new backing image in
 * the file before they have flushed what was copied. Killed in between they lose it, and only the old layers still have it.
 *
 * Checkpoints that were made on a layer that goes count as made on the active one (`madeOn`).
 *
 * Bitmaps that cannot be used are left behind and told in `warnings`. One that would seem to be good afterwards, because what is
 * wrong with it goes with the lower layers, is refused with `bitmap-ends`, unless `endCheckpoints` is set: then it is removed
 * first, told in `warnings`, and no longer in the tree for this disk.
 *
 * @param domain - The domain as last observed. Not modified.
 * @returns The steps in the order to run them, and the domain once they have all succeeded. Once the job has ended, nothing is
 * put back when a later step fails: resume then.
 *
 * @throws {@link CheckpointError} with every applicable problem:
 * - `disk-not-found`, `disk-empty`, `layer-not-found`: the layers are not there;
 * - `nothing-to-pull`: there is no layer between;
 * - `bitmap-ends`: a bitmap cannot go on, each with its checkpoint and the reason;
 * - `bitmap-busy`: a job or an export holds a bitmap of one of them;
 * - `invalid-input`: the arguments are not a domain and a request at all.
 *
 * @example
 * ```ts
 * const overlay = { nodeName: 'vda-2', filename: '/images/vda-2.qcow2' };
 * const layered = planTakeSnapshot(domain, { disks: [{ diskTarget: 'vda', overlay }] }).next;
 * const { steps, next } = planPull(layered, { diskTarget: 'vda' });
 * steps.map(({ command }) => command.kind);
 * // ['transaction', 'job-start', 'job-wait', 'job-dismiss', 'bitmaps-expect', 'node-remove', 'node-remove']
 * next.disks[0]?.backingChain.map(({ nodeName }) => nodeName); // ['vda-2']
 * ```
 *
 * @see QEMU `block-stream`; libvirt `qemuBlockJobProcessEventCompletedPullBitmaps`
 */
export function planPull(domain: Domain, request: PullRequest): Plan {
  return guardInput({ domain }, () => {
    const { change, bitmaps } = foundIn(examinePull(domain, request));
    const job = pullJob(change);
    const steps = [
      ...endSteps(domain, change, bitmaps),
      ...carrySteps(change, bitmaps.carried),
      startStep(job, whyPull(change)),
      ...pullSteps(domain, job, { change, bitmaps }),
    ];
    return finishPlan(domain, steps, treeAfter(domain.checkpoints, change, bitmaps), bitmaps.warnings);
  });
}

/** The job of a pull. */
export function pullJob({ diskTarget, chain, from, to }: ChainChange): PullJob {
  const activeNodeName = (chain[0] as BlockNode).nodeName;
  const uppermost = (chain[from] as BlockNode).nodeName;
  const baseNodeName = chain[to]?.nodeName;
  const jobId = jobIdOf(
    'pull',
    diskTarget,
    activeNodeName,
    uppermost,
    ...(baseNodeName === undefined ? [] : [baseNodeName]),
  );
  return { kind: 'pull', jobId, diskTarget, activeNodeName, ...(baseNodeName !== undefined && { baseNodeName }) };
}

/** What is done once the job has been started. */
export function pullSteps(
  domain: Domain,
  job: PullJob,
  { change, bitmaps: { carried } }: { readonly change: ChainChange; readonly bitmaps: CarriedBitmaps },
): readonly Step[] {
  return [
    finishStep(
      { kind: 'job-wait', job, until: 'concluded' },
      'Wait until all is copied, and the layers that go are left.',
    ),
    dismissStep(job),
    ...expectSteps(change, carried),
    ...closeSteps(domain, change),
  ];
}

function whyPull({ diskTarget, chain, from, to, receiver }: ChainChange): string {
  const layers = chain.slice(from, to).map(({ nodeName }) => `"${nodeName}"`);
  return `Copy the data of disk ${diskTarget} from ${layers.join(', ')} up into node "${receiver.nodeName}".`;
}
