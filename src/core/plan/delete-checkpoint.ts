import type { BitmapAction, NodeReopenAction } from '../action.js';
import { type DeleteOptions, type DoomedBitmap, examineDelete } from '../check/delete-checkpoint.js';
import { throwProblems } from '../error.js';
import { guardInput } from '../guard-input.js';
import type { BlockNode } from '../model/block-node.js';
import type { Checkpoint } from '../model/checkpoint.js';
import type { Domain } from '../model/domain.js';
import { removeCheckpoints } from '../tree/edit-tree.js';
import { findCheckpoint } from '../tree/find-checkpoint.js';
import { finishPlan, type Plan, type Step } from './plan.js';

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
    const { checkpoints, bitmaps, problems, warnings } = examineDelete(domain, name, options);
    throwProblems(problems);
    const steps = bitmaps.length === 0 ? [] : deleteSteps(domain, checkpoints, bitmaps);
    return finishPlan(domain, steps, treeWithout(domain, name, checkpoints, options), warnings);
  });
}

function deleteSteps(
  domain: Domain,
  checkpoints: readonly Checkpoint[],
  bitmaps: readonly DoomedBitmap[],
): readonly Step[] {
  const names = checkpoints.map(({ name }) => `"${name}"`).join(', ');
  const reopened = readOnlyLayers(domain, bitmaps);
  const removal: Step = {
    command: { kind: 'transaction', actions: removals(bitmaps) },
    why: `Remove the bitmaps of checkpoint ${names} from every layer that has them; no other bitmap is touched.`,
    irreversible: true,
  };
  const open = reopened.map(([diskTarget, layer]): Step => {
    const why = `Open layer "${layer.node.nodeName}" of disk ${diskTarget} for writing: its bitmaps cannot be changed otherwise.`;
    return { command: reopen(layer, false), why, undo: reopen(layer, true) };
  });
  const close = reopened.map(([diskTarget, layer]): Step => {
    const why = `Make layer "${layer.node.nodeName}" of disk ${diskTarget} read-only again, which stores its other bitmaps.`;
    return { command: reopen(layer, true), why };
  });
  return [...open, removal, ...close];
}

/** Images may be shared: two disks over one base, or two checkpoints on one disk, still mean one removal each. */
function removals(bitmaps: readonly DoomedBitmap[]): readonly BitmapAction[] {
  const removed = new Set<string>();
  return bitmaps.flatMap(({ bitmap, layers }) =>
    layers.flatMap(({ node: { nodeName } }): BitmapAction[] => {
      const key = JSON.stringify([nodeName, bitmap]);
      if (removed.has(key)) return [];
      removed.add(key);
      return [{ kind: 'bitmap-remove', nodeName, bitmap }];
    }),
  );
}

type Layer = DoomedBitmap['layers'][number];

/** Disk by disk, base-most first, each node once. */
function readOnlyLayers(
  domain: Domain,
  bitmaps: readonly DoomedBitmap[],
): readonly (readonly [diskTarget: string, layer: Layer])[] {
  const concerned = new Set(bitmaps.map(({ diskTarget }) => diskTarget));
  const affected = new Map(
    bitmaps.flatMap(({ layers }) => layers.map((layer) => [layer.node.nodeName, layer] as const)),
  );
  const byNode = new Map<string, readonly [string, Layer]>();
  for (const { diskTarget, backingChain } of domain.disks.filter((disk) => concerned.has(disk.diskTarget))) {
    for (const { nodeName, readOnly } of backingChain.toReversed()) {
      const layer = affected.get(nodeName);
      if (readOnly && layer !== undefined && !byNode.has(nodeName)) byNode.set(nodeName, [diskTarget, layer]);
    }
  }
  return [...byNode.values()];
}

function reopen({ node, backingNodeName }: Layer, readOnly: boolean): NodeReopenAction {
  const { nodeName, format, fileNodeName, reopenOptions } = node as BlockNode & { readonly fileNodeName: string };
  return {
    kind: 'node-reopen',
    nodeName,
    format,
    readOnly,
    fileNodeName,
    ...(backingNodeName !== undefined && { backingNodeName }),
    ...(reopenOptions !== undefined && { options: reopenOptions }),
  };
}

function treeWithout(domain: Domain, name: string, gone: readonly Checkpoint[], { children }: DeleteOptions) {
  const { checkpoints: tree } = domain;
  const names = new Set(gone.map((checkpoint) => checkpoint.name));
  const parent = findCheckpoint(tree, name)?.parent;
  const heir = children === 'delete-only' ? name : parent;
  const current = tree.current !== undefined && names.has(tree.current) ? heir : tree.current;
  return removeCheckpoints(tree, names, { parentOfOrphans: parent, current });
}
