import type { BitmapAddAction, BitmapMergeAction, TransactionAction } from '../action.js';
import { isFileNodeNamed } from '../check/bitmap-removal.js';
import type { CarriedBitmap, CarriedBitmaps } from '../check/carried-bitmaps.js';
import { type ChainChange, droppedLayers } from '../check/chain-change.js';
import type { CheckpointTree } from '../model/checkpoint-tree.js';
import type { Domain } from '../model/domain.js';
import { isGeneratedNodeName } from '../model/names.js';
import { moveCheckpoints } from '../tree/move-checkpoints.js';
import { removalSteps } from './bitmap-removal.js';
import { removalOf } from './new-checkpoint.js';
import type { Step } from './plan.js';

/** Before anything else: what would be left of bitmaps that end, and seem good, goes. */
export function endSteps(domain: Domain, { diskTarget }: ChainChange, { doomed }: CarriedBitmaps): readonly Step[] {
  if (doomed.length === 0) return [];
  const why = `Remove what would be left of the bitmaps that end on disk ${diskTarget}: they would seem good.`;
  return removalSteps(domain, doomed, why);
}

/**
 * What is missing on the receiving layer is added there, recording, and gets at the same instant what the dropped layers have:
 * from then on it is whole, whatever becomes of whoever runs this.
 */
export function carrySteps({ receiver }: ChainChange, carried: readonly CarriedBitmap[]): readonly Step[] {
  if (carried.length === 0) return [];
  // QEMU lists the newest bitmap first: so they end up in the same order.
  const actions = carried.toReversed().flatMap((bitmap): TransactionAction[] => {
    const merge = mergeInto(receiver.nodeName, bitmap);
    return bitmap.isNew ? [addTo(receiver.nodeName, bitmap), merge] : [merge];
  });
  const added = actions.flatMap((action) => (action.kind === 'bitmap-add' ? [removalOf(action)] : []));
  const why = `Let the bitmaps of the layers that go be recorded on node "${receiver.nodeName}" too, with all they hold.`;
  // What was merged into bitmaps that were there stays: the layers above say the same.
  const undo = { kind: 'transaction', actions: added } as const;
  return [{ command: { kind: 'transaction', actions }, why, undo }];
}

/**
 * What the guest wrote to the dropped layers until the job ended; merging twice does no harm. An active layer of a `-drive` is
 * gone by then: the receiving layer has recorded all that the job brought there.
 */
export function mergeSteps(change: ChainChange, carried: readonly CarriedBitmap[]): readonly Step[] {
  const { nodeName } = change.receiver;
  const there = new Set(remainingNodes(change).map((node) => node.nodeName));
  const actions = carried.toReversed().flatMap((bitmap) => {
    const sources = bitmap.sources.filter((source) => there.has(source.nodeName));
    return sources.length === 0 ? [] : [mergeInto(nodeName, { ...bitmap, sources })];
  });
  if (actions.length === 0) return [];
  const why = `Merge what was written until the job ended into the bitmaps of node "${nodeName}".`;
  return [{ command: { kind: 'transaction', actions, mayBeGone: true }, why }];
}

/** That what was carried over is there, before anything is closed that has it too. */
export function expectSteps({ receiver }: ChainChange, carried: readonly CarriedBitmap[]): readonly Step[] {
  if (carried.length === 0) return [];
  const { nodeName } = receiver;
  const why = `See that node "${nodeName}" has all of them, before those they come from are closed.`;
  return [{ command: { kind: 'bitmaps-expect', nodeName, bitmaps: carried.map(({ name }) => name) }, why }];
}

/**
 * The dropped layers are closed, the uppermost first, and their protocol layers with them. Nodes that QEMU named itself, and
 * those of a `-drive`, go by themselves; those that another disk stands on stay.
 */
export function closeSteps(domain: Domain, change: ChainChange): readonly Step[] {
  const others = domain.disks.filter(({ diskTarget }) => diskTarget !== change.diskTarget);
  const inUse = new Set(
    others.flatMap(({ backingChain }) => backingChain.flatMap((node) => [node.nodeName, node.fileNodeName])),
  );
  return remainingNodes(change).flatMap((node): Step[] => {
    const { nodeName, fileNodeName } = node;
    if (isGeneratedNodeName(nodeName) || inUse.has(nodeName)) return [];
    const why = `Close layer "${nodeName}", which is no part of disk ${change.diskTarget} any more.`;
    const close: Step = { command: { kind: 'node-remove', nodeName, mayBeGone: true }, why };
    if (fileNodeName === undefined || !isFileNodeNamed(node) || inUse.has(fileNodeName)) return [close];
    const command = { kind: 'node-remove', nodeName: fileNodeName, mayBeGone: true } as const;
    return [close, { command, why: `Close its protocol layer "${fileNodeName}".` }];
  });
}

/** The tree afterwards: where each checkpoint was made stays true. */
export function treeAfter(
  tree: CheckpointTree,
  change: ChainChange,
  { carried, ended }: Pick<CarriedBitmaps, 'carried' | 'ended'>,
): CheckpointTree {
  const { filename: to } = change.receiver;
  return moveCheckpoints(tree, {
    diskTarget: change.diskTarget,
    from: droppedLayers(change).map(({ filename }) => filename),
    ...(to !== undefined && { to }),
    carried: carried.map(({ name }) => name),
    ended,
  });
}

/** A node that QEMU named itself is there only as long as another stands on it. */
function remainingNodes(change: ChainChange) {
  const dropped = droppedLayers(change);
  const first = dropped.findIndex(({ nodeName }) => !isGeneratedNodeName(nodeName));
  return first === -1 ? [] : dropped.slice(first);
}

function addTo(nodeName: string, { name, granularity }: CarriedBitmap): BitmapAddAction {
  const as = { persistent: true, recording: true, ...(granularity > 0 && { granularity }) };
  return { kind: 'bitmap-add', nodeName, bitmap: name, ...as };
}

function mergeInto(nodeName: string, { name, sources }: CarriedBitmap): BitmapMergeAction {
  return { kind: 'bitmap-merge', nodeName, intoBitmap: name, sources };
}
