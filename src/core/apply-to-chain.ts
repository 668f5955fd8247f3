import type { NodeAddAction, SnapshotTakeAction } from './action.js';
import type { CommitJob, CopyJob, PullJob } from './job.js';
import type { BlockNode } from './model/block-node.js';
import type { Disk } from './model/disk.js';
import type { Domain } from './model/domain.js';

/** The overlay becomes the active layer; the one below turns read-only by itself. */
export function takeSnapshot(domain: Domain, { nodeName, overlayNodeName }: SnapshotTakeAction): Domain {
  const overlay = domain.otherNodes?.find((node) => node.nodeName === overlayNodeName);
  if (overlay === undefined) return domain;
  return changeChain(removeNode(domain, overlayNodeName), nodeName, ([active, ...below]) => ({
    chain: [on(overlay, active), { ...active, readOnly: true }, ...below],
  }));
}

/** The guest writes to the base; the layers above it are no part of the disk any more. */
export function finishActiveCommit(domain: Domain, { activeNodeName, baseNodeName }: CommitJob): Domain {
  return changeChain(domain, activeNodeName, (chain) => {
    const place = placeOf(chain, baseNodeName);
    const [base, ...below] = chain.slice(place);
    if (base === undefined) return { chain };
    return { chain: [{ ...base, readOnly: false }, ...below], left: chain.slice(0, place) };
  });
}

/** The layer above the committed ones stands on the base; those are no part of the disk any more. */
export function finishInactiveCommit(domain: Domain, { activeNodeName, topNodeName, baseNodeName }: CommitJob): Domain {
  return changeChain(domain, activeNodeName, (chain) => dropBetween(chain, placeOf(chain, topNodeName), baseNodeName));
}

/** The guest writes to the copy; what was copied is no part of the disk any more. */
export function finishCopy(domain: Domain, { activeNodeName, targetNodeName, shallow }: CopyJob): Domain {
  const target = domain.otherNodes?.find((node) => node.nodeName === targetNodeName);
  if (target === undefined) return domain;
  return changeChain(removeNode(domain, targetNodeName), activeNodeName, ([active, ...below]) =>
    shallow
      ? { chain: [on(target, below[0]), ...below], left: [active] }
      : { chain: [target], left: [active, ...below] },
  );
}

/** The active layer stands on the base of the pull, or on none; the layers between are no part of the disk any more. */
export function finishPull(domain: Domain, { activeNodeName, baseNodeName }: PullJob): Domain {
  return changeChain(domain, activeNodeName, (chain) => dropBetween(chain, 1, baseNodeName));
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

/** Changes the chain below an active layer; layers that leave it are still nodes of QEMU's. */
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
  return withOtherNodes({ ...domain, disks }, [...(domain.otherNodes ?? []), ...left]);
}

function withOtherNodes(domain: Domain, otherNodes: readonly BlockNode[]): Domain {
  const { otherNodes: _, ...rest } = domain;
  return otherNodes.length === 0 ? rest : { ...rest, otherNodes };
}

/** Drops the layers from a place down to the base, and puts the one above them on it. */
function dropBetween(chain: Layers, place: number, baseNodeName: string | undefined) {
  const base = baseNodeName === undefined ? chain.length : placeOf(chain, baseNodeName);
  const kept = chain.slice(0, place);
  const above = kept.pop();
  const rest = chain.slice(base);
  return {
    chain: above === undefined ? rest : [...kept, on(above, rest[0]), ...rest],
    left: chain.slice(place, base),
  };
}

/** A layer on another backing image, or on none. */
function on(layer: BlockNode, backing: BlockNode | undefined): BlockNode {
  const { backingFilename: _, backingNodeName: __, ...alone } = layer;
  return backing?.filename === undefined ? alone : { ...alone, backingFilename: backing.filename };
}

function placeOf(chain: readonly BlockNode[], nodeName: string): number {
  const place = chain.findIndex((node) => node.nodeName === nodeName);
  return place === -1 ? chain.length : place;
}
