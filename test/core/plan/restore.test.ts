import { describe, expect, it } from 'vitest';
import { type BackupManifest, planRestore, type RestoreRequest } from '../../../src/index.js';
import { backupDisk, backupLine, checkpointOf, manifest } from '../../support/backup-manifests.js';
import { deepFreeze } from '../../support/deep-freeze.js';
import { detailsOf, refusal } from '../../support/refusal.js';

const request = { point: 'b', folder: '/backup', output: '/images' };
const line = backupLine('a', 'b');
const file = (filename: string) => ({ driver: 'file', filename });
const qcow2 = (filename: string, backing: object | null = null) => ({ driver: 'qcow2', file: file(filename), backing });

/** The commands, with the chains as data; the plan is JSON, and the same each time. */
function planned(manifests: readonly BackupManifest[], asked: RestoreRequest) {
  const plan = planRestore(deepFreeze(manifests), deepFreeze(asked));
  expect(planRestore(manifests.toReversed(), asked)).toStrictEqual(plan);
  expect(JSON.parse(JSON.stringify(plan))).toStrictEqual(plan);
  return plan.commands.map(({ args, why, ...rest }) => {
    const [convert, option, format, source = '', output] = args;
    expect([convert, option, output, source.slice(0, 5)]).toEqual(['convert', '-O', rest.output, 'json:']);
    return { why, format, source: JSON.parse(source.slice(5)), output, ...(rest.temporary && { temporary: true }) };
  });
}

