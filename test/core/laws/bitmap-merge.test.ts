import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type Bitmap,
  type BitmapMergeRequest,
  type BlockNode,
  checkBitmapChain,
  planBitmapMerge,
  type TransactionAction,
} from '../../../src/index.js';
import { backingChain, bitmapOf } from '../../support/arbitrary-domain.js';
import { node } from '../../support/builders.js';
import { forAll } from '../../support/for-all.js';

/**
 * The merge rules of libvirt, put down once more as they read and not as the planner does it: layer by layer, one bitmap
 * after the other.
 */
function oracle(top: readonly BlockNode[], { bitmap, baseNodeName, into, activeWriteNode }: BitmapMergeRequest) {
  const actions: TransactionAction[] = [];
  if (into.node.format === 'raw' && into.bitmap === undefined) return actions;
  const target = into.node.nodeName;
  const write = typeof activeWriteNode === 'string' ? activeWriteNode : activeWriteNode?.nodeName;
  const candidates = [...(top[0]?.bitmaps ?? [])];
  while (candidates.length > 0) {
    const candidate = candidates.pop() as Bitmap;
    if (bitmap !== undefined && candidate.name !== bitmap) continue;
    if (!isValid(top, candidate.name)) continue;
    const sources: { nodeName: string; bitmap: string }[] = [];
    for (const layer of top) {
      if (layer.nodeName === baseNodeName) break;
      if (layer.bitmaps.some(({ name }) => name === candidate.name)) {
        sources.push({ nodeName: layer.nodeName, bitmap: candidate.name });
      }
    }
    if (write !== undefined) sources.push({ nodeName: write, bitmap: 'libvirt-tmp-activewrite' });
    const explicit = into.bitmap !== undefined;
    const destination = into.bitmap ?? candidate.name;
    if (explicit || !into.node.bitmaps.some(({ name }) => name === destination)) {
      const size = candidate.granularity === 0 ? {} : { granularity: candidate.granularity };
      actions.push({
        kind: 'bitmap-add',
        nodeName: target,
        bitmap: destination,
        persistent: !explicit,
        recording: !explicit,
        ...size,
      });
    }
    actions.push({ kind: 'bitmap-merge', nodeName: target, intoBitmap: destination, sources });
  }
  if (write !== undefined) actions.push({ kind: 'bitmap-remove', nodeName: write, bitmap: 'libvirt-tmp-activewrite' });
  return actions;
}

function isValid(layers: readonly BlockNode[], name: string): boolean {
  let ended = false;
  for (const [place, layer] of layers.entries()) {
    const found = layer.bitmaps.find((each) => each.name === name);
    if (found === undefined && place === 0) return false;
    if (found === undefined) ended = true;
    else if (ended || !found.recording || !found.persistent || found.inconsistent) return false;
  }
  return layers.length > 0;
}

const names = ['a', 'b', '__proto__'];
const maybe = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined });

const chains = backingChain('vda', names, { minLength: 0, maxLength: 6 }).chain((layers) =>
  fc.nat({ max: 4 }).map((unknown) => (unknown === 0 ? layers.map(withoutGranularity) : layers)),
);
const target = fc
  .record({
    bitmaps: fc.subarray(names).chain((found) => fc.tuple(...found.map(bitmapOf))),
    format: fc.constantFrom('qcow2', 'qcow2', 'raw'),
  })
  .map((change) => node('target', change));

const requests: fc.Arbitrary<BitmapMergeRequest> = fc
  .record({
    bitmap: maybe(fc.constantFrom(...names)),
    baseNodeName: maybe(fc.nat({ max: 6 }).map((layer) => `vda-${layer}`)),
    node: target,
    destination: maybe(fc.constantFrom('backup', 'a')),
    activeWriteNode: maybe(fc.constantFrom<string | BlockNode>('target', node('mirror'))),
  })
  .map(({ node: into, destination, bitmap, baseNodeName, activeWriteNode }) => ({
    ...(bitmap !== undefined && { bitmap }),
    ...(baseNodeName !== undefined && { baseNodeName }),
    ...(activeWriteNode !== undefined && { activeWriteNode }),
    into: { node: into, ...(destination !== undefined && { bitmap: destination }) },
  }));

describe('planBitmapMerge', () => {
  it('agrees with an oracle on any chain, base and destination', () => {
    let merges = 0;
    forAll(
      fc.tuple(chains, requests),
      ([layers, request]) => {
        const planned = planBitmapMerge(layers, request);
        merges += planned.filter(({ kind }) => kind === 'bitmap-merge').length;
        expect(planned).toStrictEqual(oracle(layers, request));
      },
      3000,
    );
    expect(merges).toBeGreaterThan(200);
  });

  it('merges what checkBitmapChain calls usable, and nothing else', () => {
    forAll(
      chains,
      (layers) => {
        const merged = planBitmapMerge(layers, { into: { node: node('target') } }).flatMap((action) =>
          action.kind === 'bitmap-merge' ? [action.intoBitmap] : [],
        );
        const usable = names.filter((name) => checkBitmapChain(layers, name).length === 0);
        expect(merged.toSorted()).toEqual(usable.toSorted());
      },
      1000,
    );
  });
});

function withoutGranularity(layer: BlockNode): BlockNode {
  return { ...layer, bitmaps: layer.bitmaps.map((each) => ({ ...each, granularity: 0, dirtyBytes: 0 })) };
}
