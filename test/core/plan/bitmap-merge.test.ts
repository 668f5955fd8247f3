import { describe, expect, it } from 'vitest';
import {
  activeWriteBitmap,
  type Bitmap,
  type BitmapMergeRequest,
  type BlockNode,
  planBitmapMerge,
  type TransactionAction,
} from '../../../src/index.js';
import { bitmap, chain, disk, freshDomain, MiB, node } from '../../support/builders.js';
import { startQemu } from '../../support/model.js';
import { codesOf, refusal } from '../../support/refusal.js';

const target = node('target');
const good = bitmap('a');
const layersOf = (...layers: readonly (readonly (string | Bitmap)[])[]) => chain('vda', layers);

const add = (nodeName: string, name: string, change: Partial<TransactionAction & { kind: 'bitmap-add' }> = {}) =>
  ({
    kind: 'bitmap-add',
    nodeName,
    bitmap: name,
    persistent: true,
    recording: true,
    granularity: 65536,
    ...change,
  }) as const;
const merge = (nodeName: string, intoBitmap: string, ...sources: readonly (readonly [string, string])[]) =>
  ({
    kind: 'bitmap-merge',
    nodeName,
    intoBitmap,
    sources: sources.map(([of, name]) => ({ nodeName: of, bitmap: name })),
  }) as const;
const transient = { persistent: false, recording: false } as const;

const cases: readonly [string, readonly BlockNode[], BitmapMergeRequest, readonly TransactionAction[]][] = [
  [
    '1: takes every bitmap of the topmost layer, the last reported first',
    layersOf(['c', 'b', 'a'], ['d']),
    { into: { node: target } },
    ['a', 'b', 'c'].flatMap((name) => [add('target', name), merge('target', name, ['vda-active', name])]),
  ],
  [
    '1: takes only the one named',
    layersOf(['b', 'a']),
    { bitmap: 'b', into: { node: target } },
    [add('target', 'b'), merge('target', 'b', ['vda-active', 'b'])],
  ],
  ['1: takes none that only lower layers have', layersOf([], ['a']), { into: { node: target } }, []],
  ['1: finds nothing to do without layers', [], { bitmap: 'a', into: { node: target } }, []],
  ...(
    [
      ['is not recording', [bitmap('a', { recording: false })], []],
      ['is transient', [bitmap('a', { persistent: false })], []],
      ['is inconsistent', [bitmap('a', { inconsistent: true })], []],
      ['is not recording on a lower layer', [good], [bitmap('a', { recording: false })]],
      ['is transient on a lower layer', [good], [bitmap('a', { persistent: false })]],
      ['is inconsistent on a lower layer', [good], [bitmap('a', { inconsistent: true })]],
    ] as const
  ).map(([sentence, top, base]): (typeof cases)[number] => [
    `2: leaves out a bitmap that ${sentence}, and keeps the others`,
    layersOf([...top, 'b'], base),
    { into: { node: target } },
    [add('target', 'b'), merge('target', 'b', ['vda-active', 'b'])],
  ]),
  [
    '2: leaves out a bitmap with a gap',
    layersOf(['b', 'a'], ['b'], ['a']),
    { into: { node: target } },
    [add('target', 'b'), merge('target', 'b', ['vda-active', 'b'], ['vda-1', 'b'])],
  ],
  [
    '2: judges down to the end of the chain, though the merge ends at the base',
    layersOf(['a'], ['a'], [bitmap('a', { recording: false })]),
    { baseNodeName: 'vda-2', into: { node: target } },
    [],
  ],
  [
    '2: judges a gap below the base as well',
    layersOf(['a'], [], ['a']),
    { baseNodeName: 'vda-1', into: { node: target } },
    [],
  ],
  [
    '2: takes a bitmap that is busy',
    layersOf([bitmap('a', { busy: true })]),
    { into: { node: target } },
    [add('target', 'a'), merge('target', 'a', ['vda-active', 'a'])],
  ],
  [
    '3: takes the layers from the top down to the base, the base left out',
    layersOf(['a'], ['a'], ['a'], ['a']),
    { baseNodeName: 'vda-2', into: { node: target } },
    [add('target', 'a'), merge('target', 'a', ['vda-active', 'a'], ['vda-1', 'a'])],
  ],
  [
    '3: takes all layers where the base is not in the chain',
    layersOf(['a'], ['a']),
    { baseNodeName: 'elsewhere', into: { node: target } },
    [add('target', 'a'), merge('target', 'a', ['vda-active', 'a'], ['vda-1', 'a'])],
  ],
  [
    '3: takes no layer where the base is the top',
    layersOf(['a']),
    { baseNodeName: 'vda-active', into: { node: target } },
    [add('target', 'a'), merge('target', 'a')],
  ],
  [
    '4: makes a destination that is asked for by name, transient and stopped',
    layersOf(['a'], ['a']),
    { bitmap: 'a', into: { node: target, bitmap: 'backup' } },
    [add('target', 'backup', transient), merge('target', 'backup', ['vda-active', 'a'], ['vda-1', 'a'])],
  ],
  [
    '4: makes it also where the node has a bitmap of the source’s name',
    layersOf(['a']),
    { bitmap: 'a', into: { node: node('target', { bitmaps: ['a'] }), bitmap: 'backup' } },
    [add('target', 'backup', transient), merge('target', 'backup', ['vda-active', 'a'])],
  ],
  [
    '4: merges into the bitmap that the node has',
    layersOf(['a', 'b']),
    { into: { node: node('target', { bitmaps: ['a'] }) } },
    [add('target', 'b'), merge('target', 'b', ['vda-active', 'b']), merge('target', 'a', ['vda-active', 'a'])],
  ],
  [
    '4: makes it as fine as the topmost source, whatever the others are',
    layersOf([bitmap('a', { granularity: 4096 })], [bitmap('a', { granularity: 512 })]),
    { into: { node: target } },
    [add('target', 'a', { granularity: 4096 }), merge('target', 'a', ['vda-active', 'a'], ['vda-1', 'a'])],
  ],
  [
    '4: leaves the granularity to QEMU where the reply did not tell it',
    layersOf([bitmap('a', { granularity: 0 })], ['a']),
    { into: { node: target } },
    [
      { kind: 'bitmap-add', nodeName: 'target', bitmap: 'a', persistent: true, recording: true },
      merge('target', 'a', ['vda-active', 'a'], ['vda-1', 'a']),
    ],
  ],
  [
    '5: merges what was written meanwhile last into each, and removes its bitmap at the end',
    layersOf(['b', 'a'], ['a']),
    { into: { node: target }, activeWriteNode: target },
    [
      add('target', 'a'),
      merge('target', 'a', ['vda-active', 'a'], ['vda-1', 'a'], ['target', activeWriteBitmap]),
      add('target', 'b'),
      merge('target', 'b', ['vda-active', 'b'], ['target', activeWriteBitmap]),
      { kind: 'bitmap-remove', nodeName: 'target', bitmap: activeWriteBitmap },
    ],
  ],
  [
    '5: removes that bitmap though nothing was merged, by the name of the node',
    layersOf([]),
    { into: { node: target }, activeWriteNode: 'target' },
    [{ kind: 'bitmap-remove', nodeName: 'target', bitmap: 'libvirt-tmp-activewrite' }],
  ],
  [
    '6: does nothing for a raw node, which stores no bitmaps',
    layersOf(['a']),
    { into: { node: node('target', { format: 'raw' }) }, activeWriteNode: 'target' },
    [],
  ],
  [
    '6: makes a transient destination on a raw node',
    layersOf(['a']),
    { bitmap: 'a', into: { node: node('target', { format: 'raw' }), bitmap: 'backup' } },
    [add('target', 'backup', transient), merge('target', 'backup', ['vda-active', 'a'])],
  ],
];

