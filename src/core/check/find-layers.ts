import type { BlockNode } from '../model/block-node.js';
import { activeLayerOf, type Disk } from '../model/disk.js';
import { type Domain, findDisk } from '../model/domain.js';
import { type Problem, problem } from '../problem.js';

/** A disk with a medium, or why there is none. */
export function findLayers(
  domain: Domain,
  diskTarget: string,
): { readonly disk?: Disk; readonly active?: BlockNode; readonly problems: readonly Problem[] } {
  const disk = findDisk(domain, diskTarget);
  if (disk === undefined) return { problems: [problem({ code: 'disk-not-found', disk: String(diskTarget) })] };
  const active = activeLayerOf(disk);
  if (active === undefined) return { problems: [problem({ code: 'disk-empty', diskTarget })] };
  return { disk, active, problems: [] };
}

/** Place of a layer in its disk's chain; -1 where it is none. */
export function placeOfLayer({ backingChain }: Disk, nodeName: string): number {
  return backingChain.findIndex((layer) => layer.nodeName === nodeName);
}

/** That nodes are layers of a disk. */
export function checkLayers(disk: Disk, nodeNames: readonly string[]): readonly Problem[] {
  const { diskTarget } = disk;
  const unknown = nodeNames.filter((nodeName) => placeOfLayer(disk, nodeName) === -1);
  return unknown.map((nodeName) => problem({ code: 'layer-not-found', diskTarget, nodeName: String(nodeName) }));
}
