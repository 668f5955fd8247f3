import { describe, expect, it } from 'vitest';
import { layersOf, layersWith } from '../../../src/core/check/bitmap-removal.js';
import { checkDeleteCheckpoint, planDeleteCheckpoint } from '../../../src/index.js';
import { bitmap, chain, checkpoint, disk, domain, node, tree, without } from '../../support/builders.js';
import { codesOf, detailsOf } from '../../support/refusal.js';

const busy = bitmap('monday', { busy: true });

describe('what keeps bitmaps from being removed', () => {
  it('1: a bitmap that is busy, on whatever layer and disk', () => {
    const layers = [node('top', { bitmaps: [busy] }), node('base', { bitmaps: [busy], readOnly: true })];
    const given = domain({
      disks: [disk('vda', layers), disk('vdb', [node('b', { bitmaps: [bitmap('other', { busy: true }), 'monday'] })])],
      checkpoints: tree([checkpoint('monday', { disks: ['vda', 'vdb'] })]),
    });
    expect(detailsOf(checkDeleteCheckpoint(given, 'monday'))).toEqual([
      { code: 'bitmap-busy', diskTarget: 'vda', nodeName: 'top', bitmap: 'monday' },
      { code: 'bitmap-busy', diskTarget: 'vda', nodeName: 'base', bitmap: 'monday' },
    ]);
  });

  const readOnly = { bitmaps: ['monday'], readOnly: true } as const;
  const generated = node('#block123', readOnly);
  const unknownFile = without(node('base', readOnly), 'fileNodeName');
  const generatedFile = node('base', { ...readOnly, fileNodeName: '#block124' });
  const readOnlyFile = node('base', { ...readOnly, fileReadOnly: true });

  const aboveFilter = node('base', { ...readOnly, backingFiltered: true });

  it('5: a read-only layer is reopened over the filter that stands below it', () => {
    const middle = node('middle', { ...readOnly, backingFiltered: true, backingNodeName: 'throttle' });
    const given = domain({ disks: [disk('vda', [node('top'), middle, node('base', { readOnly: true })])] });
    const [open] = planDeleteCheckpoint(given, 'monday').steps;
    expect(open?.command).toMatchObject({ kind: 'node-reopen', nodeName: 'middle', backingNodeName: 'throttle' });
  });

  it.each([
    ['2: whose name QEMU made up', generated, { nodeName: '#block123', missing: 'name' }],
    ['3: whose protocol layer is not known', unknownFile, { nodeName: 'base', missing: 'file-node' }],
    ['3: whose protocol layer has a name that QEMU made up', generatedFile, { nodeName: 'base', missing: 'file-node' }],
    ['4: whose protocol layer is read-only', readOnlyFile, { nodeName: 'base', missing: 'writable-file' }],
    ['5: above a filter without a known name', aboveFilter, { nodeName: 'base', missing: 'backing-node' }],
  ] as const)('a read-only layer %s', (_, base, expected) => {
    const given = domain({ disks: [disk('vda', [node('top', { bitmaps: ['monday'] }), base])] });
    const problems = [{ code: 'node-not-reopenable', diskTarget: 'vda', ...expected }];
    expect(detailsOf(checkDeleteCheckpoint(given, 'monday'))).toEqual(problems);
    expect(checkDeleteCheckpoint(given, 'monday', { metadataOnly: true })).toEqual([]);
    expect(checkDeleteCheckpoint(given, 'tuesday')).toEqual([]);
  });

  it('is said once of a layer for all checkpoints and disks', () => {
    const base = { ...unknownFile, bitmaps: [bitmap('monday'), bitmap('tuesday')] };
    const over = (diskTarget: string) => disk(diskTarget, [node(diskTarget), base]);
    const given = domain({
      disks: [over('vda'), over('vdb')],
      checkpoints: tree([
        checkpoint('monday', { disks: ['vda', 'vdb'] }),
        checkpoint('tuesday', { parent: 'monday', disks: ['vda', 'vdb'] }),
      ]),
    });
    expect(codesOf(checkDeleteCheckpoint(given, 'monday', { children: 'delete' }))).toEqual(['node-not-reopenable']);
  });

  it.each([
    ['whose name QEMU made up', generated],
    ['whose protocol layer is not known', unknownFile],
    ['whose protocol layer has a name that QEMU made up', generatedFile],
  ])('is not a writable layer %s', (_, only) => {
    const given = domain({ disks: [disk('vda', [{ ...only, readOnly: false }])] });
    expect(checkDeleteCheckpoint(given, 'monday')).toEqual([]);
  });
});

describe('the layers of a chain', () => {
  const layers = chain('vda', [['a'], [], ['a']]);

  it('are told with the node that each stands on', () => {
    expect(layersOf(layers)).toStrictEqual([
      { node: layers[0], backingNodeName: 'vda-1' },
      { node: layers[1], backingNodeName: 'vda-2' },
      { node: layers[2] },
    ]);
  });

  it('that have a bitmap are told as they stand in the whole chain', () => {
    expect(layersWith(layers, 'a')).toStrictEqual([{ node: layers[0], backingNodeName: 'vda-1' }, { node: layers[2] }]);
    expect(layersWith(layers, 'constructor')).toEqual([]);
  });
});
