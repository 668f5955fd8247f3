import { describe, expect, it } from 'vitest';
import { isBackupName } from '../../../src/core/model/names.js';
import { type BackupManifest, parseBackupManifest } from '../../../src/index.js';
import { backupDisk, backupLine, checkpointOf, manifest } from '../../support/backup-manifests.js';
import { detailsOf, refusal } from '../../support/refusal.js';

const disk = backupDisk('vda', 'a.qcow2');
const whole = manifest('a', 0, [disk]);
const withDisk = (more: object): unknown => ({ ...whole, disks: [{ ...disk, ...more }] });
const base = checkpointOf('a', 0);

describe('parseBackupManifest', () => {
  it.each<[string, BackupManifest]>([
    ['full', whole],
    ['incremental', backupLine('a', 'b')[1] as BackupManifest],
    [
      'without a checkpoint',
      { version: 1, name: 'a', domain: 'web', timeSeconds: 0, mode: 'pull', qemuVersion: '7.2.0', disks: [] },
    ],
    ['raw', withDisk({ format: 'raw' }) as BackupManifest],
    ['with a digest', withDisk({ sha256: '0123456789abcdef'.repeat(4) }) as BackupManifest],
    ['called as people call things', { ...whole, name: 'vor dem Update, 3 %' }],
    ['with a file called so', withDisk({ file: '..a: b%.qcow2' }) as BackupManifest],
  ])('reads one that is %s, as it was written', (_, given) => {
    expect(parseBackupManifest(JSON.parse(JSON.stringify(given)))).toStrictEqual(given);
  });

  it('freezes what it reads, and leaves out what it does not know', () => {
    const read = parseBackupManifest({ ...(withDisk({ color: 'red', base }) as object), color: 'red' });
    expect(read).toStrictEqual(withDisk({ base }));
    expect([read, read.disks, read.disks[0], read.disks[0]?.base, read.checkpoint].every(Object.isFrozen)).toBe(true);
  });

  it.each<[string, unknown, string]>([
    ['a newer version', { ...whole, version: 2, disks: 'otherwise' }, '2'],
    ['no version of ours', { version: '1' }, '"1"'],
    ['a version that says much', { version: { major: 2 } }, '{"major":2}'],
  ])('names %s before anything else', (_, given, version) => {
    expect(detailsOf(refusal(() => parseBackupManifest(given)))).toEqual([
      { code: 'manifest-version-unknown', subject: 'manifest', version },
    ]);
  });

  const place = (...path: readonly (string | number)[]) => path;
  it.each<[string, unknown, readonly (string | number)[], string]>([
    ['nothing', undefined, [], 'must be of type object'],
    ['no version', {}, ['version'], 'is not of the expected form'],
    ['no disks', { ...whole, disks: undefined }, ['disks'], 'must be of type array'],
    ['another mode', { ...whole, mode: 'copy' }, ['mode'], 'must be one of "push", "pull"'],
    ['a time that is none', { ...whole, timeSeconds: -1 }, ['timeSeconds'], 'must be at least 0'],
    ['another format', withDisk({ format: 'vmdk' }), place('disks', 0, 'format'), 'must be one of "qcow2", "raw"'],
    ['half a digest', withDisk({ sha256: 'ab' }), place('disks', 0, 'sha256'), 'must be 64 hexadecimal digits'],
    [
      'a granularity that no bitmap has',
      withDisk({ granularity: 1000 }),
      place('disks', 0, 'granularity'),
      'must be a power of two from 512 to 2147483648',
    ],
    [
      'a raw file that builds on a checkpoint',
      withDisk({ format: 'raw', base }),
      place('disks', 0),
      'is raw, which cannot tell what it lacks, and builds on a checkpoint',
    ],
    ['a disk twice', { ...whole, disks: [disk, disk] }, ['disks'], 'must have each disk once'],
    [
      'a disk in a checkpoint that is none',
      { version: 1, name: 'a', domain: 'web', timeSeconds: 0, mode: 'push', qemuVersion: '7.2.0', disks: [disk] },
      [],
      'has disks in its checkpoint, and no checkpoint',
    ],
  ])('refuses %s', (_, given, path, expected) => {
    const problems = refusal(() => parseBackupManifest(given));
    expect(detailsOf(problems)).toEqual([{ code: 'invalid-input', subject: 'manifest', path, expected }]);
  });

  it.each(['../b.qcow2', '/etc/passwd', 'a/b', '/', '..', '.', '', 'a\0b', 'a\nb', '\u0085', '\ud800'])(
    'lets no file lead out of its folder, nor be called %j',
    (file) => {
      const [problem] = refusal(() => parseBackupManifest(withDisk({ file })));
      expect(problem).toMatchObject({ code: 'invalid-input', path: ['disks', 0, 'file'] });
    },
  );

  it.each<[unknown, boolean]>([
    ['monday', true],
    ['__proto__', true],
    ['a/b', true],
    ['ü'.repeat(33), true],
    ['ü'.repeat(34), false],
    ['a'.repeat(200), true],
    ['a'.repeat(201), false],
    ['', false],
    ['a\nb', false],
    ['\ud800', false],
    [1, false],
  ])('says whether %j may name a backup: %s', (name, expected) => {
    expect(isBackupName(name)).toBe(expected);
    expect(refusal(() => parseBackupManifest({ ...whole, name })).length).toBe(expected ? 0 : 1);
  });
});
