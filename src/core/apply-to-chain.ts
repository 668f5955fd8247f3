import type { NodeAddAction, SnapshotTakeAction } from './action.js';
import type { CommitJob, CopyJob, PullJob } from './job.js';
import type { BlockNode } from './model/block-node.js';
import type { Disk } from './model/disk.js';
import type { Domain } from './model/domain.js';

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
    return { chain: [{ ...base, readOnly: false }, ...below], left: chain.slice(0, place) };
  });
}

/** The layer above the committed ones stands on the base; those are no part of the disk any more. */
export function finishInactiveCommit(domain: Domain, { activeNodeName, topNodeName, baseNodeName }: CommitJob): Domain {
  return changeChain(domain, activeNodeName, (chain) =>
    dropBetween(chain, placeOf(chain, topNodeName), placeOf(chain, baseNodeName)),
  );
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

export function addNode(domain: Domain, action: NodeAddAction): Domain {
  const { nodeName, format, virtualSize, filename, fileNodeName, options } = action;
  const node: BlockNode = {
    nodeName,
    format,
    virtualSize,
    readOnly: options?.['read-only'] === true,
    ...(filename !== undefined && { filename }),
    ...(fileNodeName !== undefined && { fileNodeName }),
    ...(format === 'qcow2' && { qcow2Version: 3 as const }),
    bitmaps: [],
  };
  return { ...domain, otherNodes: [...(domain.otherNodes ?? []), node] };
}

export function removeNode(domain: Domain, nodeName: string): Domain {
  return withOtherNodes(
    domain,
    (domain.otherNodes ?? []).filter((node) => node.nodeName !== nodeName),
  );
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
  return withOtherNodes({ ...domain, disks }, [...others, ...left]);
}

function withOtherNodes(domain: Domain, otherNodes: readonly BlockNode[]): Domain {
  const { otherNodes: _, ...rest } = domain;
  return otherNodes.length === 0 ? rest : { ...rest, otherNodes };
}

/** Drops the layers from one place down to another, and puts the one above them on what is left below. */
function dropBetween(chain: Layers, top: number, base: number): ChangedChain {
  const above = chain[top - 1];
  if (above === undefined || base < top) return { chain };
  const below = chain.slice(base);
  return { chain: [...chain.slice(0, top - 1), on(above, below[0]), ...below], left: chain.slice(top, base) };
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
