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
    const [base, ...below] = chain.slice(place);
    if (base === undefined) return { chain };
    const { virtualSize } = largest(chain[0], base);
    return { chain: [{ ...base, virtualSize, readOnly: false }, ...below], left: chain.slice(0, place) };
  });
}

/** The layer above the committed ones stands on the base; those are no part of the disk any more. */
export function finishInactiveCommit(domain: Domain, { activeNodeName, topNodeName, baseNodeName }: CommitJob): Domain {
  return changeChain(domain, activeNodeName, (chain) => {
    const top = chain[placeOf(chain, topNodeName)];
    const grown = chain.map((layer) => {
      if (top === undefined || layer.nodeName !== baseNodeName) return layer;
      return { ...layer, virtualSize: largest(top, layer).virtualSize };
    });
    return dropBetween(grown, placeOf(chain, topNodeName), baseNodeName);
  });
}

/** The guest writes to the copy; what was copied is no part of the disk any more. */
export function finishCopy(domain: Domain, { activeNodeName, targetNodeName, shallow }: CopyJob): Domain {
  const target = domain.otherNodes?.find((node) => node.nodeName === targetNodeName);
  if (target === undefined) return domain;
  return changeChain(takeOut(domain, targetNodeName), activeNodeName, ([active, ...below]) =>
    shallow
      ? { chain: [on(target, below[0]), ...below], left: [active] }
      : { chain: [target], left: [active, ...below] },
  );
}

/** The active layer stands on the base of the pull, or on none; the layers between are no part of the disk any more. */
export function finishPull(domain: Domain, { activeNodeName, baseNodeName }: PullJob): Domain {
  return changeChain(domain, activeNodeName, (chain) => dropBetween(chain, 1, baseNodeName));
}

/** A protocol layer is no image, and so is no node that a domain tells of. */
export function addNode(domain: Domain, action: NodeAddAction): Domain {
  const { nodeName, format, virtualSize, clusterSize, filename, fileNodeName, backingNodeName, options } = action;
  if (format === 'file') return domain;
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

/** What stood below the node and had no name that keeps it goes with it. */
export function removeNode(domain: Domain, nodeName: string): Domain {
  const nodes = domain.otherNodes ?? [];
  const place = placeOf(nodes, nodeName);
  const kept = nodes.findIndex((node, at) => at > place && !isHeldBy(nodes[at - 1], node));
  return withOtherNodes(domain, [...nodes.slice(0, place), ...(kept === -1 ? [] : nodes.slice(kept))]);
}

function isHeldBy(above: BlockNode | undefined, node: BlockNode): boolean {
  return isGeneratedNodeName(node.nodeName) && above?.backingFilename === node.filename;
}

function takeOut(domain: Domain, nodeName: string): Domain {
  return withOtherNodes(
    domain,
    (domain.otherNodes ?? []).filter((node) => node.nodeName !== nodeName),
  );
}

type Layers = readonly [BlockNode, ...BlockNode[]];

/** Changes the chain below an active layer; layers that leave it are still nodes of QEMU's, if a name keeps them. */
function changeChain(
  domain: Domain,
  activeNodeName: string,
  change: (chain: Layers) => { readonly chain: readonly BlockNode[]; readonly left?: readonly BlockNode[] },
): Domain {
  let left: readonly BlockNode[] = [];
  const disks = domain.disks.map((disk): Disk => {
    const [active, ...below] = disk.backingChain;
    if (active?.nodeName !== activeNodeName) return disk;
    const changed = change([active, ...below]);
    left = changed.left ?? [];
    const sourcePath = changed.chain[0]?.filename;
    return { ...disk, ...(sourcePath !== undefined && { sourcePath }), backingChain: changed.chain };
  });
  const layers = new Set(disks.flatMap(({ backingChain }) => backingChain.map(({ nodeName }) => nodeName)));
  const firstKept = left.findIndex(({ nodeName }) => !isGeneratedNodeName(nodeName));
  const still = firstKept === -1 ? [] : left.slice(firstKept).filter(({ nodeName }) => !layers.has(nodeName));
  return withOtherNodes({ ...domain, disks }, [...(domain.otherNodes ?? []), ...still]);
}

function withOtherNodes(domain: Domain, otherNodes: readonly BlockNode[]): Domain {
  const { otherNodes: _, ...rest } = domain;
  return otherNodes.length === 0 ? rest : { ...rest, otherNodes };
}

/** Drops the layers from a place down to the base, and puts the one above them on it. */
function dropBetween(chain: readonly BlockNode[], place: number, baseNodeName: string | undefined) {
  const base = baseNodeName === undefined ? chain.length : placeOf(chain, baseNodeName);
  const kept = chain.slice(0, place);
  const above = kept.pop();
  const rest = chain.slice(base);
  return {
    chain: above === undefined ? rest : [...kept, on(above, rest[0]), ...rest],
    left: chain.slice(place, base),
  };
}

/** QEMU lets a base grow that is smaller than what is committed to it. */
function largest(top: BlockNode, base: BlockNode): BlockNode {
  return top.virtualSize > base.virtualSize ? top : base;
}

/** A layer on another backing image, or on none. */
function on(layer: BlockNode, backing: BlockNode | undefined): BlockNode {
  const { backingFilename: _, backingNodeName: __, ...alone } = layer;
  return backing?.filename === undefined ? alone : { ...alone, backingFilename: backing.filename };
}

function placeOf(nodes: readonly BlockNode[], nodeName: string): number {
  const place = nodes.findIndex((node) => node.nodeName === nodeName);
  return place === -1 ? nodes.length : place;
}
