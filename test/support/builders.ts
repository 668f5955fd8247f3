import type { Bitmap, BlockNode, Checkpoint, CheckpointDisk, CheckpointTree, Disk, Domain } from '../../src/index.js';

export const MiB = 2 ** 20;
export const GiB = 2 ** 30;
export const TiB = 2 ** 40;

/** When every test happens. */
export const now = 1700000000;

/** A bitmap as a checkpoint leaves it: recording and persistent. */
export function bitmap(name: string, change: Partial<Bitmap> = {}): Bitmap {
  const state = { recording: true, persistent: true, busy: false, inconsistent: false };
  return { name, granularity: 65536, dirtyBytes: 0, ...state, ...change };
}

type NodeChange = Partial<Omit<BlockNode, 'bitmaps'>> & { readonly bitmaps?: readonly (string | Bitmap)[] };

/** A writable qcow2 image of 1 GiB; a bitmap given by its name alone is a good one. */
export function node(nodeName: string, { bitmaps = [], ...change }: NodeChange = {}): BlockNode {
  return {
    nodeName,
    format: 'qcow2',
    virtualSize: GiB,
    readOnly: false,
    filename: `/images/${nodeName}.qcow2`,
    fileNodeName: `${nodeName}-file`,
    clusterSize: 65536,
    qcow2Version: 3,
    ...change,
    bitmaps: bitmaps.map((each) => (typeof each === 'string' ? bitmap(each) : each)),
  };
}

/**
 * A backing chain with these bitmaps from the active layer down: `vda-active` on `vda-1` on `vda-2` and so on, read-only
 * below the active layer as QEMU leaves them.
 */
export function chain(diskTarget: string, layers: readonly (readonly (string | Bitmap)[])[]): readonly BlockNode[] {
  const nameOf = (layer: number) => `${diskTarget}-${layer === 0 ? 'active' : layer}`;
  return layers.map((bitmaps, layer) => {
    const backing = layer + 1 < layers.length ? { backingFilename: `/images/${nameOf(layer + 1)}.qcow2` } : {};
    return node(nameOf(layer), { bitmaps, readOnly: layer > 0, ...backing });
  });
}

/** A writable disk; without a chain, one fresh image. */
export function disk(
  diskTarget: string,
  backingChain: readonly BlockNode[] = chain(diskTarget, [[]]),
  change: Partial<Disk> = {},
): Disk {
  const sourcePath = backingChain[0]?.filename;
  return { diskTarget, ...(sourcePath !== undefined && { sourcePath }), readOnly: false, backingChain, ...change };
}

type CheckpointChange = Partial<Omit<Checkpoint, 'disks'>> & { readonly disks?: readonly (string | CheckpointDisk)[] };

/** A checkpoint of disk vda, or of those given; a disk given by its target alone takes part with a bitmap of the same name. */
export function checkpoint(name: string, { disks = ['vda'], ...change }: CheckpointChange = {}): Checkpoint {
  return {
    name,
    creationTimeSeconds: now,
    ...change,
    disks: disks.map((each) => (typeof each === 'string' ? { diskTarget: each, bitmap: name } : each)),
  };
}

/** A tree whose last checkpoint is current, unless another is named, or none with `null`. */
export function tree(
  checkpoints: readonly Checkpoint[],
  current: string | null | undefined = checkpoints.at(-1)?.name,
) {
  return { checkpoints, ...(typeof current === 'string' && { current }) } satisfies CheckpointTree;
}

/** Checkpoints of disk vda, each the parent of the next. */
export function line(...names: readonly string[]): CheckpointTree {
  return tree(names.map((name, place) => checkpoint(name, place === 0 ? {} : { parent: names[place - 1] as string })));
}

/** A domain with one disk and two checkpoints, monday and then tuesday. */
export function domain(change: Partial<Domain> = {}): Domain {
  return {
    name: 'web',
    disks: [disk('vda', chain('vda', [['tuesday', 'monday']]))],
    checkpoints: line('monday', 'tuesday'),
    ...change,
  };
}

/** A domain of these disks that never had a checkpoint. */
export function freshDomain(...disks: readonly Disk[]): Domain {
  return { name: 'web', disks, checkpoints: { checkpoints: [] } };
}

/** A copy that lacks some members. */
export function without<T extends object, K extends keyof T>(value: T, ...members: readonly K[]): Omit<T, K> {
  const copy = { ...value };
  for (const member of members) delete copy[member];
  return copy;
}
