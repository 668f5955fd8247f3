import { guardInput } from '../guard-input.js';
import { findBitmap, isSound } from '../model/bitmap.js';
import type { BlockNode } from '../model/block-node.js';
import type { Checkpoint } from '../model/checkpoint.js';
import type { Disk } from '../model/disk.js';
import type { Domain } from '../model/domain.js';
import { type Problem, problem } from '../problem.js';
import { findCheckpoint } from '../tree/find-checkpoint.js';
import { checkRemovals, type Layer, layersOf } from './bitmap-removal.js';
import { findLayers } from './find-layers.js';
import { checkNewBitmaps } from './new-bitmap.js';
import { namesInUse } from './new-image.js';
import { fillName, findRescueLeftovers, targetNameOf, withoutLeftovers } from './rescue-leftovers.js';

/** Which checkpoint to make whole again, and on which disk. */
export interface RescueRequest {
  readonly diskTarget: string;
  /** Its name. */
  readonly checkpoint: string;
}

/**
 * Lists everything that keeps a checkpoint from being made whole again on a disk.
 *
 * @returns The problems of {@link planRescueCheckpoint}; none where it can be done, or where nothing is lacking.
 * @throws {@link CheckpointError} with `invalid-input` where the arguments are not a domain and a request at all.
 * @example
 * ```ts
 * checkRescueCheckpoint(domain, { diskTarget: 'vda', checkpoint: 'friday' }).map(({ code }) => code);
 * // ['checkpoint-not-found']
 * ```
 */
export function checkRescueCheckpoint(domain: Domain, request: RescueRequest): readonly Problem[] {
  return guardInput({ domain }, () => {
    const clean = withoutLeftovers(domain, findRescueLeftovers(domain));
    return examineRescue(clean, request).problems;
  });
}

/** A rescue that can be made, and what keeps it from being made. */
export interface ExaminedRescue {
  /** Absent where it is not known what is lacking. */
  readonly found?: LackingBitmap;
  readonly problems: readonly Problem[];
  readonly warnings: readonly Problem[];
}

/** A bitmap, and the layers that lack it. */
export interface LackingBitmap {
  readonly disk: Disk;
  readonly bitmap: string;
  /** From the active layer down; empty where all have it in good order. */
  readonly lacking: readonly Layer[];
  /** Bytes per bit; 0 where it is not known. */
  readonly granularity: number;
}

/**
 * Says which layers lack a checkpoint's bitmap, and what keeps it from being refilled there, where nothing is left of a rescue that
 * did not end; by these rules:
 *
 * 1. the disk has a medium and takes part in the checkpoint;
 * 2. the layer the checkpoint was made on is in the chain; where it is not known, the lowest layer that has the bitmap is
 *    taken for it, if it has it in good order;
 * 3. from there up, a layer lacks the bitmap that does not have it in good order: recording, persistent, not inconsistent;
 * 4. it stands on a backing image: only then has it allocated all that was written to it, and what was discarded too;
 * 5. what is there of the bitmap can be removed, and a read-only layer can be opened for writing: {@link checkRemovals};
 * 6. it can store the bitmap then;
 * 7. the names of what is temporary are free;
 * 8. where there is a layer with the bitmap in good order below all that lack it, a commit into it would do, too;
 * 9. where the layer that the checkpoint was made on lacks it, that one may be older, and has more allocated than was written
 *    since. It has less only if someone has emptied it, which nothing tells.
 */
export function examineRescue(domain: Domain, { diskTarget, checkpoint: name }: RescueRequest): ExaminedRescue {
  // 1
  const { disk, problems } = findLayers(domain, diskTarget);
  const checkpoint = findCheckpoint(domain.checkpoints, name);
  if (checkpoint === undefined)
    return refused([...problems, problem({ code: 'checkpoint-not-found', checkpoint: name })]);
  if (disk === undefined) return refused(problems);
  const chain = disk.backingChain;
  const { bitmap, madeOn } = partOf(checkpoint, diskTarget);
  if (bitmap === undefined) return impossible(diskTarget, name, 'no-bitmap');
  // 2
  const origin = originOf(chain, bitmap, madeOn);
  if (origin === -1) return impossible(diskTarget, name, madeOn === undefined ? 'origin-unknown' : 'origin-gone');
  // 3
  const layers = layersOf(chain).slice(0, origin + 1);
  const lacking = layers.filter(({ node }) => !hasSound(node, bitmap));
  const found: LackingBitmap = {
    disk,
    bitmap,
    lacking,
    granularity: granularityOf(layers, bitmap),
  };
  return {
    found,
    problems: [...checkBacking(name, found), ...checkStorable(found), ...checkNames(domain, name, found)],
    warnings: tellWarnings(name, found, origin),
  };
}

