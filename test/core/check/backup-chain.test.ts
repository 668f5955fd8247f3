import { describe, expect, it } from 'vitest';
import { type BackupManifest, backupBases, type CheckpointIdentity, verifyBackupChain } from '../../../src/index.js';
import { backupDisk, backupLine, checkpointOf, manifest } from '../../support/backup-manifests.js';
import { deepFreeze } from '../../support/deep-freeze.js';
import { detailsOf, refusal } from '../../support/refusal.js';

const disk = (name: string, base?: CheckpointIdentity) => backupDisk('vda', `${name}.qcow2`, base);
const [a, b, c] = ['a', 'b', 'c'].map((name, second) => checkpointOf(name, second)) as [
  CheckpointIdentity,
  CheckpointIdentity,
  CheckpointIdentity,
];
const full = manifest('a', 0, [disk('a')]);

/** What is found of these manifests, in whatever order they come. */
function verified(manifests: readonly BackupManifest[]) {
  const { chains, problems } = verifyBackupChain(deepFreeze(manifests));
  const reversed = verifyBackupChain(manifests.toReversed());
  const told = (all: typeof problems) => all.map(({ code }) => code).toSorted();
  expect(told(reversed.problems)).toEqual(told(problems));
  const usable = chains.filter((chain) => chain.problems.length === 0);
  return {
    problems: detailsOf(problems),
    files: Object.fromEntries(
      usable.map(({ point, diskTarget, layers }) => [`${point} ${diskTarget}`, layers.map((each) => each.disk.file)]),
    ),
    broken: chains
      .filter((chain) => chain.problems.length > 0)
      .map(({ point, diskTarget }) => `${point} ${diskTarget}`),
  };
}

const where = (backup: string) => ({ backup, diskTarget: 'vda' });

describe('backups that hang together', () => {
  it.each<[string, readonly BackupManifest[], { readonly [chain: string]: readonly string[] }]>([
    ['none', [], {}],
    ['a full one', [full], { 'a vda': ['a.qcow2'] }],
    [
      'a line of them',
      backupLine('a', 'b', 'c'),
      {
        'a vda': ['a-vda.qcow2'],
        'b vda': ['b-vda.qcow2', 'a-vda.qcow2'],
        'c vda': ['c-vda.qcow2', 'b-vda.qcow2', 'a-vda.qcow2'],
      },
    ],
    [
      'two on the same one',
      [full, manifest('b', 1, [disk('b', a)]), manifest('c', 2, [disk('c', a)])],
      { 'a vda': ['a.qcow2'], 'b vda': ['b.qcow2', 'a.qcow2'], 'c vda': ['c.qcow2', 'a.qcow2'] },
    ],
    [
      'a disk that was full again, and one that was not',
      [
        manifest('a', 0, [disk('a'), backupDisk('vdb', 'a-vdb.qcow2')]),
        manifest('b', 1, [disk('b'), backupDisk('vdb', 'b-vdb.qcow2', a)]),
      ],
      { 'a vda': ['a.qcow2'], 'a vdb': ['a-vdb.qcow2'], 'b vda': ['b.qcow2'], 'b vdb': ['b-vdb.qcow2', 'a-vdb.qcow2'] },
    ],
    [
      'a name that was used again',
      [
        full,
        manifest('b', 1, [disk('b')], { checkpoint: checkpointOf('a', 1) }),
        manifest('c', 2, [disk('c', checkpointOf('a', 1))]),
      ],
      { 'a vda': ['a.qcow2'], 'b vda': ['b.qcow2'], 'c vda': ['c.qcow2', 'b.qcow2'] },
    ],
    [
      'backups of one second',
      [full, manifest('b', 0, [disk('b', a)])],
      { 'a vda': ['a.qcow2'], 'b vda': ['b.qcow2', 'a.qcow2'] },
    ],
    [
      'a full one that is raw',
      [manifest('a', 0, [{ ...disk('a'), format: 'raw' }]), manifest('b', 1, [disk('b', a)])],
      { 'a vda': ['a.qcow2'], 'b vda': ['b.qcow2', 'a.qcow2'] },
    ],
  ])('%s', (_, manifests, files) => {
    expect(verified(manifests)).toEqual({ problems: [], files, broken: [] });
  });

  it('however many there are', () => {
    const { chains, problems } = verifyBackupChain(backupLine(...Array.from({ length: 1000 }, (_, n) => String(n))));
    expect([problems.length, chains.at(-1)?.layers.length]).toEqual([0, 1000]);
  });
});

