import { granule } from '../../support/qemu/busy-guest.js';
import type { Pattern, Range } from '../../support/qemu/guest-disk.js';
import { diskBytes } from '../../support/qemu/layered-machine.js';

/** What a walk knows of its disks from its own operations alone: it judges QEMU and the library. */
export interface WalkModel {
  readonly disks: readonly ModelDisk[];
  /** In the order they were made, each the child of the one before; the last is current. */
  readonly checkpoints: string[];
}

export interface ModelDisk {
  readonly diskTarget: string;
  readonly content: Buffer;
  /** Node-names of its layers, the active one first; their images are called the same. */
  readonly layers: string[];
  /** The nodes on which a discard arrives: others were not added with it, or were opened anew without it. */
  readonly unmapping: Set<string>;
  /** Layers below the active one that QEMU 7.2 leaves open for writing, where a commit into them was cancelled. */
  readonly leftOpen: Set<string>;
  /** Those of the checkpoints that it takes part in. */
  readonly since: Map<string, ModelCheckpoint>;
}

interface ModelCheckpoint {
  /** Node-name of the layer it was made on, or of that which took its data. */
  madeOn: string;
  /** Places of the granules written since. */
  readonly written: Set<number>;
  /** All that was on the disk then. */
  readonly base: Buffer;
}

export function modelDisk(diskTarget: string, base: string): ModelDisk {
  const since = new Map<string, ModelCheckpoint>();
  const unmapping = new Set([base]);
  return { diskTarget, content: Buffer.alloc(diskBytes), layers: [base], unmapping, leftOpen: new Set(), since };
}

/** A write, a write of zeros, or a discard that arrives. */
export function wrote({ content, since }: ModelDisk, { offset, length, byte }: Pattern): void {
  content.fill(byte, offset, offset + length);
  for (const { written } of since.values()) {
    for (let at = Math.floor(offset / granule); at * granule < offset + length; at += 1) written.add(at);
  }
}

export function discarded(disk: ModelDisk, range: Range): void {
  if (disk.unmapping.has(activeOf(disk))) wrote(disk, { ...range, byte: 0 });
}

export function began({ disks, checkpoints }: WalkModel, name: string, diskTargets: readonly string[]): void {
  checkpoints.push(name);
  for (const disk of disks.filter(({ diskTarget }) => diskTargets.includes(diskTarget))) {
    disk.since.set(name, { madeOn: activeOf(disk), written: new Set(), base: Buffer.from(disk.content) });
  }
}

/** Removing a bitmap opens the layers below the active one anew, and QEMU does not tell what their discards were set to. */
export function deleted({ disks, checkpoints }: WalkModel, names: readonly string[]): void {
  for (const disk of disks) {
    for (const name of names) {
      const origin = originOf(disk, name);
      for (const layer of disk.layers.slice(1, origin + 1)) disk.unmapping.delete(layer);
      disk.since.delete(name);
    }
  }
  checkpoints.splice(0, checkpoints.length, ...checkpoints.filter((name) => !names.includes(name)));
}

/** One more layer on top. */
export function overlaid({ layers, unmapping }: ModelDisk, nodeName: string, unmaps: boolean): void {
  layers.unshift(nodeName);
  if (unmaps) unmapping.add(nodeName);
}

/** Layers went, and another has what they had. */
export function dropped(disk: ModelDisk, from: number, to: number, into: string): void {
  const gone = disk.layers.splice(from, to - from);
  for (const nodeName of gone) disk.unmapping.delete(nodeName);
  for (const nodeName of [...gone, activeOf(disk)]) disk.leftOpen.delete(nodeName);
  for (const checkpoint of disk.since.values()) {
    if (gone.includes(checkpoint.madeOn)) checkpoint.madeOn = into;
  }
}

export function activeOf({ layers }: ModelDisk): string {
  return layers[0] as string;
}

/** Place of the layer it was made on; -1 where the disk does not take part. */
export function originOf({ layers, since }: ModelDisk, name: string): number {
  return layers.indexOf(since.get(name)?.madeOn ?? '');
}
