import type { NodeAddAction, SnapshotTakeAction } from './action.js';
import type { CommitJob, CopyJob, PullJob } from './job.js';
import type { BlockNode } from './model/block-node.js';
import type { Disk } from './model/disk.js';
import { type Domain, findNode } from './model/domain.js';
import { isGeneratedNodeName } from './model/names.js';

/** The overlay becomes the active layer; the one below turns read-only by itself. */
export function takeSnapshot(domain: Domain, { nodeName, overlayNodeName }: SnapshotTakeAction): Domain {
  const overlay = domain.otherNodes?.find((node) => node.nodeName === overlayNodeName);
  if (overlay === undefined) return domain;
  return changeChain(domain, nodeName, ([active, ...below]) => ({
    chain: [on(overlay, active), { ...active, readOnly: true }, ...below],
    joined: overlay,
  }));
}

/** The guest writes to the base; the layers above it are no part of the disk any more. */
export function finishActiveCommit(domain: Domain, { activeNodeName, baseNodeName }: CommitJob): Domain {
  return changeChain(domain, activeNodeName, (chain) => {
    const place = placeOf(chain, baseNodeName);
    const [base, ...below] = place === -1 ? [] : chain.slice(place);
    if (base === undefined) return { chain };
    const active = { ...grownFor(chain[0], base), readOnly: false };
    return { chain: [active, ...below], left: chain.slice(0, place) };
  });
}

/** The layer above the committed ones stands on the base; those are no part of the disk any more. */
export function finishInactiveCommit(domain: Domain, { activeNodeName, topNodeName, baseNodeName }: CommitJob): Domain {
  return changeChain(domain, activeNodeName, (chain) => {
    const top = placeOf(chain, topNodeName);
    const base = placeOf(chain, baseNodeName);
    const grown = chain.map((layer, place) => (place === base ? grownFor(chain[top], layer) : layer));
    return dropBetween(grown, top, base);
  });
}

/** The guest writes to the copy; what was copied is no part of the disk any more. */
export function finishCopy(domain: Domain, { activeNodeName, targetNodeName, shallow }: CopyJob): Domain {
  const target = domain.otherNodes?.find((node) => node.nodeName === targetNodeName);
  if (target === undefined) return domain;
  return changeChain(domain, activeNodeName, ([active, ...below]) =>
    shallow
      ? { chain: [on(target, below[0]), ...below], joined: target, left: [active] }
      : { chain: [target], joined: target, left: [active, ...below] },
  );
}

/** The active layer stands on the base of the pull, or on none; the layers between are no part of the disk any more. */
export function finishPull(domain: Domain, { activeNodeName, baseNodeName }: PullJob): Domain {
  return changeChain(domain, activeNodeName, (chain) =>
    dropBetween(chain, 1, baseNodeName === undefined ? chain.length : placeOf(chain, baseNodeName)),
  );
}

/** A protocol layer, or a view of a snapshot, is no image, and no node that a domain tells of. */
export function addNode(domain: Domain, action: NodeAddAction): Domain {
  const { nodeName, format, virtualSize, clusterSize, filename, fileNodeName, backingNodeName, options } = action;
  if (format === 'file' || format === 'snapshot-access') return domain;
  const node: BlockNode = {
    nodeName,
    format,
    virtualSize,
    readOnly: options?.['read-only'] === true,
    ...(filename !== undefined && { filename }),
    ...(fileNodeName !== undefined && { fileNodeName }),
    ...(clusterSize !== undefined && { clusterSize }),
    ...(format === 'qcow2' && { qcow2Version: 3 as const }),
    bitmaps: [],
  };
  const backing = typeof backingNodeName === 'string' ? findNode(domain, backingNodeName) : undefined;
  return { ...domain, otherNodes: [...(domain.otherNodes ?? []), on(node, backing)] };
}

/** Layers that stood below the node and have no name which keeps them go with it. */
export function removeNode(domain: Domain, nodeName: string): Domain {
  const nodes = domain.otherNodes ?? [];
  const place = placeOf(nodes, nodeName);
  if (place === -1) return domain;
  const next = nodes.findIndex((node, at) => at > place && !isHeldBy(nodes[at - 1], node));
  return withOtherNodes(domain, [...nodes.slice(0, place), ...(next === -1 ? [] : nodes.slice(next))]);
}

function isHeldBy(above: BlockNode | undefined, { nodeName, filename }: BlockNode): boolean {
  return isGeneratedNodeName(nodeName) && above?.backingFilename === filename;
}

type Layers = readonly [BlockNode, ...BlockNode[]];

interface ChangedChain {
  readonly chain: readonly BlockNode[];
  /** A node that was no layer of any disk before. */
  readonly joined?: BlockNode;
  /** Layers that are no part of the disk any more; they are still nodes of QEMU's. */
  readonly left?: readonly BlockNode[];
}

/** Changes the chain below an active layer. */
function changeChain(domain: Domain, activeNodeName: string, change: (chain: Layers) => ChangedChain): Domain {
  let joined: BlockNode | undefined;
  let left: readonly BlockNode[] = [];
  const disks = domain.disks.map((disk): Disk => {
    const [active, ...below] = disk.backingChain;
    if (active?.nodeName !== activeNodeName) return disk;
    const changed = change([active, ...below]);
    ({ joined, left = [] } = changed);
    const sourcePath = changed.chain[0]?.filename;
    return { ...disk, ...(sourcePath !== undefined && { sourcePath }), backingChain: changed.chain };
  });
  const others = (domain.otherNodes ?? []).filter((node) => node !== joined);
  return withOtherNodes({ ...domain, disks }, [...others, ...stillThere(disks, left)]);
}

/** A node that QEMU named itself is gone with the last that stands on it; one that another disk stands on too is no less a layer. */
function stillThere(disks: readonly Disk[], left: readonly BlockNode[]): readonly BlockNode[] {
  const layers = new Set(disks.flatMap(({ backingChain }) => backingChain.map(({ nodeName }) => nodeName)));
  const first = left.findIndex(({ nodeName }) => !isGeneratedNodeName(nodeName));
  return first === -1 ? [] : left.slice(first).filter(({ nodeName }) => !layers.has(nodeName));
}

function withOtherNodes(domain: Domain, otherNodes: readonly BlockNode[]): Domain {
  const { otherNodes: _, ...rest } = domain;
  return otherNodes.length === 0 ? rest : { ...rest, otherNodes };
}

/** Drops the layers from one place down to another, and puts the one above them on what is left below. */
function dropBetween(chain: readonly BlockNode[], top: number, base: number): ChangedChain {
  const above = chain[top - 1];
  if (above === undefined || base < top) return { chain };
  const below = chain.slice(base);
  return { chain: [...chain.slice(0, top - 1), on(above, below[0]), ...below], left: chain.slice(top, base) };
}

/** QEMU lets a base grow that is smaller than what is committed to it. */
function grownFor(top: BlockNode | undefined, base: BlockNode): BlockNode {
  return { ...base, virtualSize: Math.max(base.virtualSize, top?.virtualSize ?? 0) };
}

/** A layer on another backing image, or on none. */
function on(layer: BlockNode, backing: BlockNode | undefined): BlockNode {
  const { backingFilename: _, backingNodeName: __, ...alone } = layer;
  return backing?.filename === undefined ? alone : { ...alone, backingFilename: backing.filename };
}

/** -1 where it is no layer of the chain. */
function placeOf(chain: readonly BlockNode[], nodeName: string): number {
  return chain.findIndex((node) => node.nodeName === nodeName);
}
