import { describe, expect, it } from 'vitest';
import { applyStep, type Bitmap, type Command, type Domain, type TransactionAction } from '../../src/index.js';
import { bitmap, chain, disk, domain, freshDomain, GiB, MiB, node, without } from '../support/builders.js';
import { deepFreeze } from '../support/deep-freeze.js';
import { startQemu } from '../support/model.js';
import { codesOf, detailsOf, refusal } from '../support/refusal.js';

const apply = (given: Domain, command: Command) => applyStep(given, { command, why: 'It is a test.' });
const transaction = (...actions: readonly TransactionAction[]): Command => ({ kind: 'transaction', actions });
const add = (name: string, change: object = {}) =>
  ({ kind: 'bitmap-add', nodeName: 'n', bitmap: name, persistent: true, recording: true, ...change }) as const;
const on = (kind: 'bitmap-remove' | 'bitmap-clear' | 'bitmap-enable' | 'bitmap-disable', name: string) =>
  ({ kind, nodeName: 'n', bitmap: name }) as const;
const merge = (into: string, ...sources: readonly string[]) =>
  ({
    kind: 'bitmap-merge',
    nodeName: 'n',
    intoBitmap: into,
    sources: sources.map((name) => ({ nodeName: 'n', bitmap: name })),
  }) as const;

const holding = (...bitmaps: readonly (string | Bitmap)[]) => freshDomain(disk('vda', [node('n', { bitmaps })]));
const bitmapsOf = (given: Domain) => given.disks[0]?.backingChain[0]?.bitmaps;