function refused(problems: readonly Problem[]): ExaminedRescue {
  return { problems, warnings: [] };
}

function impossible(
  diskTarget: string,
  checkpoint: string,
  reason: 'no-bitmap' | 'origin-unknown' | 'origin-gone',
): ExaminedRescue {
  return refused([problem({ code: 'rescue-impossible', diskTarget, checkpoint, reason })]);
}

function partOf({ disks }: Checkpoint, diskTarget: string) {
  return disks.find((disk) => disk.diskTarget === diskTarget) ?? { diskTarget };
}

/** -1 where it is not there, or not known. */
function originOf(chain: readonly BlockNode[], bitmap: string, madeOn: string | undefined): number {
  if (madeOn !== undefined) return chain.findLastIndex(({ filename }) => filename === madeOn);
  const lowest = chain.findLastIndex((node) => findBitmap(node, bitmap) !== undefined);
  const layer = chain[lowest];
  return layer !== undefined && hasSound(layer, bitmap) ? lowest : -1;
}

function hasSound(layer: BlockNode, name: string): boolean {
  const bitmap = findBitmap(layer, name);
  return bitmap !== undefined && isSound(bitmap);
}

/** As it is on the lowest layer that tells it, one that has it in good order first. */
function granularityOf(layers: readonly Layer[], name: string): number {
  const upwards = layers.map(({ node }) => node).toReversed();
  const [sound, unsound] = [true, false].map((good) => upwards.filter((node) => hasSound(node, name) === good));
  const bitmaps = [...(sound ?? []), ...(unsound ?? [])].flatMap((node) => findBitmap(node, name) ?? []);
  return bitmaps.find(({ granularity }) => granularity > 0)?.granularity ?? 0;
}

function checkBacking(checkpoint: string, { disk, lacking }: LackingBitmap): readonly Problem[] {
  const { diskTarget, backingChain } = disk;
  // 4
  const base = lacking.find(({ node }) => node === backingChain.at(-1));
  if (base === undefined) return [];
  const { nodeName } = base.node;
  return [problem({ code: 'rescue-impossible', diskTarget, checkpoint, reason: 'no-backing', nodeName })];
}

function checkStorable({ disk: { diskTarget }, bitmap, lacking, granularity }: LackingBitmap): readonly Problem[] {
  // 5
  const removals = checkRemovals(lacking.length === 0 ? [] : [{ diskTarget, bitmap, layers: lacking }]);
  // 6
  const additions = lacking.flatMap(({ node }) => {
    const bitmaps = node.bitmaps.filter(({ name }) => name !== bitmap);
    return checkNewBitmaps(diskTarget, { ...node, readOnly: false, bitmaps }, [{ name: bitmap, granularity }]);
  });
  return [...removals, ...additions];
}

function checkNames(domain: Domain, checkpoint: string, found: LackingBitmap): readonly Problem[] {
  const { disk, bitmap, lacking } = found;
  const { diskTarget } = disk;
  // 7
  if (bitmap === fillName) return [problem({ code: 'bitmap-claimed', diskTarget, bitmap, checkpoint })];
  const { nodeNames } = namesInUse(domain);
  const taken = lacking.map((_, place) => targetNameOf(place)).filter((nodeName) => nodeNames.has(nodeName));
  const others = lacking.flatMap(({ node }) => {
    const other = findBitmap(node, fillName);
    if (!other?.persistent) return [];
    const { nodeName } = node;
    const { inconsistent } = other;
    return [problem({ code: 'bitmap-exists', diskTarget, nodeName, bitmap: fillName, inconsistent })];
  });
  return [...taken.map((nodeName) => problem({ code: 'node-name-taken', nodeName })), ...others];
}

function tellWarnings(checkpoint: string, { disk, lacking }: LackingBitmap, origin: number): readonly Problem[] {
  const { diskTarget, backingChain } = disk;
  const [top] = lacking;
  const lowest = lacking.at(-1)?.node;
  const base = backingChain[origin];
  if (top === undefined || lowest === undefined || base === undefined) return [];
  // 9
  if (lowest === base) return [problem({ code: 'rescue-holds-more', diskTarget, checkpoint, nodeName: base.nodeName })];
  // 8
  const { nodeName } = backingChain[backingChain.indexOf(lowest) + 1] ?? base;
  return [problem({ code: 'commit-heals', diskTarget, checkpoint, topNodeName: top.node.nodeName, nodeName })];
}