describe('planBitmapMerge', () => {
  it.each(cases)('%s', (_, layers, request, expected) => {
    expect(planBitmapMerge(layers, request)).toStrictEqual(expected);
  });

  it('brings together all that was written on any layer, of whatever granularity', () => {
    const coarse = bitmap('a', { granularity: MiB });
    const [top, base] = layersOf(['a'], [coarse]) as [BlockNode, BlockNode];
    const given = freshDomain(disk('vda', [top, { ...base, readOnly: false }]));
    const qemu = startQemu(given);
    qemu.write('vda-active', 65536, 1);
    qemu.write('vda-1', 2 * MiB, 1);
    const [observed] = qemu.observe(given).disks;
    const into = { node: top, bitmap: 'backup' };
    const actions = planBitmapMerge(observed?.backingChain ?? [], { bitmap: 'a', into });
    qemu.execute({ kind: 'transaction', actions });
    expect(qemu.dirtyGranules('vda-active', 'backup')).toEqual([
      1,
      ...Array.from({ length: 16 }, (_, bit) => 32 + bit),
    ]);
  });

  it.each<[string, () => unknown]>([
    ['no chain', () => planBitmapMerge(undefined as never, { into: { node: target } })],
    ['no request', () => planBitmapMerge([], undefined as never)],
    ['no destination', () => planBitmapMerge([], {} as never)],
  ])('tells that it was given %s', (_, run) => {
    expect(codesOf(refusal(run))).toEqual(['invalid-input']);
  });
});
