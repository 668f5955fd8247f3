import type { BitmapAction, BitmapAddAction } from '../action.js';
import type { AlignedDisk } from '../check/align-disks.js';
import type { Checkpoint, CheckpointDisk } from '../model/checkpoint.js';
import type { CheckpointDefinition } from '../model/checkpoint-definition.js';
import { activeLayerOf } from '../model/disk.js';

/** The metadata of a checkpoint that is made now. */
export function newCheckpoint(
  { description }: CheckpointDefinition,
  disks: readonly AlignedDisk[],
  made: { readonly name: string; readonly parent: string | undefined; readonly now: number },
): Checkpoint {
  const { name, parent, now } = made;
  return {
    name,
    ...(description !== undefined && { description }),
    ...(parent !== undefined && { parent }),
    creationTimeSeconds: now,
    disks: disks.map(checkpointDisk),
  };
}

function checkpointDisk({ disk, bitmap }: AlignedDisk): CheckpointDisk {
  const { diskTarget } = disk;
  if (bitmap === undefined) return { diskTarget };
  const madeOn = activeLayerOf(disk)?.filename;
  return madeOn === undefined ? { diskTarget, bitmap: bitmap.name } : { diskTarget, bitmap: bitmap.name, madeOn };
}

/** What begins a checkpoint: a bitmap on the active layer of each disk that takes part. */
export function newBitmaps(disks: readonly AlignedDisk[]): readonly BitmapAddAction[] {
  return disks.flatMap(({ disk, bitmap }) => {
    const nodeName = activeLayerOf(disk)?.nodeName;
    if (bitmap === undefined || nodeName === undefined) return [];
    const { name, granularity } = bitmap;
    const action = { kind: 'bitmap-add', nodeName, bitmap: name, persistent: true, recording: true } as const;
    return [granularity === undefined ? action : { ...action, granularity }];
  });
}

/** What takes back that bitmaps were added. */
export function removalOf({ nodeName, bitmap }: BitmapAddAction): BitmapAction {
  return { kind: 'bitmap-remove', nodeName, bitmap };
}
