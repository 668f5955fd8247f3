import { examineRedefine, type RedefineOptions } from '../check/redefine-checkpoint.js';
import { throwProblems } from '../error.js';
import { guardInput } from '../guard-input.js';
import type { Checkpoint } from '../model/checkpoint.js';
import type { Domain } from '../model/domain.js';
import { finishPlan, type Plan } from './plan.js';

/**
 * Plans to put back the metadata of checkpoints whose bitmaps exist: after a domain has moved, or its metadata was lost.
 *
 * No command is planned; only `next.checkpoints` differs. Many checkpoints may come in any order: parents are put back
 * before their children. One that exists is replaced in its place and keeps its children. A checkpoint becomes current if
 * its parent is current, or if there is no current one. Disks that are not in the domain may be listed.
 *
 * @param domain - The domain as last observed. Not modified.
 * @param checkpoint - One, or many in any order.
 * @returns A plan without steps, and the domain with the checkpoints in its tree.
 *
 * @throws {@link CheckpointError} with every applicable problem:
 * - `checkpoint-duplicate`, `disk-asked-twice`: a checkpoint comes twice, or lists a disk twice;
 * - `parent-not-found`, `parent-cycle`: the tree would not hang together;
 * - `bitmap-claimed`: a bitmap belongs to another checkpoint;
 * - with `validate`, the problems of {@link checkBitmapChain}, for every disk that is in the domain;
 * - `invalid-input`: the arguments are not a domain and checkpoints at all.
 *
 * @example
 * ```ts
 * const later = { name: 'b', parent: 'a', creationTimeSeconds: 1700000001, disks: [] };
 * const earlier = { name: 'a', creationTimeSeconds: 1700000000, disks: [] };
 * planRedefineCheckpoint({ ...domain, checkpoints: { checkpoints: [] } }, [later, earlier]).next.checkpoints.current; // 'b'
 * ```
 *
 * @see libvirt `VIR_DOMAIN_CHECKPOINT_CREATE_REDEFINE`, `VIR_DOMAIN_CHECKPOINT_CREATE_REDEFINE_VALIDATE`
 */
export function planRedefineCheckpoint(
  domain: Domain,
  checkpoint: Checkpoint | readonly Checkpoint[],
  options: RedefineOptions = {},
): Plan {
  return guardInput({ domain }, () => {
    const { tree, problems } = examineRedefine(domain, checkpoint, options);
    throwProblems(problems);
    return finishPlan(domain, [], tree);
  });
}
