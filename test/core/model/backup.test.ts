import { describe, expect, it } from 'vitest';
import { type Backup, parseBackup, planBeginBackup } from '../../../src/index.js';
import { domain, now, without } from '../../support/builders.js';
import { refusal } from '../../support/refusal.js';

const request = {
  mode: 'pull',
  disks: [{ diskTarget: 'vda', since: 'monday', image: { filename: '/backup/vda.qcow2' } }],
  checkpoint: { name: 'wednesday' },
  server: { type: 'unix', path: '/run/backup.sock' },
} as const;
const { backup } = planBeginBackup(domain(), request, { now });
const [disk] = backup.disks as [Backup['disks'][number]];
const withDisk = (change: object): unknown => ({ ...backup, disks: [{ ...disk, ...change }] });

describe('parseBackup', () => {
  it('reads what a plan gave, after any time as text, and freezes it', () => {
    const read = parseBackup({ ...JSON.parse(JSON.stringify(backup)), more: 1 });
    expect(read).toStrictEqual(backup);
    expect([read, read.disks, read.disks[0], read.disks[0]?.image, read.server].every(Object.isFrozen)).toBe(true);
  });

  it('reads one that has no more than it must', () => {
    const least = {
      mode: 'push',
      timeSeconds: 0,
      disks: [without(disk, 'since', 'bitmap', 'granularity', 'exportName')],
    };
    expect(parseBackup(least)).toStrictEqual(least);
  });

  it.each<[string, unknown, string]>([
    ['another mode', { ...backup, mode: 'drag' }, 'mode'],
    ['a time that is no second', { ...backup, timeSeconds: 1.5 }, 'timeSeconds'],
    ['a checkpoint by no name', { ...backup, checkpoint: '.a' }, 'checkpoint'],
    ['no disks', without(backup, 'disks'), 'disks'],
    ['a disk without a name', withDisk({ diskTarget: '' }), 'disks[0].diskTarget'],
    ['a job without an id', withDisk({ jobId: '' }), 'disks[0].jobId'],
    ['a base without a time', withDisk({ since: { name: 'monday' } }), 'disks[0].since.creationTimeSeconds'],
    ['a size below nothing', withDisk({ virtualSize: -1 }), 'disks[0].virtualSize'],
    ['an image without a node', withDisk({ image: { ...disk.image, nodeName: '' } }), 'disks[0].image.nodeName'],
    ['an image of another format', withDisk({ image: { ...disk.image, format: 'vmdk' } }), 'disks[0].image.format'],
    ['a server of another kind', { ...backup, server: { type: 'vsock' } }, 'server'],
    ['what is not said, as undefined', { ...backup, checkpoint: undefined }, 'checkpoint'],
  ])('refuses %s', (_, input, path) => {
    const [problem, ...more] = refusal(() => parseBackup(input));
    expect(more).toEqual([]);
    expect(problem).toMatchObject({ code: 'invalid-input', subject: 'backup' });
    expect(problem?.text).toContain(`backup.${path} `);
  });
});
