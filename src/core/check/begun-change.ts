import type { BlockNode } from '../model/block-node.js';
import { type Domain, findDisk } from '../model/domain.js';
import { isGeneratedNodeName } from '../model/names.js';
import { type ChainJob, isLayer, type PendingChainChange } from '../model/pending-chain-change.js';
import type { ChainChange } from './chain-change.js';

/** A change of a disk's layers by a job, as it is found after whoever began it has died. */
export interface BegunChange {
  readonly job: ChainJob;
  /** From the layers before it to those after it; of the layers that went, those that are still open. */
  readonly change: ChainChange;
  /** The layers that were to go are no part of the disk any more. */
  readonly isDone: boolean;
  /** All of them are still open, but for those that go by themselves. */
  readonly isOpen: boolean;
}

/**
 * Finds what was begun on a disk: its layers tell whether it was done. By these rules:
 *
 * 1. a job has not changed the disk as long as one of the layers that were to go is in its chain, known by its file;
 * 2. layers that went are looked for among the nodes that are no layer of any disk.
 *
 * @returns `undefined` where the disk, or the layer that takes the data, is not there.
 */
export function findBegunChange(domain: Domain, note: PendingChainChange, job: ChainJob): BegunChange | undefined {
  const { diskTarget, dropped } = note;
  const chain = findDisk(domain, diskTarget)?.backingChain ?? [];
  const others = domain.otherNodes ?? [];
  const receiver = [...chain, ...others].find((node) => isLayer(node, note.receiver));
  if (receiver === undefined) return undefined;
  const { kind } = job;
  // 1
  const from = chain.findIndex((layer) => dropped.some((each) => isLayer(layer, each)));
  if (from !== -1) {
    const change: ChainChange = { kind, diskTarget, chain, from, to: from + dropped.length, receiver };
    return { job, change, isDone: false, isOpen: true };
  }
  // 2
  const left = dropped.flatMap((each) => others.find((node) => isLayer(node, each)) ?? []);
  const stayed = dropped.slice(dropped.findIndex(({ nodeName }) => !isGeneratedNodeName(nodeName)));
  const isOpen = stayed.every((each) => left.some((node) => isLayer(node, each)));
  return { job, change: changeBefore(job, chain, left, receiver), isDone: true, isOpen };
}

/** The change that led to a chain, with the layers that went put back in their place. */
function changeBefore(
  { kind, diskTarget }: ChainJob,
  after: readonly BlockNode[],
  left: readonly BlockNode[],
  receiver: BlockNode,
): ChainChange {
  const place = after.indexOf(receiver);
  const from = kind === 'pull' ? place + 1 : place;
  const below = kind === 'copy' ? after.slice(place + 1) : after.slice(from);
  const chain = [...after.slice(0, from), ...left, ...below];
  return { kind, diskTarget, chain, from, to: from + left.length, receiver };
}