describe('planRestore', () => {
  it('says which instant the images show', () => {
    expect(planRestore(line, request)).toMatchObject({ point: 'b', timeSeconds: 1700000001 });
  });

  it.each<[string, readonly BackupManifest[], RestoreRequest, readonly object[]]>([
    [
      'a full backup from its one file',
      line,
      { ...request, point: 'a' },
      [
        {
          why: 'Restore disk vda as of backup "a" from one file.',
          format: 'qcow2',
          source: qcow2('/backup/a-vda.qcow2'),
          output: '/images/vda.qcow2',
        },
      ],
    ],
    [
      'an incremental one from its chain, as raw',
      line,
      { ...request, format: 'raw' },
      [
        {
          why: 'Restore disk vda as of backup "b" from 2 files.',
          format: 'raw',
          source: qcow2('/backup/b-vda.qcow2', qcow2('/backup/a-vda.qcow2')),
          output: '/images/vda.raw',
        },
      ],
    ],
    [
      'on a full one that is raw, which stands on nothing',
      [
        manifest('a', 0, [{ ...backupDisk('vda', 'a'), format: 'raw' }]),
        manifest('b', 1, [backupDisk('vda', 'b', checkpointOf('a', 0))]),
      ],
      { ...request, folder: '/backup//', output: '/' },
      [
        {
          why: 'Restore disk vda as of backup "b" from 2 files.',
          format: 'qcow2',
          source: qcow2('/backup/b', { driver: 'raw', file: file('/backup/a') }),
          output: '/vda.qcow2',
        },
      ],
    ],
    [
      'only the disks that are asked for, in the order of the backup',
      [
        manifest(
          'b',
          0,
          ['vda', 'vdb', 'vdc'].map((target) => backupDisk(target, target)),
        ),
      ],
      { ...request, diskTargets: ['vdc', 'vda'] },
      ['vda', 'vdc'].map((target) => ({
        why: `Restore disk ${target} as of backup "b" from one file.`,
        format: 'qcow2',
        source: qcow2(`/backup/${target}`),
        output: `/images/${target}.qcow2`,
      })),
    ],
    [
      'a disk whose name would lead elsewhere, into the folder all the same',
      [manifest('b', 0, [backupDisk('../vda', 'vda')])],
      request,
      [
        {
          why: 'Restore disk ../vda as of backup "b" from one file.',
          format: 'qcow2',
          source: qcow2('/backup/vda'),
          output: '/images/..%2Fvda.qcow2',
        },
      ],
    ],
  ])('restores %s', (_, manifests, asked, commands) => {
    expect(planned(manifests, asked)).toEqual(commands);
  });

  it.each<[number, readonly number[]]>([
    [100, [100]],
    [101, [100, 2]],
    [199, [100, 100]],
    [400, [100, 100, 100, 100, 4]],
  ])('puts a chain of %i files together in parts', (count, sizes) => {
    const names = Array.from({ length: count }, (_, n) => `n${n}`);
    const commands = planned(backupLine(...names), { ...request, point: `n${count - 1}` });
    const filesIn = (image: ReturnType<typeof qcow2> | null): readonly string[] =>
      image === null ? [] : [...filesIn(image.backing as typeof image), image.file.filename];
    expect(commands.map(({ source }) => filesIn(source).length)).toEqual(sizes);
    expect(commands.map(({ temporary }) => temporary ?? false)).toEqual(sizes.map((_, n) => n < sizes.length - 1));
    // With each part in the place of its files it is the chain again.
    const parts = new Map<string, readonly string[]>();
    let all: readonly string[] = [];
    for (const { source, output } of commands) {
      all = filesIn(source).flatMap((name) => parts.get(name) ?? [name]);
      parts.set(output ?? '', all);
    }
    expect(all).toEqual(names.map((name) => `/backup/${name}-vda.qcow2`));
  });

  it.each<[string, readonly BackupManifest[], object, readonly object[]]>([
    ['a point that is not there', line, { point: 'c' }, [{ code: 'backup-not-found', backup: 'c' }]],
    [
      'disks that it does not have, and one that is named twice',
      line,
      { diskTargets: ['vda', 'vdx', 'vda'] },
      [
        { code: 'disk-asked-twice', disk: 'vda' },
        { code: 'backup-disk-not-found', backup: 'b', diskTarget: 'vdx' },
      ],
    ],
    [
      'a chain that lacks its lower end',
      line.slice(1),
      {},
      [
        {
          code: 'backup-base-missing',
          backup: 'b',
          diskTarget: 'vda',
          checkpoint: 'a',
          creationTimeSeconds: 1700000000,
          reason: 'no-backup',
        },
      ],
    ],
    [
      'a name that two backups have',
      [...line, { ...line[1], domain: 'db' } as BackupManifest].map((each, n) => ({
        ...each,
        disks: each.disks.map((disk) => ({ ...disk, file: `${n}` })),
      })),
      {},
      [
        { code: 'backup-duplicate', backup: 'b' },
        {
          code: 'backup-base-missing',
          backup: 'b',
          diskTarget: 'vda',
          checkpoint: 'a',
          creationTimeSeconds: 1700000000,
          reason: 'no-backup',
        },
      ],
    ],
    [
      'to put an image in the place of a backup',
      [manifest('b', 0, [backupDisk('vda', 'vda.qcow2')])],
      { output: '/backup/' },
      [{ code: 'backup-overwritten', filename: '/backup/vda.qcow2', backup: 'b' }],
    ],
    [
      'folders that are not named from the root on',
      line,
      { folder: 'backup', output: '-x' },
      [
        { code: 'invalid-input', subject: 'request', path: ['folder'], expected: 'must be named from the root on' },
        { code: 'invalid-input', subject: 'request', path: ['output'], expected: 'must be named from the root on' },
      ],
    ],
  ])('refuses %s', (_, manifests, more, expected) => {
    expect(detailsOf(refusal(() => planRestore(manifests, { ...request, ...more } as RestoreRequest)))).toEqual(
      expected,
    );
  });

  it('restores what is whole, whatever is wrong with other points and disks', () => {
    const stray = manifest('z', 9, [backupDisk('vda', 'z', checkpointOf('gone', 0)), backupDisk('vdb', 'zb')], {
      domain: 'db',
    });
    expect(planRestore([...line, stray], request).commands).toHaveLength(1);
    expect(planRestore([...line, stray], { ...request, point: 'z', diskTargets: ['vdb'] }).commands).toHaveLength(1);
  });

  it.each([
    undefined,
    null,
    1,
    'b',
    [],
    { point: 'b' },
    { ...request, diskTargets: 'vda' },
    { ...request, format: 'vmdk' },
  ])('refuses a request that is none: %j', (given) => {
    const codes = refusal(() => planRestore(line, given as never)).map(({ code }) => code);
    expect(new Set(codes)).toEqual(new Set(['invalid-input']));
  });
});
