import type { BlockNode } from '../model/block-node.js';
import type { CheckpointTree } from '../model/checkpoint-tree.js';
import type { Problem } from '../problem.js';
import { checkBitmapChain } from './bitmap-chain.js';

/** The file names a bitmap of a disk was made on, one for each checkpoint that names it; `undefined` where that is not known. */
export type BitmapOrigins = (bitmap: string) => readonly (string | undefined)[];

/** Where the bitmaps of a disk were made. Of one that no checkpoint names it is not known. */
export function bitmapOrigins({ checkpoints }: CheckpointTree, diskTarget: string): BitmapOrigins {
  const origins = new Map<string, (string | undefined)[]>();
  for (const { disks } of checkpoints) {
    for (const { diskTarget: of, bitmap, madeOn } of disks) {
      if (of !== diskTarget || bitmap === undefined) continue;
      const known = origins.get(bitmap);
      if (known === undefined) origins.set(bitmap, [madeOn]);
      else known.push(madeOn);
    }
  }
  return (bitmap) => origins.get(bitmap) ?? [undefined];
}

/**
 * Why the bitmaps of one name cannot be used on the layers of a chain from a place on; `[]` where they can.
 *
 * What lies below the layer that a bitmap was made on is older than it: a namesake there is another's. One that was made
 * above the place is judged as if that were not known.
 */
export function faultsFrom(
  chain: readonly BlockNode[],
  start: number,
  bitmap: string,
  { origins, diskTarget }: { readonly origins: BitmapOrigins; readonly diskTarget: string },
): readonly Problem[] {
  const faults = origins(bitmap).flatMap((madeOn) => {
    const origin = madeOn === undefined ? -1 : chain.findLastIndex(({ filename }) => filename === madeOn);
    const isAbove = origin !== -1 && origin < start;
    const layers = chain.slice(start, origin === -1 || isAbove ? chain.length : origin + 1);
    return checkBitmapChain(layers, bitmap, { diskTarget, ...(madeOn !== undefined && !isAbove && { madeOn }) });
  });
  const byText = new Map(faults.map((fault) => [fault.text, fault]));
  return [...byText.values()];
}
