import { describe, expect, it } from 'vitest';
import { examineBase } from '../../../src/core/check/backup-base.js';
import { findCheckpoint } from '../../../src/core/tree/find-checkpoint.js';
import { type Checkpoint, checkBeginBackup, type Disk, type Domain } from '../../../src/index.js';
import { bitmap, chain, checkpoint, disk, domain, GiB, now, tree } from '../../support/builders.js';
import { inconsistent, layered, layeredSomewhere, withBitmap, withLayer } from '../../support/layers.js';
import { codesOf, detailsOf } from '../../support/refusal.js';

const named = ({ checkpoints }: Domain, name: string) => findCheckpoint(checkpoints, name) as Checkpoint;
const vdaOf = ({ disks }: Domain) => disks[0] as Disk;
const examine = (given: Domain, name: string) => examineBase(vdaOf(given), named(given, name));
const without = { diskTarget: 'vda' };

describe('examineBase', () => {
  it.each<[string, Domain, string, readonly string[], number]>([
    ['on the active layer', layered, 'c', ['vda-active'], 1],
    ['on the layer below', layered, 'b', ['vda-active', 'vda-1'], 6],
    ['at the base', layered, 'a', ['vda-active', 'vda-1', 'vda-2'], 14],
    ['nobody knows where', layeredSomewhere, 'a', ['vda-active', 'vda-1', 'vda-2'], 14],
  ])('finds what was written since a checkpoint that was made %s', (_, given, name, nodeNames, granules) => {
    expect(examine(given, name)).toEqual({
      changes: {
        sources: nodeNames.map((nodeName) => ({ nodeName, bitmap: name })),
        granularity: 65536,
        bytes: granules * 65536,
      },
      problems: [],
    });
  });

  it('passes over a namesake below the layer that it was made on: that is another’s', () => {
    const given = withBitmap(layered, 2, 'a', { inconsistent: true });
    const stranger = withLayer(given, 2, { bitmaps: [bitmap('b', { dirtyBytes: GiB })] });
    expect(examine(stranger, 'b')).toMatchObject({
      changes: { sources: [{ nodeName: 'vda-active' }, { nodeName: 'vda-1' }], bytes: 6 * 65536 },
      problems: [],
    });
  });

  it('counts at most the whole disk, and is as fine as the active layer', () => {
    const layers = [
      [bitmap('monday', { granularity: 4096, dirtyBytes: GiB })],
      [bitmap('monday', { granularity: 2 ** 20, dirtyBytes: GiB })],
    ];
    const { changes } = examine(domain({ disks: [disk('vda', chain('vda', layers))] }), 'monday');
    expect(changes).toMatchObject({ granularity: 4096, bytes: GiB });
  });

  it('takes a bitmap that is held for a good one', () => {
    expect(examine(withBitmap(layered, 0, 'a', { busy: true }), 'a').problems).toEqual([]);
  });

  const provisional = domain({ checkpoints: tree([checkpoint('monday', { provisional: true, disks: [without] })]) });
  const elsewhere = domain({ checkpoints: tree([checkpoint('monday', { disks: [without, 'vdb'] })]) });
  const grown = withLayer(layered, 0, { virtualSize: 2 * GiB });
  it.each<[number, string, Domain, string, readonly string[]]>([
    [1, 'whose backup is not complete', provisional, 'monday', ['checkpoint-provisional']],
    [2, 'in which the disk takes no part', elsewhere, 'monday', ['disk-not-in-checkpoint']],
    [
      2,
      'that was made before the disk came',
      domain({ checkpoints: tree([checkpoint('a', { disks: [] })]) }),
      'a',
      ['disk-not-in-checkpoint'],
    ],
    [3, 'whose bitmap is lost', withBitmap(layered, 0, 'c', undefined), 'c', ['bitmap-missing']],
    [3, 'whose bitmap is broken', withBitmap(layered, 1, 'a', inconsistent), 'a', ['bitmap-inconsistent']],
    [3, 'whose bitmap is stopped', withBitmap(layered, 0, 'a', { recording: false }), 'a', ['bitmap-not-recording']],
    [3, 'whose bitmap is missing between two', withBitmap(layered, 1, 'a', undefined), 'a', ['bitmap-gap']],
    [
      3,
      'whose bitmap is missing where it was made',
      withBitmap(layered, 2, 'a', undefined),
      'a',
      ['bitmap-not-down-to-origin'],
    ],
    [4, 'of which a layer is smaller', grown, 'a', ['bitmap-size-differs', 'bitmap-size-differs']],
  ])('by rule %i refuses one %s', (_, __, given, name, codes) => {
    const { changes, problems } = examine(given, name);
    expect(codesOf(problems)).toEqual(codes);
    if (!codes.includes('bitmap-size-differs')) expect(changes).toEqual({ sources: [], granularity: 0, bytes: 0 });
  });

  it('says of a layer that is smaller what it is and what is needed', () => {
    expect(detailsOf(examine(withLayer(layered, 1, { virtualSize: GiB / 2 }), 'b').problems)).toEqual([
      {
        code: 'bitmap-size-differs',
        diskTarget: 'vda',
        nodeName: 'vda-1',
        bitmap: 'b',
        virtualSize: GiB / 2,
        expectedSize: GiB,
      },
    ]);
  });

  it('takes a disk that has grown, where all its layers have', () => {
    const whole = {
      ...layered,
      disks: layered.disks.map((each) => ({
        ...each,
        backingChain: each.backingChain.map((layer) => ({ ...layer, virtualSize: 2 * GiB })),
      })),
    };
    expect(examine(whole, 'a').problems).toEqual([]);
    // Of one that was made on the overlay only that counts.
    expect(examine(grown, 'c').problems).toEqual([]);
  });

  it('is what a backup is refused by', () => {
    const disks = [{ diskTarget: 'vda', since: 'monday', image: { filename: '/backup/vda.qcow2' } }];
    for (const given of [provisional, elsewhere]) {
      const problems = checkBeginBackup(given, { mode: 'push', disks }, { now });
      expect(problems).toEqual(examine(given, 'monday').problems);
    }
  });
});
