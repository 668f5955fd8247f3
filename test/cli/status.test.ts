import { describe, expect, it } from 'vitest';
import { statusOf } from '../../src/cli/status.js';
import { type CheckpointDisk, parseDomain } from '../../src/index.js';
import { bitmap, chain, checkpoint, disk, domain, MiB, tree } from '../support/builders.js';
import { codesOf } from '../support/refusal.js';

const dirty = (dirtyBytes: number) => bitmap('monday', { dirtyBytes });

/** How checkpoint monday stands on its disks. */
function status(disks: readonly CheckpointDisk[], ...layers: Parameters<typeof chain>[1]) {
  const [found] = statusOf(
    parseDomain(
      domain({ disks: [disk('vda', chain('vda', layers))], checkpoints: tree([checkpoint('monday', { disks })]) }),
    ),
  );
  if (found === undefined) throw new Error('monday is not there');
  return found;
}

describe('statusOf', () => {
  const onVda = { diskTarget: 'vda', bitmap: 'monday' };

  it.each<[string, CheckpointDisk, Parameters<typeof chain>[1], object, readonly string[]]>([
    ['one layer', onVda, [[dirty(65536)]], { dirtyBytes: 65536, layers: ['vda-active'] }, []],
    [
      'several layers, added up',
      onVda,
      [[dirty(65536)], [dirty(MiB)], []],
      { dirtyBytes: 65536 + MiB, layers: ['vda-active', 'vda-1'] },
      [],
    ],
    [
      'layers that have more together than the disk is large',
      onVda,
      [[dirty(800 * MiB)], [dirty(800 * MiB)]],
      { dirtyBytes: 1024 * MiB, layers: ['vda-active', 'vda-1'] },
      [],
    ],
    ['no layer', onVda, [[]], { dirtyBytes: 0, layers: [] }, ['bitmap-missing']],
    ['a disk without a medium', onVda, [], { dirtyBytes: 0, layers: [] }, ['bitmap-missing']],
    [
      'layers that do not reach to where it was made',
      { ...onVda, madeOn: '/images/vda-1.qcow2' },
      [[dirty(512)], []],
      { dirtyBytes: 512, layers: ['vda-active'] },
      ['bitmap-not-down-to-origin'],
    ],
    [
      'a disk that has left',
      { diskTarget: 'vdz', bitmap: 'monday' },
      [[]],
      { diskTarget: 'vdz', dirtyBytes: 0, layers: [] },
      ['disk-gone'],
    ],
  ])('tells how a checkpoint stands on %s', (_, on, layers, expected, codes) => {
    const { disks, usable } = status([on], ...layers);
    expect(disks).toHaveLength(1);
    expect(disks[0]).toMatchObject({ bitmap: 'monday', usable: codes.length === 0, ...expected });
    expect(codesOf(disks[0]?.problems ?? [])).toEqual(codes);
    expect(usable).toBe(codes.length === 0);
  });

  it('passes over disks that do not take part', () => {
    expect(status([{ diskTarget: 'vda' }], ['monday'])).toMatchObject({ usable: true, disks: [] });
  });

  it('calls a checkpoint usable only where it is on every disk', () => {
    const disks = [onVda, { diskTarget: 'vdz', bitmap: 'monday' }];
    expect(status(disks, ['monday'])).toMatchObject({ usable: false, disks: [{ usable: true }, { usable: false }] });
  });
});
