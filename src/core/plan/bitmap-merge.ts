import type { BitmapReference, TransactionAction } from '../action.js';
import { checkBitmapChain } from '../check/bitmap-chain.js';
import { guardInput } from '../guard-input.js';
import { type Bitmap, findBitmap } from '../model/bitmap.js';
import type { BlockNode } from '../model/block-node.js';

/** libvirt's name for the bitmap that notes what is written between a job's being ready and its end. */
export const activeWriteBitmap = 'libvirt-tmp-activewrite';

/** Which bitmaps to merge, from which layers, into what. */
export interface BitmapMergeRequest {
  /** Only the bitmaps of this name; absent: every bitmap of the topmost layer. */
  readonly bitmap?: string;
  /** Layers from this one down are left out; absent, or not in the chain: none is. */
  readonly baseNodeName?: string;
  /**
   * Where to: the node as observed, so that a bitmap which it has is not added again; and with `bitmap` a destination of
   * that name, made for the purpose: not persistent and not recording.
   */
  readonly into: { readonly node: BlockNode; readonly bitmap?: string };
  /** The node, or its node-name, whose {@link activeWriteBitmap} is merged into each destination and then removed. */
  readonly activeWriteNode?: string | { readonly nodeName: string };
}

/**
 * Builds the actions that bring bitmaps of several layers together on one node, by these rules:
 *
 * 1. candidates are the bitmaps of the topmost layer, or the one named, in reverse of the order QEMU reports them;
 * 2. one that is not usable on the chain from there to its very end is left out: ask {@link checkBitmapChain} for the
 *    reason first;
 * 3. sources are the layers that have it, from the top down to the base, the base left out;
 * 4. the destination is added where a name for it is given, or where the node lacks the bitmap: as fine as the topmost
 *    source, transient and stopped in the first case, persistent and recording in the second;
 * 5. what was written while a job ended comes last, and its bitmap is removed at the end even if nothing was merged;
 * 6. a raw node stores no bitmaps: there is nothing to do.
 *
 * @param backingChain - From the top of the merge down to the end of the chain.
 * @returns Actions for one transaction; `[]` where there is nothing to do.
 * @throws {@link CheckpointError} with `invalid-input` where the arguments are not a chain and a request at all; what cannot be
 * merged is left out.
 * @example
 * ```ts
 * const [node] = vda.backingChain;
 * planBitmapMerge(vda.backingChain, { bitmap: 'monday', into: { node: node!, bitmap: 'backup-vda' } });
 * // [
 * //   { kind: 'bitmap-add', nodeName: 'vda-active', bitmap: 'backup-vda', persistent: false, recording: false, granularity: 65536 },
 * //   { kind: 'bitmap-merge', nodeName: 'vda-active', intoBitmap: 'backup-vda', sources: [{ nodeName: 'vda-active', bitmap: 'monday' }] },
 * // ]
 * ```
 * @see QEMU `block-dirty-bitmap-merge`; libvirt `qemuBlockGetBitmapMergeActions`
 */
export function planBitmapMerge(
  backingChain: readonly BlockNode[],
  request: BitmapMergeRequest,
): readonly TransactionAction[] {
  return guardInput({}, () => {
    const { into, activeWriteNode } = request;
    // 6
    if (into.node.format === 'raw' && into.bitmap === undefined) return [];
    const writes = activeWriteNode === undefined ? [] : [writesOf(activeWriteNode)];
    const merges = candidates(backingChain, request.bitmap).flatMap((bitmap) => {
      const sources = sourcesOf(backingChain, bitmap.name, request.baseNodeName);
      return mergeActions(bitmap, [...sources, ...writes], into);
    });
    // 5
    return [...merges, ...writes.map((write) => ({ kind: 'bitmap-remove', ...write }) as const)];
  });
}

function candidates(backingChain: readonly BlockNode[], only: string | undefined): readonly Bitmap[] {
  // 1
  const ofTop = backingChain[0]?.bitmaps.filter(({ name }) => only === undefined || name === only) ?? [];
  // 2
  return ofTop.toReversed().filter(({ name }) => checkBitmapChain(backingChain, name).length === 0);
}

function sourcesOf(chain: readonly BlockNode[], bitmap: string, baseNodeName: string | undefined): BitmapReference[] {
  const base = chain.findIndex(({ nodeName }) => nodeName === baseNodeName);
  // 3
  const layers = base === -1 ? chain : chain.slice(0, base);
  return layers.filter((node) => findBitmap(node, bitmap)).map(({ nodeName }) => ({ nodeName, bitmap }));
}

function mergeActions(
  { name, granularity }: Bitmap,
  sources: readonly BitmapReference[],
  { node, bitmap: destination }: BitmapMergeRequest['into'],
): readonly TransactionAction[] {
  const { nodeName } = node;
  const intoBitmap = destination ?? name;
  const lasting = destination === undefined;
  const merge: TransactionAction = { kind: 'bitmap-merge', nodeName, intoBitmap, sources };
  // 4
  if (lasting && findBitmap(node, name)) return [merge];
  const as = { persistent: lasting, recording: lasting, ...(granularity > 0 && { granularity }) };
  return [{ kind: 'bitmap-add', nodeName, bitmap: intoBitmap, ...as }, merge];
}

function writesOf(node: string | { readonly nodeName: string }): BitmapReference {
  return { nodeName: typeof node === 'string' ? node : node.nodeName, bitmap: activeWriteBitmap };
}
