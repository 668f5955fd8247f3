import type { BitmapReference } from '../action.js';
import { findBitmap, isSound } from '../model/bitmap.js';
import type { BlockNode } from '../model/block-node.js';
import type { Domain } from '../model/domain.js';
import { isGeneratedNodeName } from '../model/names.js';
import { type Problem, problem } from '../problem.js';
import { bitmapOwners } from '../tree/bitmap-owners.js';
import { checkRemovals, type DoomedBitmap, layersOf } from './bitmap-removal.js';
import { type ChainChange, droppedLayers, layersAbove, layersAfter, movesGuest } from './chain-change.js';
import { checkNewBitmaps } from './new-bitmap.js';
import { type BitmapOrigins, bitmapOrigins, faultsFrom } from './usable-bitmap.js';

/** A bitmap that goes on on the layer which takes the data. */
export interface CarriedBitmap {
  readonly name: string;
  /** Bytes per bit; 0 where it is not known. */
  readonly granularity: number;
  /** The receiving layer has none of that name yet. */
  readonly isNew: boolean;
  /** On the layers that are dropped, from above. */
  readonly sources: readonly BitmapReference[];
}

/** What becomes of the bitmaps of layers that are dropped. */
export interface CarriedBitmaps {
  readonly carried: readonly CarriedBitmap[];
  /** Names of those that end, though they could be used, or would seem so. */
  readonly ended: readonly string[];
  /** What is left of those on layers that stay, and has to go first. */
  readonly doomed: readonly DoomedBitmap[];
  readonly problems: readonly Problem[];
  readonly warnings: readonly Problem[];
}

export interface EndOptions {
  /**
   * Go on though checkpoints end on this disk, because their bitmaps cannot be stored, or could not be told from good ones
   * afterwards. Default: that is refused, and each is named.
   */
  readonly endCheckpoints?: boolean;
}

/**
 * Says what becomes of the bitmaps of layers that are dropped, by these rules:
 *
 * 1. a bitmap is carried over if it can be used from the uppermost dropped layer down (for a pull, from the active one);
 * 2. in a commit also if it can be used from the base down: a bitmap that records there records what the commit writes, so
 *    that one which was lost above is whole again;
 * 3. its sources are the dropped layers that have it in good order, no lower than where it was made;
 * 4. QEMU merges bitmaps of one size only, and the receiving layer must be able to store them: where one can be used and
 *    this keeps it from being carried over, it ends;
 * 5. one that cannot be used is left behind, which is told; but if it would then seem to be good, because what is wrong with
 *    it goes with the dropped layers, it ends;
 * 6. what ends is refused, unless that is asked for: then its rest is removed from the layers that stay, before anything else;
 * 7. nothing may hold a bitmap of the layers concerned;
 * 8. a layer whose name QEMU made up is gone with the job that drops it, and the guest's last writes to it with its bitmaps.
 */
export function examineCarried(
  domain: Domain,
  change: ChainChange,
  { endCheckpoints = false, resumed = false }: EndOptions & { readonly resumed?: boolean } = {},
): CarriedBitmaps {
  const { diskTarget } = change;
  const origins = bitmapOrigins(domain.checkpoints, diskTarget);
  const carried: CarriedBitmap[] = [];
  const ends: Ending[] = [];
  const warnings: Problem[] = [];
  const dropped = droppedLayers(change);
  for (const name of namesOf([...layersAbove(change), ...dropped])) {
    const faults = faultsOf(change, name, origins);
    if (faults.length > 0) {
      // 5
      if (seemsGood(change, name, origins)) ends.push(unusable(change, name));
      else if (dropped.some((layer) => findBitmap(layer, name))) warnings.push(...faults);
      continue;
    }
    const end = carryOver(change, name, origins, resumed);
    if ('reason' in end) ends.push(end);
    else if (end.sources.length > 0) carried.push(end);
  }
  const problems = [...checkAdded(change, carried), ...checkNotBusy(change), ...checkNamed(change, carried)];
  const told = endings(domain, diskTarget, ends);
  // 6
  if (!endCheckpoints) return { carried, ended: [], doomed: [], problems: [...told, ...problems], warnings };
  const doomed = restOf(change, ends);
  return {
    carried,
    ended: ends.map(({ bitmap }) => bitmap),
    doomed,
    problems: [...problems, ...checkRemovals(doomed)],
    warnings: [...told, ...warnings],
  };
}

/** A bitmap that ends, and the node that is the reason. */
interface Ending {
  readonly bitmap: string;
  readonly nodeName: string;
  readonly reason: 'cannot-store' | 'size' | 'unusable';
}

function namesOf(layers: readonly BlockNode[]): readonly string[] {
  return [...new Set(layers.flatMap(({ bitmaps }) => bitmaps.map(({ name }) => name)))];
}

