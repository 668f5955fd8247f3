import { describe, expect, it } from 'vitest';
import { alignDisks } from '../../../src/core/check/align-disks.js';
import type { CheckpointDiskDefinition } from '../../../src/index.js';
import { chain, disk, freshDomain } from '../../support/builders.js';
import { detailsOf } from '../../support/refusal.js';

const given = freshDomain(
  disk('vda'),
  disk('vdb'),
  disk('sda', []),
  disk('sdb', chain('sdb', [[]]), { readOnly: true }),
  disk('vdc', chain('vdc', [[]]), { sourcePath: '/images/shared.qcow2' }),
  disk('vdd', chain('vdd', [[]]), { sourcePath: '/images/shared.qcow2' }),
  disk('/images/vda-active.qcow2'),
);

const align = (disks?: readonly CheckpointDiskDefinition[]) => {
  const aligned = alignDisks(given, disks === undefined ? {} : { disks }, 'a');
  return {
    disks: Object.fromEntries(aligned.disks.flatMap(({ disk, bitmap }) => (bitmap ? [[disk.diskTarget, bitmap]] : []))),
    problems: detailsOf(aligned.problems),
  };
};

describe('alignDisks', () => {
  it('1: refuses a domain without disks', () => {
    const { disks, problems } = alignDisks(freshDomain(), {}, 'a');
    expect(disks).toEqual([]);
    expect(detailsOf(problems)).toEqual([{ code: 'domain-without-disks', domain: 'web' }]);
  });

  it.each([
    ['left out', undefined],
    ['empty', []],
  ])('2: takes every writable disk with a medium where the list is %s', (_, asked) => {
    const { disks, problems } = align(asked);
    expect(Object.keys(disks)).toEqual(['vda', 'vdb', 'vdc', 'vdd', '/images/vda-active.qcow2']);
    expect(problems).toEqual([]);
  });

  it('2: leaves out the disks that are not asked for, and keeps them in their places', () => {
    expect(alignDisks(given, { disks: [{ disk: 'vdb' }] }, 'a').disks.map(({ disk }) => disk)).toEqual(given.disks);
    expect(align([{ disk: 'vdb' }])).toEqual({ disks: { vdb: { name: 'a' } }, problems: [] });
  });

  it.each<[string, string, object, readonly object[]]>([
    ['by its target', 'vdb', { vdb: { name: 'a' } }, []],
    ['by the path of its active image', '/images/vdb-active.qcow2', { vdb: { name: 'a' } }, []],
    [
      'by its target rather than by the path of another',
      '/images/vda-active.qcow2',
      { '/images/vda-active.qcow2': { name: 'a' } },
      [],
    ],
    [
      'not by a path that two disks have',
      '/images/shared.qcow2',
      {},
      [{ code: 'disk-ambiguous', disk: '/images/shared.qcow2' }],
    ],
    ['not by a name that none has', 'vdx', {}, [{ code: 'disk-not-found', disk: 'vdx' }]],
    ['not by a name that every object has', 'constructor', {}, [{ code: 'disk-not-found', disk: 'constructor' }]],
  ])('3: finds a disk %s', (_, asked, disks, problems) => {
    expect(align([{ disk: asked }])).toEqual({ disks, problems });
  });

  it.each([
    ['by its target twice', 'vdb', 'vdb'],
    ['by its target and by its path', 'vdb', '/images/vdb-active.qcow2'],
  ])('4: refuses a disk asked for %s', (_, first, second) => {
    expect(align([{ disk: first }, { disk: second }]).problems).toEqual([{ code: 'disk-asked-twice', disk: second }]);
  });

  it('4: counts a disk that is asked not to take part', () => {
    const { problems } = align([{ disk: 'vdb', checkpoint: 'no' }, { disk: 'vdb' }]);
    expect(problems).toEqual([{ code: 'disk-asked-twice', disk: 'vdb' }]);
  });

  it.each<[string, CheckpointDiskDefinition, readonly object[]]>([
    ['refuses a disk without a medium', { disk: 'sda' }, [{ code: 'disk-empty', diskTarget: 'sda' }]],
    ['refuses a read-only disk', { disk: 'sdb' }, [{ code: 'disk-read-only', diskTarget: 'sdb' }]],
    ['lets a disk without a medium be left out', { disk: 'sda', checkpoint: 'no' }, []],
    ['lets a read-only disk be left out', { disk: 'sdb', checkpoint: 'no' }, []],
  ])('5: %s', (_, asked, problems) => {
    expect(align([asked]).problems).toEqual(problems);
  });

  it('6: calls a bitmap as it is asked to, or else as the checkpoint', () => {
    const { disks } = align([
      { disk: 'vda', bitmap: 'own', granularity: 512 },
      { disk: 'vdb', checkpoint: 'bitmap' },
    ]);
    expect(disks).toStrictEqual({ vda: { name: 'own', granularity: 512 }, vdb: { name: 'a' } });
  });
});