describe('backups that do not', () => {
  const { checkpoint: _, ...bare } = full;
  it.each<[string, readonly BackupManifest[], readonly object[], readonly string[]]>([
    [
      'nothing began with the base',
      [manifest('b', 1, [disk('b', a)])],
      [
        {
          code: 'backup-base-missing',
          ...where('b'),
          checkpoint: 'a',
          creationTimeSeconds: a.creationTimeSeconds,
          reason: 'no-backup',
        },
      ],
      ['b vda'],
    ],
    [
      'the base was made anew under its name',
      [manifest('a', 0, [disk('a')], { checkpoint: checkpointOf('a', 7) }), manifest('b', 1, [disk('b', a)])],
      [
        {
          code: 'backup-base-missing',
          ...where('b'),
          checkpoint: 'a',
          creationTimeSeconds: a.creationTimeSeconds,
          reason: 'other-checkpoint',
        },
      ],
      ['b vda'],
    ],
    [
      'the base has no bitmap on the disk',
      [manifest('a', 0, [{ ...disk('a'), inCheckpoint: false }]), manifest('b', 1, [disk('b', a)])],
      [
        {
          code: 'backup-base-missing',
          ...where('b'),
          checkpoint: 'a',
          creationTimeSeconds: a.creationTimeSeconds,
          reason: 'not-on-disk',
        },
      ],
      ['b vda'],
    ],
    [
      'the base is of another disk',
      [manifest('a', 0, [backupDisk('vdb', 'a')]), manifest('b', 1, [disk('b', a)])],
      [
        {
          code: 'backup-base-missing',
          ...where('b'),
          checkpoint: 'a',
          creationTimeSeconds: a.creationTimeSeconds,
          reason: 'no-backup',
        },
      ],
      ['b vda'],
    ],
    [
      'what is missing lies further down',
      [manifest('b', 1, [disk('b', a)]), manifest('c', 2, [disk('c', b)])],
      [
        {
          code: 'backup-base-missing',
          ...where('b'),
          checkpoint: 'a',
          creationTimeSeconds: a.creationTimeSeconds,
          reason: 'no-backup',
        },
      ],
      ['b vda', 'c vda'],
    ],
    [
      'two began with the base',
      [full, manifest('b', 0, [disk('b')], { checkpoint: a }), manifest('c', 2, [disk('c', a)])],
      [
        {
          code: 'backup-checkpoint-duplicate',
          checkpoint: 'a',
          creationTimeSeconds: a.creationTimeSeconds,
          backups: ['a', 'b'],
        },
        {
          code: 'backup-base-ambiguous',
          ...where('c'),
          checkpoint: 'a',
          creationTimeSeconds: a.creationTimeSeconds,
          backups: ['a', 'b'],
        },
      ],
      ['c vda'],
    ],
    [
      'two began with one checkpoint, and nothing builds on it',
      [full, manifest('b', 0, [disk('b')], { checkpoint: a })],
      [
        {
          code: 'backup-checkpoint-duplicate',
          checkpoint: 'a',
          creationTimeSeconds: a.creationTimeSeconds,
          backups: ['a', 'b'],
        },
      ],
      [],
    ],
    [
      'the base is from a later time, for the clock was set back',
      [manifest('a', 5, [disk('a')], { checkpoint: a }), manifest('b', 1, [disk('b', a)])],
      [],
      [],
    ],
    [
      'one builds on itself',
      [manifest('a', 0, [disk('a', a)])],
      [{ code: 'backup-base-loop', ...where('a'), baseBackup: 'a' }],
      ['a vda'],
    ],
    [
      'two build on each other, and a third on them',
      [
        manifest('a', 0, [disk('a', checkpointOf('b', 0))]),
        manifest('b', 0, [disk('b', a)]),
        manifest('c', 2, [disk('c', a)]),
      ],
      [
        { code: 'backup-base-loop', ...where('b'), baseBackup: 'a' },
        { code: 'backup-base-loop', ...where('a'), baseBackup: 'b' },
      ],
      ['a vda', 'b vda', 'c vda'],
    ],
    [
      'two have one name',
      [full, manifest('a', 1, [disk('b')], { checkpoint: b })],
      [{ code: 'backup-duplicate', backup: 'a' }],
      ['a vda', 'a vda'],
    ],
    [
      'two disks have one file',
      [manifest('a', 0, [disk('a'), backupDisk('vdb', 'a.qcow2')])],
      [
        { code: 'backup-file-shared', ...where('a'), filename: 'a.qcow2', otherBackup: 'a', otherDiskTarget: 'vdb' },
        {
          code: 'backup-file-shared',
          ...where('a'),
          diskTarget: 'vdb',
          filename: 'a.qcow2',
          otherBackup: 'a',
          otherDiskTarget: 'vda',
        },
      ],
      ['a vda', 'a vdb'],
    ],
    [
      'the file of the base is that of another backup too',
      [full, manifest('b', 1, [disk('b', a)]), manifest('c', 2, [disk('a')])],
      [
        { code: 'backup-file-shared', ...where('a'), filename: 'a.qcow2', otherBackup: 'c', otherDiskTarget: 'vda' },
        { code: 'backup-file-shared', ...where('c'), filename: 'a.qcow2', otherBackup: 'a', otherDiskTarget: 'vda' },
      ],
      ['a vda', 'b vda', 'c vda'],
    ],
    [
      'two domains are mixed, each of which is whole',
      [full, manifest('z', 0, [disk('z')], { domain: 'db', checkpoint: a })],
      [{ code: 'domains-mixed', domains: ['web', 'db'] }],
      [],
    ],
    [
      'the base of the name is of another domain',
      [manifest('z', 0, [disk('z')], { domain: 'db', checkpoint: a }), manifest('b', 1, [disk('b', a)])],
      [
        { code: 'domains-mixed', domains: ['db', 'web'] },
        {
          code: 'backup-base-missing',
          ...where('b'),
          checkpoint: 'a',
          creationTimeSeconds: a.creationTimeSeconds,
          reason: 'no-backup',
        },
      ],
      ['b vda'],
    ],
    [
      'the base began without a checkpoint',
      [{ ...bare, disks: [{ ...disk('a'), inCheckpoint: false }] }, manifest('b', 1, [disk('b', a)])],
      [
        {
          code: 'backup-base-missing',
          ...where('b'),
          checkpoint: 'a',
          creationTimeSeconds: a.creationTimeSeconds,
          reason: 'no-backup',
        },
      ],
      ['b vda'],
    ],
  ])('%s', (_, manifests, problems, broken) => {
    expect(verified(manifests)).toMatchObject({ problems, broken });
  });

  it('shows the files as far as they can be followed', () => {
    const [chain] = verifyBackupChain([manifest('c', 2, [disk('c', b)]), manifest('b', 1, [disk('b', a)])]).chains;
    expect(chain?.layers.map(({ backup, disk: { file } }) => [backup, file])).toEqual([
      ['c', 'c.qcow2'],
      ['b', 'b.qcow2'],
    ]);
  });

  it.each([undefined, {}, [1], [{ ...full, version: 2 }]])('refuses what are no manifests: %j', (given) => {
    expect(refusal(() => verifyBackupChain(given as never))).toHaveLength(1);
    expect(refusal(() => backupBases(given as never, 'vda'))).toHaveLength(1);
  });
});

