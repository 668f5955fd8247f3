import type { FillJob } from './job.js';
import type { BlockNode } from './model/block-node.js';
import type { Domain } from './model/domain.js';
import { defaultGranularity } from './model/granularity.js';

/** The bitmap has what is allocated in its layer; that is not known here, so the most it can be is shown. */
export function fillBitmap(domain: Domain, { nodeName, bitmap: name }: FillJob): Domain {
  const disks = domain.disks.map((disk) => {
    if (!disk.backingChain.some((layer) => layer.nodeName === nodeName)) return disk;
    const backingChain = disk.backingChain.map((layer) => (layer.nodeName === nodeName ? filled(layer, name) : layer));
    return { ...disk, backingChain };
  });
  return { ...domain, disks };
}

function filled(layer: BlockNode, name: string): BlockNode {
  const bitmaps = layer.bitmaps.map((bitmap) => {
    if (bitmap.name !== name) return bitmap;
    const granularity = bitmap.granularity || defaultGranularity(layer.clusterSize);
    return { ...bitmap, dirtyBytes: Math.ceil(layer.virtualSize / granularity) * granularity };
  });
  return { ...layer, bitmaps };
}
