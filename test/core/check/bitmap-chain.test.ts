import { describe, expect, it } from 'vitest';
import { type Bitmap, type BlockNode, checkBitmapChain } from '../../../src/index.js';
import { bitmap, chain, disk, freshDomain, node } from '../../support/builders.js';
import { startQemu } from '../../support/model.js';
import { codesOf, detailsOf, refusal } from '../../support/refusal.js';

const disabled = bitmap('a', { recording: false });
const transient = bitmap('a', { persistent: false });
const inconsistent = bitmap('a', { recording: false, inconsistent: true });
const busy = bitmap('a', { busy: true });

const layersOf = (...layers: readonly (readonly (string | Bitmap)[])[]) => chain('vda', layers);
const at = (nodeName: string) => ({ bitmap: 'a', nodeName });

describe('checkBitmapChain', () => {
  it.each<[string, readonly BlockNode[]]>([
    ['one layer has it', layersOf(['a'])],
    ['one layer has it among others', layersOf(['b', 'a', 'c'])],
    ['every layer has it', layersOf(['a'], ['a'], ['a'])],
    ['the base was made before it', layersOf(['a'], ['a'], [])],
    ['it is busy, which passes', layersOf([busy], [busy])],
    [
      'layers are read-only, as lower ones always are',
      layersOf(['a'], ['a']).map((layer) => ({ ...layer, readOnly: true })),
    ],
    ['layers differ in granularity', layersOf(['a'], [bitmap('a', { granularity: 512 })])],
    ['another name is broken', layersOf(['a', bitmap('b', { inconsistent: true })], ['a'])],
  ])('calls a bitmap usable where %s', (_, layers) => {
    expect(checkBitmapChain(layers, 'a')).toEqual([]);
  });

  it.each<[string, readonly BlockNode[], readonly object[]]>([
    ['1: is on no layer', layersOf(['b'], []), [{ code: 'bitmap-missing', bitmap: 'a' }]],
    ['1: is nowhere since there is no layer', [], [{ code: 'bitmap-missing', bitmap: 'a' }]],
    [
      '2: is not on the active layer',
      layersOf([], ['a'], ['a']),
      [{ code: 'bitmap-not-on-active-layer', ...at('vda-active') }],
    ],
    [
      '3: is missing in between',
      layersOf(['a'], [], ['a'], ['a']),
      [
        { code: 'bitmap-gap', ...at('vda-2') },
        { code: 'bitmap-gap', ...at('vda-3') },
      ],
    ],
    [
      '2, 3: is not on the active layer, and missing in between',
      layersOf([], ['a'], [], ['a']),
      [
        { code: 'bitmap-not-on-active-layer', ...at('vda-active') },
        { code: 'bitmap-gap', ...at('vda-3') },
      ],
    ],
    ['4: is not recording', layersOf([disabled]), [{ code: 'bitmap-not-recording', ...at('vda-active') }]],
    ['4: is not recording below', layersOf(['a'], [disabled], []), [{ code: 'bitmap-not-recording', ...at('vda-1') }]],
    ['5: is transient', layersOf([transient]), [{ code: 'bitmap-transient', ...at('vda-active') }]],
    ['5: is transient below', layersOf(['a'], ['a'], [transient]), [{ code: 'bitmap-transient', ...at('vda-2') }]],
    ['6: is inconsistent', layersOf([inconsistent]), [{ code: 'bitmap-inconsistent', ...at('vda-active') }]],
    ['6: is inconsistent below', layersOf(['a'], [inconsistent]), [{ code: 'bitmap-inconsistent', ...at('vda-1') }]],
    [
      '4, 5: is neither recording nor persistent',
      layersOf([bitmap('a', { recording: false, persistent: false })]),
      [
        { code: 'bitmap-not-recording', ...at('vda-active') },
        { code: 'bitmap-transient', ...at('vda-active') },
      ],
    ],
    [
      'breaks every rule at once',
      layersOf([], [transient], [], [inconsistent], [disabled]),
      [
        { code: 'bitmap-not-on-active-layer', ...at('vda-active') },
        { code: 'bitmap-transient', ...at('vda-1') },
        { code: 'bitmap-gap', ...at('vda-3') },
        { code: 'bitmap-inconsistent', ...at('vda-3') },
        { code: 'bitmap-gap', ...at('vda-4') },
        { code: 'bitmap-not-recording', ...at('vda-4') },
      ],
    ],
  ])('says why a bitmap cannot be used that %s', (_, layers, expected) => {
    expect(detailsOf(checkBitmapChain(layers, 'a'))).toEqual(expected);
    const onDisk = detailsOf(checkBitmapChain(layers, 'a', { diskTarget: 'vda' }));
    expect(onDisk).toEqual(expected.map((details) => ({ ...details, diskTarget: 'vda' })));
  });

  const lost = (madeOn: string) => ({ code: 'bitmap-not-down-to-origin', bitmap: 'a', madeOn });

  it.each<[string, readonly BlockNode[], string, readonly object[]]>([
    ['reaches down to the layer it was made on', layersOf(['a'], ['a'], []), '/images/vda-1.qcow2', []],
    ['was made on the active layer', layersOf(['a'], []), '/images/vda-active.qcow2', []],
    ['reaches deeper than it was made', layersOf(['a'], ['a'], ['a']), '/images/vda-1.qcow2', []],
    [
      'does not reach down to it',
      layersOf(['a'], [], []),
      '/images/vda-1.qcow2',
      [{ ...lost('/images/vda-1.qcow2'), nodeName: 'vda-1' }],
    ],
    [
      'was made on an image that is not in the chain',
      layersOf(['a']),
      '/images/gone.qcow2',
      [lost('/images/gone.qcow2')],
    ],
    [
      'lacks the layer in between too',
      layersOf(['a'], [], ['a'], []),
      '/images/vda-3.qcow2',
      [
        { code: 'bitmap-gap', ...at('vda-2') },
        { ...lost('/images/vda-3.qcow2'), nodeName: 'vda-3' },
      ],
    ],
    [
      'is nowhere at all, which is told once',
      layersOf([], []),
      '/images/vda-1.qcow2',
      [{ code: 'bitmap-missing', bitmap: 'a' }],
    ],
  ])('7: judges a bitmap that %s', (_, layers, madeOn, expected) => {
    expect(detailsOf(checkBitmapChain(layers, 'a', { madeOn }))).toEqual(expected);
    const onDisk = detailsOf(checkBitmapChain(layers, 'a', { madeOn, diskTarget: 'vda' }));
    expect(onDisk).toEqual(expected.map((details) => ({ ...details, diskTarget: 'vda' })));
  });

  it('7: takes the lowest of two layers of one file name', () => {
    const [top, base] = layersOf(['a'], []) as [BlockNode, BlockNode];
    const twice = [top, { ...base, filename: '/images/vda-active.qcow2' }];
    expect(codesOf(checkBitmapChain(twice, 'a', { madeOn: '/images/vda-active.qcow2' }))).toEqual([
      'bitmap-not-down-to-origin',
    ]);
  });

  it('7: sees what the rules of libvirt do not: a base whose bitmaps another program dropped', () => {
    const [top, base] = layersOf(['a'], ['a']) as [BlockNode, BlockNode];
    const qemu = startQemu(freshDomain(disk('vda', [top, { ...base, readOnly: false }])));
    qemu.write('vda-1', 0, 65536);
    qemu.execute({ kind: 'transaction', actions: [{ kind: 'bitmap-remove', nodeName: 'vda-1', bitmap: 'a' }] });
    const [observed] = qemu.observe(freshDomain(disk('vda', [top, base]))).disks;
    const layers = observed?.backingChain ?? [];
    expect(checkBitmapChain(layers, 'a')).toEqual([]);
    expect(codesOf(checkBitmapChain(layers, 'a', { madeOn: '/images/vda-1.qcow2' }))).toEqual([
      'bitmap-not-down-to-origin',
    ]);
  });

  it.each(['__proto__', 'constructor', '10'])('is not misled by the name %s', (name) => {
    expect(codesOf(checkBitmapChain([node('n')], name))).toEqual(['bitmap-missing']);
    expect(checkBitmapChain([node('n', { bitmaps: [name] })], name)).toEqual([]);
  });

  it.each<[string, () => unknown]>([
    ['no chain', () => checkBitmapChain(undefined as never, 'a')],
    ['no name', () => checkBitmapChain([], undefined as never)],
    ['layers without bitmaps', () => checkBitmapChain([{} as never], 'a')],
    ['no options', () => checkBitmapChain([], 'a', null as never)],
  ])('tells that it was given %s', (_, run) => {
    expect(codesOf(refusal(run))).toEqual(['invalid-input']);
  });
});