describe('what a backup of a disk can build on', () => {
  const { checkpoint: _, ...bare } = full;
  it.each<[string, readonly BackupManifest[], readonly CheckpointIdentity[]]>([
    ['nothing, where there is none', [], []],
    ['the newest first, in whatever order they come', backupLine('a', 'b', 'c').toReversed(), [c, b, a]],
    [
      'of one second, what builds on the other first',
      [full, manifest('b', 0, [disk('b', a)])],
      [checkpointOf('b', 0), a],
    ],
    ['no backup without a checkpoint', [{ ...bare, disks: [{ ...disk('a'), inCheckpoint: false }] }], []],
    ['none whose checkpoint has no bitmap there', [manifest('a', 0, [{ ...disk('a'), inCheckpoint: false }])], []],
    ['none of another disk', [manifest('a', 0, [backupDisk('vdb', 'a')])], []],
    ['none that cannot be restored', [manifest('b', 1, [disk('b', a)]), manifest('c', 2, [disk('c')])], [c]],
    [
      'none that two began with',
      [full, manifest('b', 1, [disk('b')], { checkpoint: a }), manifest('c', 2, [disk('c')])],
      [c],
    ],
    ['nothing, where domains are mixed', [full, manifest('z', 0, [disk('z')], { domain: 'db' })], []],
  ])('%s', (_, manifests, expected) => {
    expect(backupBases(deepFreeze(manifests), 'vda')).toEqual(expected);
  });
});
