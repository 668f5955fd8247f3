import type { DoomedBitmap } from '../check/bitmap-removal.js';
import { type DeleteOptions, examineDelete } from '../check/delete-checkpoint.js';
import { throwProblems } from '../error.js';
import { guardInput } from '../guard-input.js';
import type { Checkpoint } from '../model/checkpoint.js';
import type { Domain } from '../model/domain.js';
import { putCheckpoints, removeCheckpoints } from '../tree/edit-tree.js';
import { removalSteps } from './bitmap-removal.js';
import { finishPlan, type Plan } from './plan.js';

/**
 * Plans the deletion of one checkpoint, of all below it, or of both.
 *
 * Every bitmap of theirs is removed from every layer that has it, in one transaction: in QEMU's memory either all go or
 * none does. Nothing is merged: each remaining bitmap already records every write since its own checkpoint, so the others
 * stay as useful as they were. Children that stay move to the parent of the deleted checkpoint. If the current one goes, the
 * parent of the deleted checkpoint becomes current, or with `delete-only` the checkpoint itself.
 *
 * QEMU refuses to remove a bitmap from a read-only node, which nodes below the active layer normally are. The plan opens
 * those for writing before the transaction, base-most first, and for reading only after it. While they are open for writing
 * a crash of QEMU leaves all their bitmaps inconsistent; nothing can be done about that but to be quick.
 *
 * What is not there cannot be removed and does not keep the rest from going: a bitmap found on no layer, a disk that has
 * left the domain, and a bitmap that another checkpoint names too are passed over and told in `warnings`
 * (`bitmap-missing`, `disk-gone`, `bitmap-claimed`).
 *
 * @param domain - The domain as last observed. Not modified.
 * @param name - The checkpoint to delete.
 * @returns The steps in the order to run them, and the domain once they have all succeeded.
 *
 * @throws {@link CheckpointError} with every applicable problem:
 * - `checkpoint-not-found`: the tree has no checkpoint of that name;
 * - `disk-not-in-checkpoint`: with `disks`, one that it does not list;
 * - `bitmap-busy`: a job or an export holds the bitmap;
 * - `node-not-reopenable`: a read-only layer has it and cannot be opened for writing;
 * - `invalid-input`: the argument is not a domain at all.
 *
 * @example
 * ```ts
 * const { steps, next } = planDeleteCheckpoint(domain, 'tuesday');
 * steps[0]?.command;
 * // { kind: 'transaction', actions: [
 * //   { kind: 'bitmap-remove', nodeName: 'vda-active', bitmap: 'tuesday' },
 * // ] }
 * next.checkpoints.current; // 'monday'
 * ```
 *
 * @see QEMU `block-dirty-bitmap-remove`, `blockdev-reopen`; libvirt `qemuCheckpointDelete`
 */
export function planDeleteCheckpoint(domain: Domain, name: string, options: DeleteOptions = {}): Plan {
  return guardInput({ domain }, () => {
    const { checkpoints, left, bitmaps, problems, warnings } = examineDelete(domain, name, options);
    throwProblems(problems);
    const why = left === undefined ? whyRemove(checkpoints) : whyRemoveFrom(name, bitmaps);
    const steps = bitmaps.length === 0 ? [] : removalSteps(domain, bitmaps, why);
    const gone = new Set(checkpoints.map((checkpoint) => checkpoint.name));
    const { checkpoints: tree } = domain;
    const after = left === undefined ? removeCheckpoints(tree, gone) : putCheckpoints(tree, [left], tree.current);
    return finishPlan(domain, steps, after, warnings);
  });
}

function whyRemoveFrom(name: string, bitmaps: readonly DoomedBitmap[]): string {
  const disks = bitmaps.map(({ diskTarget }) => diskTarget).join(', ');
  return `Remove the bitmaps of checkpoint "${name}" from every layer of ${disks} that has them; no other bitmap is touched.`;
}

function whyRemove(checkpoints: readonly Checkpoint[]): string {
  const names = checkpoints.map(({ name }) => `"${name}"`).join(', ');
  return `Remove the bitmaps of checkpoint ${names} from every layer that has them; no other bitmap is touched.`;
}
