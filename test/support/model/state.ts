import type { BlockNode, Domain } from '../../../src/index.js';
import type { ModelJob } from './jobs.js';

/** All there is of a QEMU. */
export interface State {
  readonly nodes: Map<string, ModelNode>;
  /** Protocol layers, and the file each has open. */
  readonly fileNodes: Map<string, string>;
  /** Node-name of each disk's active layer. */
  readonly roots: Map<string, string>;
  readonly jobs: Map<string, ModelJob>;
  readonly files: Map<string, ModelFile>;
  /** By their ids. */
  readonly exports: Map<string, ModelExport>;
  /** The NBD server runs. */
  isServing: boolean;
  /** Guest writes so far: each has its number, which is what it writes. */
  writes: number;
}

/** What NBD clients can read. */
export interface ModelExport {
  readonly nodeName: string;
  readonly exportName: string;
  readonly bitmap?: string;
  readonly bitmapNodeName?: string;
}

/** What an image file says of itself; an empty one says nothing. */
export interface ModelFile {
  /** Bytes, of a file that was made with a size. */
  readonly size?: number;
  readonly header?: { readonly virtualSize: number; readonly clusterSize?: number };
}

export interface ModelNode {
  readonly image: BlockNode;
  /** What the last write was to each unit of an allocated cluster. */
  readonly data: Map<number, number[]>;
  /** Bytes the guest sees; a base grows for what is committed to it. */
  virtualSize: number;
  backing: string | undefined;
  /** The backing image is another than the one that was observed. */
  moved: boolean;
  readOnly: boolean;
  options: unknown;
  /** A view of a backup's instant: the copied clusters of one node, and all else of the other. */
  readonly shows?: { readonly source: string; readonly copied: string };
  /** The newest first. */
  bitmaps: ModelBitmap[];
}

export interface ModelBitmap {
  readonly name: string;
  readonly granularity: number;
  readonly persistent: boolean;
  readonly dirty: Set<number>;
  busy: boolean;
  recording: boolean;
  inconsistent: boolean;
  /** The image file holds it, or did before it was opened for writing. */
  stored: boolean;
  /** Removed in the transaction that is being prepared: gone for all others, though its name is not free yet. */
  removed: boolean;
}

const unit = 512;
const cluster = 65536;
const unitsInCluster = cluster / unit;

/** A QEMU whose nodes are those of a domain. Which granules are dirty is not observed: the first ones are taken. */
export function stateOf({ disks, otherNodes = [] }: Domain): State {
  const nodes = new Map<string, ModelNode>();
  const byFile = new Map<string, string>();
  for (const { backingChain } of disks) {
    for (const [layer, image] of backingChain.entries()) {
      if (image.filename !== undefined) byFile.set(image.filename, image.nodeName);
      nodes.set(image.nodeName, openNode(image, backingChain[layer + 1]?.nodeName));
    }
  }
  for (const image of otherNodes) if (image.filename !== undefined) byFile.set(image.filename, image.nodeName);
  for (const image of otherNodes) {
    const { backingFilename } = image;
    const backing = backingFilename === undefined ? undefined : byFile.get(backingFilename);
    nodes.set(image.nodeName, openNode(image, backing));
  }
  const images = [...nodes.values()].map(({ image }) => image);
  return {
    nodes,
    fileNodes: new Map(
      images.flatMap(({ fileNodeName, filename = '' }) =>
        fileNodeName === undefined ? [] : [[fileNodeName, filename]],
      ),
    ),
    roots: new Map(
      disks.flatMap(({ diskTarget, backingChain: [active] }) => (active ? [[diskTarget, active.nodeName]] : [])),
    ),
    jobs: new Map(),
    files: new Map(images.map(({ filename = '', virtualSize }) => [filename, { header: { virtualSize } }])),
    exports: new Map(),
    isServing: false,
    writes: 0,
  };
}

