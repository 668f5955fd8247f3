import { CheckpointError } from '../core/error.js';
import { guardInput } from '../core/guard-input.js';
import type { BlockNode } from '../core/model/block-node.js';
import { type ProblemDetails, problem } from '../core/problem.js';
import { isFilter, isImageFormat } from './drivers.js';

/**
 * Finds the backing chain that hangs from a node.
 *
 * A layer leads to the next by node-name where the reply says so (QEMU 10.1 and later) or {@link BlockNode.backingNodeName} was
 * set by the caller, and by the name of its backing file otherwise. QEMU names there what it really uses, which need not be
 * what the header of the image says. A file may be open as several nodes: the one that reads its format counts, protocol
 * nodes below and filters above it do not.
 *
 * @param nodes - As {@link parseBlockNodes} gives them; all of them, not only those of one disk.
 * @param activeNodeName - Node-name of the active layer, or of a filter above it.
 * @returns The active layer first, the base last.
 * @throws {@link CheckpointError} with the problem that keeps the chain from being known:
 * - `node-not-found`: no node has the name;
 * - `backing-node-missing`: a backing image is no node of the reply;
 * - `backing-node-ambiguous`: two nodes have the backing image open, say below two disks, and nothing tells which is meant;
 * - `backing-chain-loop`: the chain comes back to one of its nodes;
 * - `invalid-input`: the arguments are not nodes and a name at all.
 * @example
 * ```ts
 * resolveBackingChain(parseBlockNodes(reply), 'vda-active').map(({ nodeName }) => nodeName); // ['vda-active']
 * ```
 * @see libvirt `virStorageSource` `backingStore`, which it keeps itself since QEMU did not tell
 */
export function resolveBackingChain(nodes: readonly BlockNode[], activeNodeName: string): readonly BlockNode[] {
  return guardInput({}, () => {
    const chain: BlockNode[] = [];
    let layer: BlockNode | undefined = imageBelow(nodes, findNode(nodes, activeNodeName));
    while (layer !== undefined) {
      if (chain.includes(layer)) throw refused({ code: 'backing-chain-loop', nodeName: layer.nodeName });
      chain.push(layer);
      layer = backingNodeOf(nodes, layer);
    }
    return chain;
  });
}

function findNode(nodes: readonly BlockNode[], name: string): BlockNode {
  const node = nodes.find(({ nodeName }) => nodeName === name);
  if (node === undefined) throw refused({ code: 'node-not-found', nodeName: String(name) });
  return node;
}

/** A filter has no bitmaps and no backing image of its own: the chain begins at the image below. */
export function imageBelow(nodes: readonly BlockNode[], node: BlockNode): BlockNode {
  const passed = new Set<BlockNode>();
  let below = node;
  while (isFilter(below.format)) {
    if (passed.has(below)) throw refused({ code: 'backing-chain-loop', nodeName: below.nodeName });
    passed.add(below);
    const { fileNodeName = below.backingNodeName, filename } = below;
    if (fileNodeName !== undefined) below = findNode(nodes, fileNodeName);
    else if (filename !== undefined) below = imageOfFile(nodes, below, filename);
    else return below;
  }
  return below;
}

function backingNodeOf(nodes: readonly BlockNode[], layer: BlockNode): BlockNode | undefined {
  const { backingFilename, backingNodeName } = layer;
  if (backingNodeName !== undefined) return imageBelow(nodes, findNode(nodes, backingNodeName));
  return backingFilename === undefined ? undefined : imageOfFile(nodes, layer, backingFilename);
}

function imageOfFile(nodes: readonly BlockNode[], above: BlockNode, backing: string): BlockNode {
  const { nodeName } = above;
  const users = nodes.filter(({ filename, format }) => filename === backing && !isFilter(format));
  const images = users.filter(({ format }) => isImageFormat(format));
  const candidates = (images.length > 0 ? images : users).map((node) => node.nodeName);
  const [candidate] = candidates;
  if (candidate === undefined) throw refused({ code: 'backing-node-missing', nodeName, backing });
  if (candidates.length > 1) throw refused({ code: 'backing-node-ambiguous', nodeName, backing, candidates });
  return findNode(nodes, candidate);
}

function refused(details: ProblemDetails): CheckpointError {
  return new CheckpointError([problem(details)]);
}
