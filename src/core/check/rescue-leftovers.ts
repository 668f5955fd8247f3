import { findBitmap } from '../model/bitmap.js';
import type { BlockNode } from '../model/block-node.js';
import type { Domain } from '../model/domain.js';
import { type DiskLayer, isFileNodeNamed, layersOf } from './bitmap-removal.js';

/** What the temporary bitmap of a rescue is called on the layer that it fills. */
export const fillName = 'checkpoint-tmp-fill';

/** What its temporary node for a layer is called, by the layer's place among those that lack the bitmap. */
export function targetNameOf(place: number): string {
  return `${fillName}-${place}`;
}

/** What a rescue that did not end has left behind. */
export interface RescueLeftovers {
  /** Layers of whatever disk that have its temporary bitmap. */
  readonly leftOn: readonly DiskLayer[];
  /** Layers below an active one that it opened for writing, and that still are. */
  readonly open: readonly DiskLayer[];
  /** Names of its temporary nodes. */
  readonly targets: readonly string[];
}

/**
 * Finds what a rescue that did not end has left behind. A temporary node is there as long as a layer may be open for writing,
 * and has a bitmap that is called like its layer: so it is known which.
 */
export function findRescueLeftovers({ disks, otherNodes = [] }: Domain): RescueLeftovers {
  const targets = otherNodes.filter(({ nodeName }) => nodeName.startsWith(`${fillName}-`));
  const concerned = new Set(targets.flatMap(({ bitmaps }) => bitmaps.map(({ name }) => name)));
  const layers = disks.flatMap(({ diskTarget, backingChain }) =>
    layersOf(backingChain).map((layer): DiskLayer => [diskTarget, layer]),
  );
  const active = new Set(disks.map(({ backingChain }) => backingChain[0]?.nodeName));
  const isOpen = ({ nodeName, readOnly }: BlockNode) => concerned.has(nodeName) && !readOnly && !active.has(nodeName);
  return {
    leftOn: onceEach(layers.filter(([, { node }]) => findBitmap(node, fillName)?.persistent === false)),
    open: onceEach(layers.filter(([, { node }]) => isOpen(node) && isFileNodeNamed(node))),
    targets: targets.map(({ nodeName }) => nodeName),
  };
}

/** The domain once that is gone. */
export function withoutLeftovers(domain: Domain, { leftOn, open, targets }: RescueLeftovers): Domain {
  const names = (layers: readonly DiskLayer[]) => new Set(layers.map(([, { node }]) => node.nodeName));
  const [filled, opened] = [names(leftOn), names(open)];
  const clean = (node: BlockNode): BlockNode => ({
    ...node,
    readOnly: node.readOnly || opened.has(node.nodeName),
    bitmaps: filled.has(node.nodeName) ? node.bitmaps.filter(({ name }) => name !== fillName) : node.bitmaps,
  });
  const disks = domain.disks.map((disk) => ({ ...disk, backingChain: disk.backingChain.map(clean) }));
  const { otherNodes = [], ...rest } = domain;
  const others = otherNodes.filter(({ nodeName }) => !targets.includes(nodeName));
  return { ...rest, disks, ...(others.length > 0 && { otherNodes: others }) };
}

/** Images may be shared: two disks over one base still mean one layer. */
function onceEach(layers: readonly DiskLayer[]): readonly DiskLayer[] {
  return [...new Map(layers.map((each) => [each[1].node.nodeName, each])).values()];
}
