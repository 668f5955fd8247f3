import type { CarriedBitmaps } from '../check/carried-bitmaps.js';
import { type ChainChange, filterAbove } from '../check/chain-change.js';
import { type CopyRequest, examineCopy } from '../check/copy.js';
import { guardInput } from '../guard-input.js';
import type { CopyJob } from '../job.js';
import { jobIdOf } from '../job-id.js';
import type { BlockNode } from '../model/block-node.js';
import { type Domain, withNode } from '../model/domain.js';
import { carrySteps, closeSteps, expectSteps, mergeSteps, treeAfter } from './chain-change.js';
import { foundIn } from './commit.js';
import { dismissStep, finishStep, startStep, waitStep } from './job-steps.js';
import { newImageSteps } from './new-image.js';
import { finishPlan, type Plan, type Step } from './plan.js';

/**
 * Plans to copy a disk while it is in use and to let the guest go on with the copy, with every checkpoint kept.
 *
 * A mirror that is not there yet is made and opened first. The job is started, and follows the guest once all is copied that was
 * there. Now the copy gets, in one transaction, every bitmap, recording and with all that the layers which it replaces hold of
 * it. Only then is the job completed. What the guest wrote until then is merged once more; the copy is looked at; and last of all the old
 * layers are closed, their files left where they are. The guest is never held up by it, and at no time is a bitmap on
 * the copy that does not hold everything: a manager that dies leaves what {@link planResumeJob} needs.
 *
 * Checkpoints that were made on a layer which is replaced count as made on the copy (`madeOn`).
 *
 * Bitmaps that cannot be used are left behind and told in `warnings`. Checkpoints that would end, because the copy cannot store
 * bitmaps (a raw image), are refused with `bitmap-ends`, unless `endCheckpoints` is set: then they are told in `warnings` and
 * are no longer in the tree for this disk.
 *
 * @param domain - The domain as last observed. Not modified.
 * @returns The steps in the order to run them, and the domain once they have all succeeded. Once the job is completed, nothing
 * is put back when a later step fails: resume then.
 *
 * @throws {@link CheckpointError} with every applicable problem:
 * - `disk-not-found`, `disk-empty`: there is nothing to copy;
 * - `node-unsuitable`, `size-differs`: a mirror that is there cannot take the disk;
 * - `node-name-invalid`, `node-name-taken`, `filename-invalid`, `filename-taken`, `backing-filename-unknown`,
 *   `cluster-size-invalid`: a mirror cannot be made;
 * - `bitmap-ends`: a bitmap cannot go on, each with its checkpoint and the reason;
 * - `bitmap-busy`: a job or an export holds a bitmap of a layer that is replaced;
 * - `bitmap-exists`, `too-many-bitmaps`, `bitmap-directory-full`, `bitmap-too-large`: the mirror cannot take a bitmap;
 * - `layer-unnamed`: the active layer goes at once with the job, for QEMU made up its name;
 * - `invalid-input`: the arguments are not a domain and a request at all.
 *
 * @example
 * ```ts
 * const mirror = { nodeName: 'vda-copy', filename: '/other/vda.qcow2' };
 * const { next } = planCopy(domain, { diskTarget: 'vda', mirror });
 * next.disks[0]?.sourcePath; // '/other/vda.qcow2'
 * next.disks[0]?.backingChain[0]?.bitmaps.map(({ name }) => name); // ['tuesday', 'monday']
 * ```
 *
 * @see QEMU `blockdev-mirror`, `job-complete`; libvirt `qemuBlockBitmapsHandleBlockcopy`
 */
export function planCopy(domain: Domain, request: CopyRequest): Plan {
  return guardInput({ domain }, () => {
    const examined = examineCopy(domain, request);
    const { change, bitmaps } = foundIn(examined);
    const { made } = examined;
    const job = { ...copyJob(change), ...filterAbove(domain, change) };
    const steps = [
      ...(made === undefined ? [] : newImageSteps(change.diskTarget, made.image, made.below)),
      startStep(job, `Copy disk ${change.diskTarget} to node "${change.receiver.nodeName}".`),
      ...copySteps(domain, job, { change, bitmaps }),
    ];
    const before = made === undefined ? withNode(domain, change.receiver) : domain;
    return finishPlan(before, steps, treeAfter(domain.checkpoints, change, bitmaps), bitmaps.warnings);
  });
}

/** The job of a copy. */
export function copyJob({ diskTarget, chain, to, receiver }: ChainChange): CopyJob {
  const activeNodeName = (chain[0] as BlockNode).nodeName;
  const targetNodeName = receiver.nodeName;
  const shallow = to < chain.length;
  const what = shallow ? 'shallow-copy' : 'copy';
  const jobId = jobIdOf(what, diskTarget, activeNodeName, targetNodeName);
  return { kind: 'copy', jobId, diskTarget, activeNodeName, targetNodeName, shallow };
}

/** What is done once the job has been started. */
export function copySteps(
  domain: Domain,
  job: CopyJob,
  { change, bitmaps: { carried } }: { readonly change: ChainChange; readonly bitmaps: CarriedBitmaps },
): readonly Step[] {
  return [
    waitStep(job, 'ready', 'Wait until all is copied that was there, and the job follows the guest.'),
    ...carrySteps(change, carried),
    finishStep({ kind: 'job-complete', job }, 'Let the guest write to the copy from now on.'),
    waitStep(job, 'concluded', 'Wait until it does.'),
    ...mergeSteps(change, carried),
    ...expectSteps(change, carried),
    ...closeSteps(domain, change),
    // As long as the job is there, whoever finds it knows that something is left to do.
    dismissStep(job),
  ];
}