function openNode(image: BlockNode, backing: string | undefined): ModelNode {
  const bitmaps = image.bitmaps.map(({ dirtyBytes, ...bitmap }): ModelBitmap => {
    const dirty = new Set(Array.from({ length: dirtyBytes / bitmap.granularity }, (_, granule) => granule));
    return { ...bitmap, dirty, stored: bitmap.persistent && image.readOnly, removed: false };
  });
  const { virtualSize, readOnly, reopenOptions: options } = image;
  return { image, data: new Map(), virtualSize, backing, moved: false, readOnly, options, bitmaps };
}

export function known({ nodes }: State, nodeName: string): ModelNode {
  const node = nodes.get(nodeName);
  if (node === undefined) throw new Error(`Node '${nodeName}' not found`);
  return node;
}

/** The layers from a node down. */
export function layersFrom(state: State, nodeName: string): readonly ModelNode[] {
  const node = known(state, nodeName);
  const { shows } = node;
  if (shows !== undefined) return [node, known(state, shows.copied), ...layersFrom(state, shows.source)];
  return node.backing === undefined ? [node] : [node, ...layersFrom(state, node.backing)];
}

export function putOn(node: ModelNode, backing: string | undefined): void {
  node.backing = backing;
  node.moved = true;
}

/** Writes to an image as QEMU does: a cluster that is not there yet is filled from below, and bitmaps that record are marked. */
export function writeTo(state: State, node: ModelNode, offset: number, length: number, value: number): void {
  for (let at = Math.floor(offset / cluster); at * cluster < offset + length; at += 1) {
    const content = node.data.get(at) ?? [...readCluster(state, node.backing, at)];
    for (let place = 0; place < unitsInCluster; place += 1) {
      const start = at * cluster + place * unit;
      if (start + unit > offset && start < offset + length) content[place] = value;
    }
    node.data.set(at, content);
  }
  mark(node, offset, length);
}

/** Puts a whole cluster into an image. */
export function putCluster(node: ModelNode, at: number, content: readonly number[]): void {
  node.data.set(at, [...content]);
  mark(node, at * cluster, Math.min(cluster, node.virtualSize - at * cluster));
}

/** What a guest on that node reads in a cluster. */
export function readCluster(state: State, nodeName: string | undefined, at: number): readonly number[] {
  if (nodeName === undefined) return zeros;
  const node = known(state, nodeName);
  const { shows } = node;
  if (shows !== undefined) return known(state, shows.copied).data.get(at) ?? readCluster(state, shows.source, at);
  return node.data.get(at) ?? readCluster(state, node.backing, at);
}

const zeros: readonly number[] = Array.from({ length: unitsInCluster }, () => 0);

/** What a guest reads on the whole disk: the number of the last write to each unit that was written. */
export function readAll(state: State, nodeName: string): ReadonlyMap<number, number> {
  const layers = layersFrom(state, nodeName);
  const clusters = new Set(layers.flatMap(({ data }) => [...data.keys()]));
  const units = new Map<number, number>();
  for (const at of clusters) {
    for (const [place, value] of readCluster(state, nodeName, at).entries()) {
      if (value !== 0) units.set(at * unitsInCluster + place, value);
    }
  }
  return units;
}

function mark(node: ModelNode, offset: number, length: number): void {
  for (const bitmap of node.bitmaps) if (bitmap.recording) markBytes(bitmap, offset, length);
}

export function markBytes(
  { dirty, granularity }: Pick<ModelBitmap, 'dirty' | 'granularity'>,
  offset: number,
  length: number,
): void {
  for (let granule = Math.floor(offset / granularity); granule * granularity < offset + length; granule += 1) {
    dirty.add(granule);
  }
}

/** The image is closed for writing: what is persistent goes into its file. */
export function store(node: ModelNode): void {
  for (const bitmap of node.bitmaps) bitmap.stored = bitmap.persistent;
}

export const bytesOfCluster = cluster;
