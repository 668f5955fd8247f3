import type { BitmapAction, NodeReopenAction } from '../action.js';
import type { DiskLayer, DoomedBitmap, Layer } from '../check/bitmap-removal.js';
import type { BlockNode } from '../model/block-node.js';
import type { Domain } from '../model/domain.js';
import type { Step } from './plan.js';

/**
 * The steps that remove bitmaps from every layer that has them, in one transaction: read-only layers are opened for writing
 * before it, base-most first, and for reading only after it.
 *
 * @param why - Of the transaction.
 */
export function removalSteps(domain: Domain, bitmaps: readonly DoomedBitmap[], why: string): readonly Step[] {
  const reopened = readOnlyLayers(domain, bitmaps);
  return [...reopened.map(openStep), removalStep(bitmaps, why), ...reopened.map(closeStep)];
}

/** The step alone that removes them, where their layers are open for writing. */
export function removalStep(bitmaps: readonly DoomedBitmap[], why: string): Step {
  return { command: { kind: 'transaction', actions: removals(bitmaps) }, why, irreversible: true };
}

/** Makes a layer that is open for writing read-only again. */
export function closeStep([diskTarget, layer]: DiskLayer): Step {
  const why = `Make layer "${layer.node.nodeName}" of disk ${diskTarget} read-only again, which stores its other bitmaps.`;
  return { command: reopen(layer, true), why };
}

/** Opens a read-only layer for writing. */
export function openStep([diskTarget, layer]: DiskLayer): Step {
  const why = `Open layer "${layer.node.nodeName}" of disk ${diskTarget} for writing: its bitmaps cannot be changed otherwise.`;
  return { command: reopen(layer, false), why, undo: reopen(layer, true) };
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

/** Those of their layers that are to be opened for writing: disk by disk, base-most first, each node once. */
export function readOnlyLayers(domain: Domain, bitmaps: readonly DoomedBitmap[]): readonly DiskLayer[] {
  const concerned = new Set(bitmaps.map(({ diskTarget }) => diskTarget));
  const affected = new Map(
    bitmaps.flatMap(({ layers }) => layers.map((layer) => [layer.node.nodeName, layer] as const)),
  );
  const byNode = new Map<string, DiskLayer>();
  for (const { diskTarget, backingChain } of domain.disks.filter((disk) => concerned.has(disk.diskTarget))) {
    for (const { nodeName, readOnly } of backingChain.toReversed()) {
      const layer = affected.get(nodeName);
      if (readOnly && layer !== undefined && !byNode.has(nodeName)) byNode.set(nodeName, [diskTarget, layer]);
    }
  }
  return [...byNode.values()];
}

/** Opens a layer anew, with all that QEMU wants named again. */
export function reopen({ node, backingNodeName }: Layer, readOnly: boolean): NodeReopenAction {
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
