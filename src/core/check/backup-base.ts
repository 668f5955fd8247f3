import type { BitmapReference } from '../action.js';
import { type Bitmap, findBitmap } from '../model/bitmap.js';
import type { BlockNode } from '../model/block-node.js';
import type { Checkpoint } from '../model/checkpoint.js';
import { activeLayerOf, type Disk } from '../model/disk.js';
import { type Problem, problem } from '../problem.js';
import { faultsFrom } from './usable-bitmap.js';

/** What a checkpoint knows of the changes of a disk since it was made. */
export interface ChangesSince {
  /** Its bitmap on each layer, from the active one down to the one it was made on. */
  readonly sources: readonly BitmapReference[];
  /** Bytes per bit, on the active layer; 0 where it is not known. */
  readonly granularity: number;
  /** The most that can have changed. */
  readonly bytes: number;
}

/**
 * Says whether a backup of a disk can be based on a checkpoint, and what has changed since then, by these rules:
 *
 * 1. the backup that began with the checkpoint is complete (`checkpoint-provisional`);
 * 2. the disk takes part in it (`disk-not-in-checkpoint`);
 * 3. its bitmaps hold all that was written since, from the active layer down to the one it was made on: {@link checkBitmapChain};
 * 4. these layers are of one size, for QEMU merges no bitmaps of different sizes (`bitmap-size-differs`).
 *
 * A bitmap that a job or an export holds is good, though QEMU does not merge it before that has ended.
 */
export function examineBase(
  disk: Disk,
  { name, provisional, disks }: Checkpoint,
): { readonly changes: ChangesSince; readonly problems: readonly Problem[] } {
  const { diskTarget, backingChain: chain } = disk;
  const part = disks.find((each) => each.diskTarget === diskTarget);
  const refused = (problems: readonly Problem[]) => ({ changes: nothing, problems });
  // 1
  if (provisional) return refused([problem({ code: 'checkpoint-provisional', checkpoint: name })]);
  const { bitmap, madeOn } = part ?? {};
  // 2
  if (bitmap === undefined) return refused([problem({ code: 'disk-not-in-checkpoint', diskTarget, checkpoint: name })]);
  // 3
  const faults = faultsFrom(chain, 0, bitmap, { origins: () => [madeOn], diskTarget });
  if (faults.length > 0) return refused(faults);
  const found = layersSince(chain, bitmap, madeOn);
  return { changes: changesIn(found, chain[0]), problems: sizeProblems(disk, found) };
}

const nothing: ChangesSince = { sources: [], granularity: 0, bytes: 0 };

type Found = readonly (readonly [node: BlockNode, bitmap: Bitmap])[];

/** A namesake below the layer it was made on is another's. */
function layersSince(chain: readonly BlockNode[], name: string, madeOn: string | undefined): Found {
  const origin = madeOn === undefined ? -1 : chain.findLastIndex(({ filename }) => filename === madeOn);
  const layers = origin === -1 ? chain : chain.slice(0, origin + 1);
  return layers.flatMap((node) => {
    const bitmap = findBitmap(node, name);
    return bitmap === undefined ? [] : [[node, bitmap] as const];
  });
}

function changesIn(found: Found, active: BlockNode | undefined): ChangesSince {
  const sources = found.map(([{ nodeName }, { name: bitmap }]) => ({ nodeName, bitmap }));
  const dirty = found.reduce((sum, [, { dirtyBytes }]) => sum + dirtyBytes, 0);
  const granularity = found[0]?.[1].granularity ?? 0;
  return { sources, granularity, bytes: Math.min(dirty, active?.virtualSize ?? 0) };
}

function sizeProblems(disk: Disk, found: Found): readonly Problem[] {
  const expectedSize = activeLayerOf(disk)?.virtualSize ?? 0;
  const { diskTarget } = disk;
  // 4
  return found.flatMap(([{ nodeName, virtualSize }, { name: bitmap }]) =>
    virtualSize === expectedSize
      ? []
      : [problem({ code: 'bitmap-size-differs', diskTarget, nodeName, bitmap, virtualSize, expectedSize })],
  );
}
