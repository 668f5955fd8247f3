import { granule } from '../../support/qemu/busy-guest.js';
import type { Pattern, Range } from '../../support/qemu/guest-disk.js';
import { diskBytes } from '../../support/qemu/layered-machine.js';
import { activeOf, type ModelDisk, type WalkModel } from './model.js';

/** One step of a walk, as plain data: a walk that fails prints them. */
export type Operation = GuestOperation | CheckpointOperation | LayerOperation | { readonly kind: 'restart' };

export type GuestOperation =
  | { readonly kind: 'write'; readonly diskTarget: string; readonly patterns: readonly Pattern[] }
  | { readonly kind: 'zero'; readonly diskTarget: string; readonly range: Range; readonly unmap: boolean }
  | { readonly kind: 'discard'; readonly diskTarget: string; readonly range: Range };

export type CheckpointOperation =
  | { readonly kind: 'create'; readonly name: string; readonly diskTargets: readonly string[] }
  | { readonly kind: 'delete'; readonly name: string; readonly children: 'keep' | 'delete' | 'delete-only' };

export type LayerOperation =
  | {
      readonly kind: 'snapshot';
      readonly overlays: readonly NewLayer[];
      /** A checkpoint that begins with it. */
      readonly checkpoint?: string;
    }
  | {
      readonly kind: 'commit';
      readonly diskTarget: string;
      readonly topNodeName: string;
      readonly baseNodeName: string;
    }
  | ({ readonly kind: 'copy'; readonly shallow: boolean } & NewLayer)
  | { readonly kind: 'pull'; readonly diskTarget: string; readonly baseNodeName?: string };

export interface NewLayer {
  readonly diskTarget: string;
  readonly nodeName: string;
  /** It is added before, with discards; else the plan makes it. */
  readonly prepared: boolean;
}

/** Numbers from 0 to 1. */
export type Random = () => number;

const mostLayers = 6;
const mostCheckpoints = 6;

/** Some operation that makes sense, and now and then one that does not. */
export function chooseOperation(model: WalkModel, random: Random): Operation {
  const disk = pick(model.disks, random);
  const high = disk.layers.length >= mostLayers;
  const many = model.checkpoints.length >= mostCheckpoints;
  const flat = disk.layers.length === 1;
  const kind = pickWeighted(
    {
      write: 6,
      zero: 2,
      discard: 2,
      create: many ? 0 : 4,
      delete: many ? 6 : 1.5,
      snapshot: high ? 0 : 4,
      commit: flat ? 0.2 : 4,
      copy: 1.5,
      pull: flat ? 0.2 : 3,
      restart: 1.5,
    },
    random,
  );
  switch (kind) {
    case 'write':
      return { kind, diskTarget: disk.diskTarget, patterns: choosePatterns(random) };
    case 'zero':
      return { kind, diskTarget: disk.diskTarget, range: chooseRange(random, 4096), unmap: random() < 0.5 };
    case 'discard':
      // Of a part of a cluster QEMU may keep the data, as it likes.
      return { kind, diskTarget: disk.diskTarget, range: chooseRange(random, granule) };
    case 'create':
      return { kind, name: chooseName(model, random), diskTargets: chooseSome(model.disks, random) };
    case 'delete': {
      const children = random() < 0.8 ? 'keep' : pick(['delete', 'delete-only'] as const, random);
      return { kind, name: random() < 0.9 ? pick([...model.checkpoints, 'none'], random) : 'none', children };
    }
    case 'snapshot': {
      const some = model.disks.filter(({ diskTarget }) => diskTarget === disk.diskTarget || random() < 0.5);
      const overlays = some.filter(({ layers }) => layers.length < mostLayers).map((each) => chooseLayer(each, random));
      return { kind, overlays, ...(!many && random() < 0.4 && { checkpoint: chooseName(model, random) }) };
    }
    case 'commit':
      return chooseCommit(disk, random);
    case 'copy':
      return { kind, ...chooseLayer(disk, random), shallow: random() < 0.5 };
    case 'pull': {
      const base = random() < 0.4 ? undefined : pick(disk.layers.slice(random() < 0.9 ? 2 : 0), random);
      return { kind, diskTarget: disk.diskTarget, ...(base !== undefined && { baseNodeName: base }) };
    }
    case 'restart':
      return { kind };
  }
}

/** What the guest does next, while something else is done. */
export function chooseWrite(diskTarget: string, random: Random): GuestOperation {
  if (random() < 0.8) return { kind: 'write', diskTarget, patterns: choosePatterns(random) };
  return { kind: 'zero', diskTarget, range: chooseRange(random, 4096), unmap: random() < 0.5 };
}

function chooseCommit(disk: ModelDisk, random: Random): Operation {
  const { diskTarget, layers } = disk;
  const top = random() < 0.6 ? 0 : Math.floor(random() * layers.length);
  const below = layers.slice(top + 1);
  const sensible = below.length > 0 && random() < 0.95;
  const baseNodeName = sensible ? pick([...below, below[0] as string], random) : pick([...layers, 'none'], random);
  return { kind: 'commit', diskTarget, topNodeName: layers[top] ?? activeOf(disk), baseNodeName };
}

function chooseName({ checkpoints }: WalkModel, random: Random): string {
  if (checkpoints.length > 0 && random() < 0.05) return pick(checkpoints, random);
  const names = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j'];
  return pick(
    names.filter((name) => !checkpoints.includes(name)),
    random,
  );
}

/** Names of layers that went come again: their files are still there, with all the bitmaps they had. */
function chooseLayer({ diskTarget, layers }: ModelDisk, random: Random): NewLayer {
  const prepared = random() < 0.5;
  if (random() < 0.05) return { diskTarget, nodeName: pick(layers, random), prepared: false };
  const names = Array.from({ length: mostLayers + 2 }, (_, place) => `${diskTarget}-${place}`);
  return {
    diskTarget,
    nodeName: pick(
      names.filter((name) => !layers.includes(name)),
      random,
    ),
    prepared,
  };
}

function chooseSome(disks: readonly ModelDisk[], random: Random): readonly string[] {
  const some = disks.filter(() => random() < 0.8);
  return (some.length === 0 ? disks : some).map(({ diskTarget }) => diskTarget);
}

function choosePatterns(random: Random): readonly Pattern[] {
  return Array.from({ length: 1 + Math.floor(random() * 6) }, () => ({
    ...chooseRange(random, 4096),
    byte: 1 + Math.floor(random() * 255),
  }));
}

/** Up to three granules, in whole units. */
function chooseRange(random: Random, unit: number): Range {
  const length = unit * (1 + Math.floor(random() * 3 * (granule / unit)));
  return { offset: unit * Math.floor((random() * (diskBytes - length)) / unit), length };
}

/** `undefined` only where there is nothing to pick from. */
function pick<T>(from: readonly T[], random: Random): T {
  return from[Math.floor(random() * from.length)] as T;
}

function pickWeighted<K extends string>(weights: Readonly<Record<K, number>>, random: Random): K {
  const kinds = Object.keys(weights) as K[];
  let left = random() * kinds.reduce((sum, kind) => sum + weights[kind], 0);
  for (const kind of kinds) {
    left -= weights[kind];
    if (left < 0) return kind;
  }
  return kinds[0] as K;
}
