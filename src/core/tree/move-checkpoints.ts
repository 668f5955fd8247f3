import type { Checkpoint, CheckpointDisk } from '../model/checkpoint.js';
import type { CheckpointTree } from '../model/checkpoint-tree.js';
import { removeCheckpoints } from './edit-tree.js';

/** What a change of a disk's chain means to its checkpoints. */
export interface CheckpointMove {
  readonly diskTarget: string;
  /** Files of the layers that are dropped. */
  readonly from: readonly (string | undefined)[];
  /** File of the layer that takes their bitmaps; absent: not known. */
  readonly to?: string;
  /** Names of the bitmaps that it takes. */
  readonly carried: readonly string[];
  /** Names of the bitmaps that end. */
  readonly ended: readonly string[];
}

/**
 * The tree after it: what was made on a layer that is dropped counts as made on the one that took its bitmap. A disk whose
 * bitmap ends takes part no longer, and a checkpoint whose last disk that was is gone.
 */
export function moveCheckpoints(tree: CheckpointTree, move: CheckpointMove): CheckpointTree {
  const from = new Set(move.from.filter((filename) => filename !== undefined));
  const carried = new Set(move.carried);
  const ended = new Set(move.ended);
  const gone = new Set<string>();
  let changed = false;
  const checkpoints = tree.checkpoints.map((checkpoint): Checkpoint => {
    const disks = checkpoint.disks.map((disk) => movedDisk(disk, { ...move, from, carried, ended }));
    if (disks.every((disk, place) => disk === checkpoint.disks[place])) return checkpoint;
    changed = true;
    if (disks.every(({ bitmap }) => bitmap === undefined)) gone.add(checkpoint.name);
    return { ...checkpoint, disks };
  });
  return changed ? removeCheckpoints({ ...tree, checkpoints }, gone) : tree;
}

function movedDisk(
  disk: CheckpointDisk,
  move: {
    readonly diskTarget: string;
    readonly from: ReadonlySet<string>;
    readonly to?: string;
    readonly carried: ReadonlySet<string>;
    readonly ended: ReadonlySet<string>;
  },
): CheckpointDisk {
  const { diskTarget, bitmap, madeOn } = disk;
  if (diskTarget !== move.diskTarget || bitmap === undefined) return disk;
  if (move.ended.has(bitmap)) return { diskTarget };
  if (madeOn === undefined || !move.from.has(madeOn) || !move.carried.has(bitmap)) return disk;
  return { diskTarget, bitmap, ...(move.to !== undefined && { madeOn: move.to }) };
}
