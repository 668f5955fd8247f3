import { isCheckpointError } from '../core/error.js';
import type { BlockNode } from '../core/model/block-node.js';
import { isGeneratedNodeName } from '../core/model/names.js';
import { isFilter } from './drivers.js';
import { imageBelow } from './resolve-backing-chain.js';

/**
 * The topmost filter above a disk's active layer.
 *
 * Before QEMU 10.1 a reply does not say which of several stands on which. So it is the one that a device uses, or that the disk
 * is named by, and else the one that was added last, for a reply begins with that.
 *
 * @param used - What devices use, and what the disk is named by.
 * @returns Its node-name; `undefined` where there is none. A filter that QEMU named itself and nobody uses is a running job's.
 */
export function filterAbove(
  nodes: readonly BlockNode[],
  active: BlockNode,
  used: readonly (string | undefined)[],
): string | undefined {
  const above = nodes.filter((node) => isFilter(node.format) && isAbove(nodes, node, active));
  const below = new Set(above.map(({ fileNodeName, backingNodeName }) => fileNodeName ?? backingNodeName));
  const names = above.map(({ nodeName }) => nodeName).filter((name) => !below.has(name));
  return (
    used.find((name) => name !== undefined && names.includes(name)) ?? names.find((name) => !isGeneratedNodeName(name))
  );
}

function isAbove(nodes: readonly BlockNode[], filter: BlockNode, active: BlockNode): boolean {
  try {
    return imageBelow(nodes, filter) === active;
  } catch (error) {
    if (!isCheckpointError(error)) throw error;
    return false;
  }
}