/** Why a bitmap is not carried over as it is; `[]` where it is, or where it is none of the dropped layers'. */
function faultsOf(change: ChainChange, name: string, origins: BitmapOrigins): readonly Problem[] {
  const { kind, diskTarget, chain, from, to } = change;
  const of = { origins, diskTarget };
  // 1
  const faults = faultsFrom(chain, kind === 'pull' ? 0 : from, name, of);
  if (faults.length === 0 || kind !== 'commit') return faults;
  // 2
  if (faultsFrom(chain, to, name, of).length === 0) return [];
  // Made above what is committed, it has nothing to do with it.
  return from > 0 && faultsFrom(chain, 0, name, of).length === 0 ? [] : faults;
}

function seemsGood(change: ChainChange, name: string, origins: BitmapOrigins): boolean {
  if (change.kind === 'copy') return false;
  return faultsFrom(layersAfter(change), 0, name, { origins, diskTarget: change.diskTarget }).length === 0;
}

function unusable(change: ChainChange, name: string): Ending {
  const { nodeName } = droppedLayers(change).find((layer) => !hasSound(layer, name)) ?? change.receiver;
  return { bitmap: name, nodeName, reason: 'unusable' };
}

function carryOver(
  change: ChainChange,
  name: string,
  origins: BitmapOrigins,
  resumed: boolean,
): CarriedBitmap | Ending {
  const { kind, chain, from, to, receiver } = change;
  const places = origins(name).map((madeOn) => chain.findLastIndex(({ filename }) => filename === madeOn));
  const lowest = places.includes(-1) ? chain.length : Math.max(...places);
  // 3
  const layers = chain.slice(from, Math.min(to, lowest + 1)).filter((layer) => hasSound(layer, name));
  const granularity = findBitmap(layers[0] ?? receiver, name)?.granularity ?? 0;
  const isNew = !hasSound(receiver, name) || (kind === 'copy' && !resumed);
  const size = sizeAfter(change);
  const other = layers.find(({ virtualSize }) => virtualSize !== size);
  // 4
  if (isNew && layers.length > 0 && !canStore(receiver)) {
    return { bitmap: name, nodeName: receiver.nodeName, reason: 'cannot-store' };
  }
  if (other !== undefined && (isNew || kind !== 'commit')) {
    return { bitmap: name, nodeName: other.nodeName, reason: 'size' };
  }
  const sources = layers
    .filter(({ virtualSize }) => virtualSize === size)
    .map(({ nodeName }) => ({ nodeName, bitmap: name }));
  return { name, granularity, isNew, sources };
}

function hasSound(layer: BlockNode, name: string): boolean {
  const bitmap = findBitmap(layer, name);
  return bitmap !== undefined && isSound(bitmap);
}

/** QEMU lets a base grow for what is committed to it. */
function sizeAfter({ kind, chain, from, receiver }: ChainChange): number {
  return Math.max(receiver.virtualSize, (kind === 'commit' && chain[from]?.virtualSize) || 0);
}

function canStore({ format, qcow2Version }: BlockNode): boolean {
  return format === 'qcow2' && qcow2Version !== 2;
}

function checkAdded(change: ChainChange, carried: readonly CarriedBitmap[]): readonly Problem[] {
  const added = carried.filter(({ isNew }) => isNew);
  // A job opens the layer that it writes to.
  const receiver = { ...change.receiver, readOnly: false, virtualSize: sizeAfter(change) };
  return checkNewBitmaps(change.diskTarget, receiver, added);
}

function checkNotBusy(change: ChainChange): readonly Problem[] {
  const { diskTarget, receiver } = change;
  return [...droppedLayers(change), receiver].flatMap(({ nodeName, bitmaps }) => {
    const busy = bitmaps.filter((bitmap) => bitmap.busy);
    // 7
    return busy.map(({ name }) => problem({ code: 'bitmap-busy', diskTarget, nodeName, bitmap: name }));
  });
}

function checkNamed(change: ChainChange, carried: readonly CarriedBitmap[]): readonly Problem[] {
  if (!movesGuest(change)) return [];
  const { diskTarget } = change;
  const [active] = droppedLayers(change);
  if (active === undefined || !isGeneratedNodeName(active.nodeName)) return [];
  const { nodeName } = active;
  // 8
  const lost = carried.filter(({ sources }) => sources.some((source) => source.nodeName === nodeName));
  return lost.map(({ name }) => problem({ code: 'layer-unnamed', diskTarget, nodeName, bitmap: name }));
}

function endings(domain: Domain, diskTarget: string, ends: readonly Ending[]): readonly Problem[] {
  const ownersOf = bitmapOwners(domain.checkpoints.checkpoints);
  return ends.flatMap((ending) => {
    const details = { code: 'bitmap-ends', diskTarget, ...ending } as const;
    const owners = ownersOf(diskTarget, ending.bitmap);
    return owners.length === 0 ? [problem(details)] : owners.map((checkpoint) => problem({ ...details, checkpoint }));
  });
}

function restOf(change: ChainChange, ends: readonly Ending[]): readonly DoomedBitmap[] {
  const { diskTarget, chain, from } = change;
  const above = layersOf(chain).slice(0, from);
  return ends.flatMap(({ bitmap }) => {
    const layers = above.filter(({ node }) => findBitmap(node, bitmap) !== undefined);
    return layers.length === 0 ? [] : [{ diskTarget, bitmap, layers }];
  });
}
