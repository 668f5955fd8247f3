import type { BlockNode } from '../core/model/block-node.js';
import type { Disk } from '../core/model/disk.js';
import { isImageFormat } from './drivers.js';

/** Images that are no layer of a disk: an overlay to be, the target of a copy, what a job has left over. */
export function otherImages(nodes: readonly BlockNode[], disks: readonly Disk[]): readonly BlockNode[] {
  const layers = new Set(disks.flatMap(({ backingChain }) => backingChain.map(({ nodeName }) => nodeName)));
  return nodes.filter(({ nodeName, format }) => isImageFormat(format) && !layers.has(nodeName));
}
