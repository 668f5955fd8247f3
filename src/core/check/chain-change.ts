import type { BlockNode } from '../model/block-node.js';
import type { Domain } from '../model/domain.js';
import { type Problem, problem } from '../problem.js';

/** How a job changes the layers of one disk. */
export interface ChainChange {
  readonly kind: 'commit' | 'copy' | 'pull';
  readonly diskTarget: string;
  /** The layers before it, the active one first. */
  readonly chain: readonly BlockNode[];
  /** Place of the first layer that is no part of the disk afterwards. */
  readonly from: number;
  /** Place of the first below those. */
  readonly to: number;
  /** The layer that takes their data. */
  readonly receiver: BlockNode;
}

/** The layers that are no part of the disk afterwards, from above. */
export function droppedLayers({ chain, from, to }: ChainChange): readonly BlockNode[] {
  return chain.slice(from, to);
}

/** The layers above those that stay: their bitmaps say what was written since, too. */
export function layersAbove({ chain, from }: ChainChange): readonly BlockNode[] {
  return chain.slice(0, from);
}

/** The layers after it, as they are now. */
export function layersAfter({ kind, chain, from, to, receiver }: ChainChange): readonly BlockNode[] {
  return kind === 'copy' ? [receiver, ...chain.slice(to)] : [...chain.slice(0, from), ...chain.slice(to)];
}

/** Whether the guest writes to another layer afterwards, and so the job follows it until it is completed. */
export function movesGuest({ kind, from }: ChainChange): boolean {
  return kind !== 'pull' && from === 0;
}

/** The filter above the disk's active layer, as the job is told of it. */
export function filterAbove({ disks }: Domain, { diskTarget }: ChainChange): { readonly filterNodeName?: string } {
  const filterNodeName = disks.find((disk) => disk.diskTarget === diskTarget)?.filterNodeName;
  return filterNodeName === undefined ? {} : { filterNodeName };
}

/** That no other disk reads what a commit changes. */
export function checkNotShared({ disks }: Domain, change: ChainChange): readonly Problem[] {
  const { diskTarget, chain, from, to } = change;
  const changed = chain.slice(from, to + 1);
  return disks.flatMap(({ diskTarget: otherDiskTarget, backingChain }) => {
    if (otherDiskTarget === diskTarget) return [];
    const shared = changed.find((layer) => backingChain.some((other) => isSameImage(layer, other)));
    if (shared === undefined) return [];
    return [problem({ code: 'layer-shared', diskTarget, nodeName: shared.nodeName, otherDiskTarget })];
  });
}

function isSameImage(one: BlockNode, other: BlockNode): boolean {
  return one.nodeName === other.nodeName || (one.filename !== undefined && one.filename === other.filename);
}
