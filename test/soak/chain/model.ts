/**
 * What is known of a machine that is backed up from what was done to it alone, to judge which base is right. A checkpoint is good
 * on a disk where every layer from the active one down to the one it was made on has its bitmap, and all are of one size.
 */
export interface ChainModel {
  readonly disks: readonly ChainDisk[];
  /** The checkpoints that there are, the oldest first. */
  readonly checkpoints: string[];
  /** The backups that were made, the oldest first. */
  readonly points: ChainPoint[];
}

export interface ChainDisk {
  readonly diskTarget: string;
  readonly isRaw: boolean;
  /** The active one first. */
  readonly layers: ChainLayer[];
  /** The layer that each checkpoint was made on, of those that the disk takes part in. */
  readonly madeOn: Map<string, ChainLayer>;
}

export interface ChainLayer {
  granules: number;
  /** Checkpoints whose bitmaps are there and whole. */
  readonly bitmaps: Set<string>;
}

export interface ChainPoint {
  readonly name: string;
  /** Each disk's base; `undefined`: a full one. */
  readonly bases: ReadonlyMap<string, string | undefined>;
  /** Disks on which later ones can build on it. */
  readonly begins: ReadonlySet<string>;
  /** Disks whose file was lost. */
  readonly lost: Set<string>;
}

/** What a backup is to be based on, or that it is to be refused. */
export type Expected = ReadonlyMap<string, string | undefined> | 'refused';

export function chainDisk(diskTarget: string, isRaw: boolean, granules: number): ChainDisk {
  return { diskTarget, isRaw, layers: [{ granules, bitmaps: new Set() }], madeOn: new Map() };
}

/** A checkpoint begins on the active layers of these disks. */
export function began(model: ChainModel, name: string, diskTargets: readonly string[]): void {
  const disks = model.disks.filter(({ diskTarget, isRaw }) => !isRaw && diskTargets.includes(diskTarget));
  if (disks.length > 0) model.checkpoints.push(name);
  for (const { layers, madeOn } of disks) {
    layers[0]?.bitmaps.add(name);
    if (layers[0] !== undefined) madeOn.set(name, layers[0]);
  }
}

export function snapshotTaken(disk: ChainDisk): void {
  const granules = disk.layers[0]?.granules ?? 0;
  const bitmaps = new Set([...disk.madeOn.keys()].filter((name) => isComplete(disk, name)));
  disk.layers.unshift({ granules, bitmaps });
}

/** The active layer and those below it went into the one at that place. */
export function committed(disk: ChainDisk, place: number): void {
  const { layers, madeOn } = disk;
  const base = layers[place];
  if (base === undefined) return;
  for (const [name, origin] of madeOn) {
    if (layers.indexOf(origin) >= place || !isComplete(disk, name)) continue;
    base.bitmaps.add(name);
    madeOn.set(name, base);
  }
  base.granules = layers[0]?.granules ?? 0;
  layers.splice(0, place);
}

/** Only what is open for writing loses its bitmaps. */
export function crashed({ disks }: ChainModel): void {
  for (const { layers } of disks) layers[0]?.bitmaps.clear();
}

export function deleted(model: ChainModel, name: string): void {
  for (const disk of model.disks) forget(disk, name);
  const place = model.checkpoints.indexOf(name);
  if (place !== -1) model.checkpoints.splice(place, 1);
}

/** Whether the backup of a disk can be restored: no file down to a full one is lost. */
export function isRestorable({ points }: ChainModel, point: ChainPoint, diskTarget: string): boolean {
  for (let at: ChainPoint | undefined = point; at !== undefined; ) {
    if (at.lost.has(diskTarget) || !at.bases.has(diskTarget)) return false;
    const base: string | undefined = at.bases.get(diskTarget);
    if (base === undefined) return true;
    at = points.find(({ name }) => name === base);
  }
  return false;
}

/**
 * What each disk is to be based on: the newest checkpoint that is good there and of which a backup can be restored. A backup that
 * picks its base itself makes the newest one good again where every layer that lacks its bitmap stands on another; one that is
 * to be incremental is refused where a newer one is not good, or there is none.
 */
export function expectedBases(
  model: ChainModel,
  kind: 'auto' | 'inc' | 'full',
  diskTargets: readonly string[],
): Expected {
  const bases = new Map<string, string | undefined>();
  for (const disk of model.disks.filter(({ diskTarget }) => diskTargets.includes(diskTarget))) {
    const { diskTarget } = disk;
    const candidates = kind === 'full' ? [] : candidatesOf(model, diskTarget);
    const [newest] = candidates;
    if (kind === 'auto' && newest !== undefined && !isGood(disk, newest)) rescued(disk, newest);
    const there = candidates.filter((name) => model.checkpoints.includes(name));
    const base = there.find((name) => isGood(disk, name));
    if (kind === 'inc' && (base === undefined || base !== there[0])) return 'refused';
    bases.set(diskTarget, base);
  }
  return bases;
}

/** A backup is complete on these disks. */
export function backedUp(
  model: ChainModel,
  name: string,
  { bases, repairs }: { readonly bases: ReadonlyMap<string, string | undefined>; readonly repairs: boolean },
): void {
  const able = model.disks.filter(({ diskTarget, isRaw }) => !isRaw && bases.has(diskTarget));
  const begins = new Set(able.map(({ diskTarget }) => diskTarget));
  began(model, name, [...begins]);
  model.points.push({ name, bases, begins, lost: new Set() });
  if (!repairs) return;
  for (const disk of able) {
    for (const each of [...disk.madeOn.keys()]) if (!isComplete(disk, each)) forget(disk, each);
  }
  for (const each of [...model.checkpoints]) {
    if (!model.disks.some(({ madeOn }) => madeOn.has(each))) deleted(model, each);
  }
}

/** The newest first. */
function candidatesOf(model: ChainModel, diskTarget: string): readonly string[] {
  const usable = model.points.filter((point) => point.begins.has(diskTarget) && isRestorable(model, point, diskTarget));
  return usable.map(({ name }) => name).reverse();
}

function isGood(disk: ChainDisk, name: string): boolean {
  const granules = disk.layers[0]?.granules;
  return isComplete(disk, name) && layersSince(disk, name).every((layer) => layer.granules === granules);
}

/** Whether all layers concerned have its bitmap. */
function isComplete(disk: ChainDisk, name: string): boolean {
  const layers = layersSince(disk, name);
  return layers.length > 0 && layers.every(({ bitmaps }) => bitmaps.has(name));
}

/** None where it takes no part, or the layer it was made on is gone. */
function layersSince({ layers, madeOn }: ChainDisk, name: string): readonly ChainLayer[] {
  const origin = madeOn.get(name);
  return origin === undefined ? [] : layers.slice(0, layers.indexOf(origin) + 1);
}

function rescued(disk: ChainDisk, name: string): void {
  const lacking = layersSince(disk, name).filter(({ bitmaps }) => !bitmaps.has(name));
  if (lacking.some((layer) => layer === disk.layers.at(-1))) return;
  for (const { bitmaps } of lacking) bitmaps.add(name);
}

function forget({ layers, madeOn }: ChainDisk, name: string): void {
  madeOn.delete(name);
  for (const { bitmaps } of layers) bitmaps.delete(name);
}
