import { findBitmap } from '../model/bitmap.js';
import type { BlockNode } from '../model/block-node.js';
import { isGeneratedNodeName } from '../model/names.js';
import { type Problem, problem } from '../problem.js';

/** A layer of a backing chain, and what a reopen of it must repeat. */
export interface Layer {
  readonly node: BlockNode;
  /** Absent at the base. */
  readonly backingNodeName?: string;
}

/** A layer to be opened anew, and the disk it is a layer of. */
export type DiskLayer = readonly [diskTarget: string, layer: Layer];

/** One bitmap that is to go, with the layers it is on. */
export interface DoomedBitmap {
  readonly diskTarget: string;
  readonly bitmap: string;
  /** From the active layer down. */
  readonly layers: readonly Layer[];
}

/** The layers of a chain, from the active one down. */
export function layersOf(backingChain: readonly BlockNode[]): readonly Layer[] {
  return backingChain.map((node, place) => {
    const backingNodeName = node.backingNodeName ?? backingChain[place + 1]?.nodeName;
    return { node, ...(backingNodeName !== undefined && { backingNodeName }) };
  });
}

/** Those of them that have a bitmap of that name. */
export function layersWith(backingChain: readonly BlockNode[], bitmap: string): readonly Layer[] {
  return layersOf(backingChain).filter(({ node }) => findBitmap(node, bitmap) !== undefined);
}

/**
 * What keeps bitmaps from being removed:
 *
 * 1. QEMU refuses to remove a bitmap that a job or an export holds;
 * 2. a read-only layer is opened for writing first, which QEMU refuses for a node whose name it made up itself,
 * 3. which must repeat the node's protocol layer, by a name that QEMU did not make up either,
 * 4. which takes a protocol layer that can be written to,
 * 5. and must repeat what is directly below, which may be a filter.
 */
export function checkRemovals(bitmaps: readonly DoomedBitmap[]): readonly Problem[] {
  const problems: Problem[] = [];
  const unopenable = new Set<string>();
  for (const { diskTarget, bitmap, layers } of bitmaps) {
    for (const { node } of layers) {
      const where = { diskTarget, nodeName: node.nodeName };
      // 1
      if (findBitmap(node, bitmap)?.busy) problems.push(problem({ code: 'bitmap-busy', ...where, bitmap }));
      const missing = missingForReopen(node);
      if (missing === undefined || unopenable.has(node.nodeName)) continue;
      unopenable.add(node.nodeName);
      problems.push(problem({ code: 'node-not-reopenable', ...where, missing }));
    }
  }
  return problems;
}

/** What keeps a read-only node from being opened anew. */
export function missingForReopen(node: BlockNode): 'name' | 'file-node' | 'writable-file' | 'backing-node' | undefined {
  if (!node.readOnly) return undefined;
  // 2
  if (isGeneratedNodeName(node.nodeName)) return 'name';
  // 3
  if (!isFileNodeNamed(node)) return 'file-node';
  // 4
  if (node.fileReadOnly) return 'writable-file';
  // 5
  return node.backingFiltered && node.backingNodeName === undefined ? 'backing-node' : undefined;
}

/** Whether the protocol layer of a node is known by a name that a reopen can repeat: QEMU does not take those it made up. */
export function isFileNodeNamed({ fileNodeName }: BlockNode): boolean {
  return fileNodeName !== undefined && !isGeneratedNodeName(fileNodeName);
}