describe('applyStep', () => {
  it.each<[string, readonly (string | Bitmap)[], readonly TransactionAction[], readonly Bitmap[]]>([
    ['adds a bitmap in front of the others', ['a'], [add('b')], [bitmap('b'), bitmap('a')]],
    [
      'adds one as it is asked to be',
      [],
      [add('b', { persistent: false, recording: false, granularity: 512 })],
      [bitmap('b', { persistent: false, recording: false, granularity: 512 })],
    ],
    ['removes the one of that name', ['a', 'b', 'c'], [on('bitmap-remove', 'b')], [bitmap('a'), bitmap('c')]],
    ['empties one', [bitmap('a', { dirtyBytes: 65536 })], [on('bitmap-clear', 'a')], [bitmap('a')]],
    ['stops one', ['a', 'b'], [on('bitmap-disable', 'a')], [bitmap('a', { recording: false }), bitmap('b')]],
    ['starts one', [bitmap('a', { recording: false })], [on('bitmap-enable', 'a')], [bitmap('a')]],
    [
      'takes one action after the other',
      ['a'],
      [add('b'), on('bitmap-disable', 'b'), on('bitmap-remove', 'a')],
      [bitmap('b', { recording: false })],
    ],
    [
      'merges bits that it takes to be apart from each other',
      [bitmap('into', { dirtyBytes: 65536 }), bitmap('a', { dirtyBytes: 65536 }), bitmap('b', { dirtyBytes: 131072 })],
      [merge('into', 'a', 'b')],
      [bitmap('into', { dirtyBytes: 262144 }), bitmap('a', { dirtyBytes: 65536 }), bitmap('b', { dirtyBytes: 131072 })],
    ],
    [
      'merges each bit of a finer bitmap into a granule of its own',
      [bitmap('into'), bitmap('a', { granularity: 4096, dirtyBytes: 8192 })],
      [merge('into', 'a')],
      [bitmap('into', { dirtyBytes: 131072 }), bitmap('a', { granularity: 4096, dirtyBytes: 8192 })],
    ],
    [
      'merges a coarser bitmap byte for byte',
      [bitmap('into'), bitmap('a', { granularity: MiB, dirtyBytes: MiB })],
      [merge('into', 'a')],
      [bitmap('into', { dirtyBytes: MiB }), bitmap('a', { granularity: MiB, dirtyBytes: MiB })],
    ],
    [
      'never marks more than the whole disk',
      [bitmap('into'), bitmap('a', { granularity: 512, dirtyBytes: GiB / 2 })],
      [merge('into', 'a')],
      [bitmap('into', { dirtyBytes: GiB }), bitmap('a', { granularity: 512, dirtyBytes: GiB / 2 })],
    ],
    [
      'merges bitmaps whose granularity is not told as if it were the same',
      [bitmap('into', { granularity: 0 }), bitmap('a', { granularity: 0, dirtyBytes: 65536 })],
      [merge('into', 'a')],
      [bitmap('into', { granularity: 0, dirtyBytes: 65536 }), bitmap('a', { granularity: 0, dirtyBytes: 65536 })],
    ],
    [
      'merges a bitmap into itself to no effect',
      [bitmap('a', { dirtyBytes: 65536 })],
      [merge('a', 'a')],
      [bitmap('a', { dirtyBytes: 65536 })],
    ],
    ['takes an empty transaction', ['a'], [], [bitmap('a')]],
  ])('%s', (_, before, actions, after) => {
    const given = deepFreeze(holding(...before));
    expect(bitmapsOf(apply(given, transaction(...actions)))).toStrictEqual(after);
  });

  it.each<[string, number | undefined, number]>([
    ['the cluster size', 32768, 32768],
    ['4 KiB where clusters are smaller', 512, 4096],
    ['64 KiB where clusters are larger', 2 * MiB, 65536],
    ['64 KiB where the cluster size is not told', undefined, 65536],
  ])('takes the granularity that QEMU does where none is asked for: %s', (_, clusterSize, granularity) => {
    const image = clusterSize === undefined ? without(node('n'), 'clusterSize') : node('n', { clusterSize });
    const given = freshDomain(disk('vda', [image]));
    expect(bitmapsOf(apply(given, transaction(add('a'))))).toStrictEqual([bitmap('a', { granularity })]);
    const qemu = startQemu(given);
    qemu.execute(transaction(add('a')));
    expect(bitmapsOf(qemu.observe(given))?.[0]?.granularity).toBe(granularity);
  });

  it('never tells fewer dirty bytes after a merge than the model of QEMU finds', () => {
    const layers = chain('vda', [[bitmap('a', { granularity: 4096 })], [bitmap('a', { granularity: MiB })]]);
    const given = freshDomain(
      disk(
        'vda',
        layers.map((layer) => ({ ...layer, readOnly: false })),
      ),
    );
    const qemu = startQemu(given);
    for (let place = 0; place < 40; place += 1) {
      qemu.write('vda-active', place * 3 * 4096, 4096);
      qemu.write('vda-1', place * 5 * 65536, 65536);
    }
    const observed = qemu.observe(given);
    const command = transaction(
      { ...add('into', { persistent: false, recording: false }), nodeName: 'vda-active' },
      {
        kind: 'bitmap-merge',
        nodeName: 'vda-active',
        intoBitmap: 'into',
        sources: ['vda-active', 'vda-1'].map((nodeName) => ({ nodeName, bitmap: 'a' })),
      },
    );
    qemu.execute(command);
    const exact = bitmapsOf(qemu.observe(given))?.[0]?.dirtyBytes ?? Number.NaN;
    const told = bitmapsOf(apply(observed, command))?.[0]?.dirtyBytes ?? Number.NaN;
    expect(exact).toBeGreaterThan(0);
    expect(told).toBeGreaterThanOrEqual(exact);
  });

  it('opens a node for writing and for reading only', () => {
    const given = freshDomain(disk('vda', chain('vda', [['a'], ['a']])));
    const reopen = { kind: 'node-reopen', nodeName: 'vda-1', format: 'qcow2', fileNodeName: 'vda-1-file' } as const;
    const opened = apply(given, { ...reopen, readOnly: false });
    expect(opened.disks[0]?.backingChain.map(({ readOnly }) => readOnly)).toEqual([false, false]);
    expect(apply(opened, { ...reopen, readOnly: true })).toStrictEqual(given);
  });

  it('changes nothing where the node is no layer of any disk', () => {
    const command = transaction(
      { ...add('a'), nodeName: 'elsewhere' },
      { ...on('bitmap-remove', 'x'), nodeName: 'elsewhere' },
    );
    expect(apply(holding('a'), command)).toStrictEqual(holding('a'));
    const source = { nodeName: 'elsewhere', bitmap: 'x' };
    const merged = apply(holding('a'), transaction({ ...merge('a'), sources: [source] }));
    expect(merged).toStrictEqual(holding('a'));
  });

  it('changes a node that two disks share in both', () => {
    const base = node('base', { bitmaps: ['a'] });
    const given = freshDomain(disk('vda', [node('x'), base]), disk('vdb', [node('y'), base]));
    const { disks } = apply(given, transaction({ ...on('bitmap-remove', 'a'), nodeName: 'base' }));
    expect(disks.map(({ backingChain }) => backingChain[1]?.bitmaps)).toEqual([[], []]);
  });

  it('shares what it does not touch with the domain it was given', () => {
    const given = domain({ disks: [disk('vda', chain('vda', [[], ['a']])), disk('vdb')] });
    const after = apply(given, transaction({ ...add('x'), nodeName: 'vda-active' }));
    expect(after.disks[1]).toBe(given.disks[1]);
    expect(after.checkpoints).toBe(given.checkpoints);
    expect(after.disks[0]?.backingChain[1]).toBe(given.disks[0]?.backingChain[1]);
    expect(given).toStrictEqual(domain({ disks: [disk('vda', chain('vda', [[], ['a']])), disk('vdb')] }));
  });

  it.each<[string, readonly TransactionAction[], object]>([
    ['a name that is there', [add('a')], { code: 'bitmap-exists', nodeName: 'n', bitmap: 'a', inconsistent: false }],
    [
      'a name that is added twice',
      [add('b'), add('b')],
      { code: 'bitmap-exists', nodeName: 'n', bitmap: 'b', inconsistent: false },
    ],
    [
      'a removal of what is not there',
      [on('bitmap-remove', 'x')],
      { code: 'bitmap-missing', nodeName: 'n', bitmap: 'x' },
    ],
    [
      'a clearing of what is not there',
      [on('bitmap-clear', 'x')],
      { code: 'bitmap-missing', nodeName: 'n', bitmap: 'x' },
    ],
    [
      'a start of what is not there',
      [on('bitmap-enable', 'x')],
      { code: 'bitmap-missing', nodeName: 'n', bitmap: 'x' },
    ],
    [
      'a stop of what is not there',
      [on('bitmap-disable', 'x')],
      { code: 'bitmap-missing', nodeName: 'n', bitmap: 'x' },
    ],
    ['a merge into what is not there', [merge('x', 'a')], { code: 'bitmap-missing', nodeName: 'n', bitmap: 'x' }],
    ['a merge of what is not there', [merge('a', 'x')], { code: 'bitmap-missing', nodeName: 'n', bitmap: 'x' }],
  ])('refuses %s, as the model of QEMU does', (_, actions, expected) => {
    const command = transaction(...actions);
    expect(detailsOf(refusal(() => apply(holding('a'), command)))).toEqual([expected]);
    expect(() => startQemu(holding('a')).execute(command)).toThrow(
      /^(Bitmap already exists: |Dirty bitmap 'x' not found)/,
    );
  });

  it.each<[string, () => unknown]>([
    ['no domain', () => applyStep(undefined as never, { command: transaction(), why: '' })],
    ['no step', () => applyStep(domain(), undefined as never)],
    ['a step without a command', () => applyStep(domain(), {} as never)],
    ['a transaction without actions', () => applyStep(domain(), { command: { kind: 'transaction' } } as never)],
  ])('tells that it was given %s', (_, run) => {
    expect(codesOf(refusal(run))).toEqual(['invalid-input']);
  });
});
