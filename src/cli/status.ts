import { checkBitmapChain } from '../core/check/bitmap-chain.js';
import { findBitmap } from '../core/model/bitmap.js';
import type { Checkpoint } from '../core/model/checkpoint.js';
import { type Domain, findDisk } from '../core/model/domain.js';
import { type Problem, problem } from '../core/problem.js';

/** How a checkpoint stands on one disk. */
export interface DiskStatus {
  readonly diskTarget: string;
  readonly bitmap: string;
  /** Bytes that may have changed since: the bitmaps of all layers together, the whole disk at most. */
  readonly dirtyBytes: number;
  /** Node-names of the layers that have the bitmap, from the active one down. */
  readonly layers: readonly string[];
  readonly usable: boolean;
  /** Why the bitmap cannot be used; none where it can. */
  readonly problems: readonly Problem[];
}

/** How a checkpoint stands, on each disk that takes part. */
export interface CheckpointStatus {
  readonly checkpoint: Checkpoint;
  readonly current: boolean;
  /** On every disk that takes part. */
  readonly usable: boolean;
  readonly disks: readonly DiskStatus[];
}

export function statusOf(domain: Domain): readonly CheckpointStatus[] {
  const { checkpoints, current } = domain.checkpoints;
  return checkpoints.map((checkpoint) => {
    const disks = diskStatus(domain, checkpoint);
    return { checkpoint, current: checkpoint.name === current, usable: disks.every(({ usable }) => usable), disks };
  });
}

function diskStatus(domain: Domain, checkpoint: Checkpoint): readonly DiskStatus[] {
  return checkpoint.disks.flatMap(({ diskTarget, bitmap, madeOn }): DiskStatus[] => {
    if (bitmap === undefined) return [];
    const disk = findDisk(domain, diskTarget);
    if (disk === undefined) {
      const problems = [problem({ code: 'disk-gone', diskTarget, checkpoint: checkpoint.name })];
      return [{ diskTarget, bitmap, dirtyBytes: 0, layers: [], usable: false, problems }];
    }
    const { backingChain } = disk;
    const problems = checkBitmapChain(backingChain, bitmap, { diskTarget, ...(madeOn !== undefined && { madeOn }) });
    const found = backingChain.map((node) => ({ node, bitmap: findBitmap(node, bitmap) }));
    const dirty = found.reduce((sum, each) => sum + (each.bitmap?.dirtyBytes ?? 0), 0);
    const dirtyBytes = Math.min(dirty, backingChain[0]?.virtualSize ?? 0);
    const layers = found.filter((each) => each.bitmap !== undefined).map(({ node }) => node.nodeName);
    return [{ diskTarget, bitmap, dirtyBytes, layers, usable: problems.length === 0, problems }];
  });
}
