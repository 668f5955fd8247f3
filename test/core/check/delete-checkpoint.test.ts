import { describe, expect, it } from 'vitest';
import { checkDeleteCheckpoint } from '../../../src/index.js';
import { bitmap, chain, checkpoint, disk, domain, node, tree, without } from '../../support/builders.js';
import { codesOf, detailsOf, refusal } from '../../support/refusal.js';

const busy = bitmap('monday', { busy: true });

describe('checkDeleteCheckpoint', () => {
  it('finds nothing wrong with a checkpoint that is there', () => {
    expect(checkDeleteCheckpoint(domain(), 'monday')).toEqual([]);
  });

  it.each(['friday', '', '__proto__', 'constructor'])('does not find the checkpoint "%s"', (name) => {
    expect(detailsOf(checkDeleteCheckpoint(domain(), name))).toEqual([
      { code: 'checkpoint-not-found', checkpoint: name },
    ]);
  });

  it('1: refuses a bitmap that is busy, on whatever layer and disk', () => {
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

  const generated = { ...node('#block123', { bitmaps: ['monday'], readOnly: true }) };
  const unknownFile = without(node('base', { bitmaps: ['monday'], readOnly: true }), 'fileNodeName');

  it.each([
    ['2: whose name QEMU made up', generated, { nodeName: '#block123', missing: 'name' }],
    ['3: whose protocol layer is not known', unknownFile, { nodeName: 'base', missing: 'file-node' }],
  ] as const)('refuses a read-only layer %s', (_, base, expected) => {
    const given = domain({ disks: [disk('vda', [node('top', { bitmaps: ['monday'] }), base])] });
    const problems = [{ code: 'node-not-reopenable', diskTarget: 'vda', ...expected }];
    expect(detailsOf(checkDeleteCheckpoint(given, 'monday'))).toEqual(problems);
    expect(checkDeleteCheckpoint(given, 'monday', { metadataOnly: true })).toEqual([]);
    expect(checkDeleteCheckpoint(given, 'tuesday')).toEqual([]);
  });

  it('says once for all checkpoints and disks that a layer cannot be reopened', () => {
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
    ['whose name QEMU made up', { ...generated, readOnly: false }],
    ['whose protocol layer is not known', { ...unknownFile, readOnly: false }],
  ])('takes a writable layer %s', (_, only) => {
    expect(checkDeleteCheckpoint(domain({ disks: [disk('vda', [only])] }), 'monday')).toEqual([]);
  });

  it.each(['everything', 'Delete', null, 1, true])(
    'refuses %j as a word on children: nothing is deleted by a slip',
    (children) => {
      const problems = checkDeleteCheckpoint(domain(), 'monday', { children: children as never });
      expect(problems).toMatchObject([{ code: 'invalid-input', subject: 'options', path: ['children'] }]);
    },
  );

  it('looks at the bitmaps of the children only where they go too', () => {
    const given = domain({
      disks: [disk('vda', [node('n', { bitmaps: [bitmap('tuesday', { busy: true }), 'monday'] })])],
    });
    expect(codesOf(checkDeleteCheckpoint(given, 'monday'))).toEqual([]);
    expect(codesOf(checkDeleteCheckpoint(given, 'monday', { children: 'delete' }))).toEqual(['bitmap-busy']);
    expect(codesOf(checkDeleteCheckpoint(given, 'monday', { children: 'delete-only' }))).toEqual(['bitmap-busy']);
    expect(codesOf(checkDeleteCheckpoint(given, 'tuesday', { children: 'delete-only' }))).toEqual([]);
  });

  it('does not look at the bitmap of the checkpoint itself where only those below it go', () => {
    const given = domain({ disks: [disk('vda', chain('vda', [['tuesday', busy]]))] });
    expect(codesOf(checkDeleteCheckpoint(given, 'monday', { children: 'delete-only' }))).toEqual([]);
    expect(codesOf(checkDeleteCheckpoint(given, 'monday'))).toEqual(['bitmap-busy']);
  });

  it.each<[string, () => unknown]>([
    ['no domain', () => checkDeleteCheckpoint(null as never, 'monday')],
    ['no options', () => checkDeleteCheckpoint(domain(), 'monday', null as never)],
    [
      'a disk without a chain',
      () => checkDeleteCheckpoint(domain({ disks: [{ diskTarget: 'vda' } as never] }), 'monday'),
    ],
  ])('tells that it was given %s', (_, run) => {
    expect(new Set(codesOf(refusal(run)))).toEqual(new Set(['invalid-input']));
  });
});
