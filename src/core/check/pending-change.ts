import type { BlockNode } from '../model/block-node.js';
import { activeLayerOf } from '../model/disk.js';
import { type Domain, findDisk } from '../model/domain.js';
import type { PendingCreate, PendingDelete } from '../model/pending-change.js';
import { type Problem, problem } from '../problem.js';
import { bitmapOwners } from '../tree/bitmap-owners.js';
import { type DiskLayer, type DoomedBitmap, layersOf, layersWith } from './bitmap-removal.js';

/** A bitmap that is looked for on a disk that can be looked at; `layers` are those that have it. */
export interface SoughtBitmap extends DoomedBitmap {
  /** On how many layers it is where nothing of it is missing. */
  readonly whole: number;
}

/** What is found of a pending change. */
export interface Findings {
  /** On the disks that can be looked at. */
  readonly bitmaps: readonly SoughtBitmap[];
  /** Disks that the change is about and that cannot be looked at. */
  readonly unseen: readonly string[];
  readonly warnings: readonly Problem[];
}

/** Looks for the bitmaps of a checkpoint that was to be made. */
export function findCreated(domain: Domain, { checkpoint }: PendingCreate): Findings {
  const { name, disks } = checkpoint;
  const sought = disks.flatMap(({ diskTarget, bitmap, madeOn }) =>
    bitmap === undefined ? [] : [{ checkpoint: name, diskTarget, bitmap, madeOn, layers: 1 }],
  );
  return find(domain, sought, new Set([name]));
}

/** Looks for the bitmaps that a deletion was to remove. */
export function findDoomed(domain: Domain, { checkpoints, bitmaps }: PendingDelete): Findings {
  return find(domain, bitmaps, new Set(checkpoints));
}

interface Sought {
  readonly checkpoint: string;
  readonly diskTarget: string;
  readonly bitmap: string;
  readonly madeOn?: string | undefined;
  readonly layers: number;
}

function find(domain: Domain, sought: readonly Sought[], concerned: ReadonlySet<string>): Findings {
  const bitmaps: SoughtBitmap[] = [];
  const unseen: string[] = [];
  const warnings: Problem[] = [];
  const ownersOf = bitmapOwners(domain.checkpoints.checkpoints.filter(({ name }) => !concerned.has(name)));
  for (const { checkpoint, diskTarget, bitmap, madeOn, layers: whole } of sought) {
    const disk = findDisk(domain, diskTarget);
    const [owner] = ownersOf(diskTarget, bitmap);
    if (disk === undefined || disk.backingChain.length === 0) {
      unseen.push(diskTarget);
      warnings.push(
        problem(
          disk === undefined ? { code: 'disk-gone', diskTarget, checkpoint } : { code: 'disk-empty', diskTarget },
        ),
      );
    } else if (owner !== undefined) {
      bitmaps.push({ diskTarget, bitmap, layers: [], whole });
      warnings.push(problem({ code: 'bitmap-claimed', diskTarget, bitmap, checkpoint: owner }));
    } else {
      const mayHaveIt = new Set(downTo(disk.backingChain, madeOn));
      const layers = layersWith(disk.backingChain, bitmap).filter(({ node }) => mayHaveIt.has(node));
      bitmaps.push({ diskTarget, bitmap, layers, whole });
    }
  }
  return { bitmaps, unseen, warnings };
}

/** What lies below the layer that a bitmap was made on is older than it: a namesake there is another's. */
function downTo(backingChain: readonly BlockNode[], madeOn: string | undefined): readonly BlockNode[] {
  const origin = backingChain.findIndex(({ filename }) => madeOn !== undefined && filename === madeOn);
  return origin === -1 ? backingChain : backingChain.slice(0, origin + 1);
}

/** The layers that a deletion opened for writing and left so, base-most first; the guest's own writes go to others. */
export function layersLeftWritable(domain: Domain, { reopenedNodes }: PendingDelete): readonly DiskLayer[] {
  const reopened = new Set(reopenedNodes);
  for (const disk of domain.disks) {
    const active = activeLayerOf(disk);
    if (active !== undefined && !disk.readOnly) reopened.delete(active.nodeName);
  }
  return domain.disks.flatMap(({ diskTarget, backingChain }) =>
    layersOf(backingChain)
      .filter(({ node }) => !node.readOnly && reopened.delete(node.nodeName))
      .map((layer): DiskLayer => [diskTarget, layer])
      .reverse(),
  );
}
