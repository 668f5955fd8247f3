import { execFileSync } from 'node:child_process';
import { chmod, mkdir, open, readdir, readFile, symlink, truncate, writeFile } from 'node:fs/promises';
import { delimiter, dirname, join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { isCheckpointError, type RestoreRequest } from '../../src/index.js';
import { isToolError, type RestoreOptions, readManifests, restoreBackup, verifyBackupFiles } from '../../src/live.js';
import { runLine } from '../support/live/run-command-line.js';
import { type BackupFiles, type BackupStep, backupFiles, bytesOf } from '../support/qemu/backup-files.js';
import { describeOnEachQemu } from '../support/qemu/describe-on-each-qemu.js';
import { type TemporaryFolder, temporaryFolder } from '../support/qemu/temporary-folder.js';
import { codesOf } from '../support/refusal.js';
import { rejection } from '../support/rejection.js';

const MiB = 1024;
const first: BackupStep = {
  sizeKiB: 4 * MiB,
  writes: [
    [0, 2 * MiB, 1],
    [3 * MiB, MiB, 2],
  ],
};

/** Sizes of the disk at each backup; each writes over a part of the one before, and zeros over another. */
function steps(...sizes: readonly number[]): readonly BackupStep[] {
  return [
    first,
    ...sizes.map((sizeKiB, n): BackupStep => {
      const last = sizeKiB - 64;
      return {
        sizeKiB,
        writes: [
          [64 * (3 * n + 1), 128, 10 + n],
          [64 * (3 * n + 2), 64, 0],
          [last, 64, 20 + n],
        ],
      };
    }),
  ];
}

describeOnEachQemu('restoring from files', (qemu) => {
  const tools = { img: qemu.img };
  let place: TemporaryFolder;
  let output: string;
  beforeEach(async () => {
    place = await temporaryFolder();
    output = join(place.path, 'out');
    return () => place[Symbol.asyncDispose]();
  });

  const make = (of: readonly BackupStep[], format?: 'qcow2' | 'raw') =>
    backupFiles(qemu, join(place.path, 'backups'), of, format);
  const requestFor = ({ folder }: BackupFiles, point: string, more: Partial<RestoreRequest> = {}) => ({
    point,
    folder,
    output,
    ...more,
  });
  const namesIn = async (folder: string) => (await readdir(folder)).toSorted();

  it.each<[string, readonly BackupStep[], 'qcow2' | 'raw']>([
    ['of one size', steps(4 * MiB, 4 * MiB, 4 * MiB), 'qcow2'],
    ['on a full one that is raw', steps(4 * MiB, 4 * MiB, 4 * MiB), 'raw'],
    ['of a disk that grew', steps(5 * MiB, 5 * MiB, 7 * MiB), 'qcow2'],
    ['of a disk that grew, on a raw one', steps(4 * MiB + 64, 5 * MiB, 6 * MiB), 'raw'],
    ['of a disk that shrank', steps(3 * MiB, 2 * MiB + 64, MiB), 'qcow2'],
    ['of a disk that shrank and grew again', steps(2 * MiB, 4 * MiB, 5 * MiB), 'raw'],
  ])('backups %s: each point comes back byte by byte, and no file is touched', async (_, of, format) => {
    const files = await make(of, format);
    await chmod(files.folder, 0o555);
    const before = await files.look();
    expect(files.references.size).toBe(4);
    for (const [point, reference] of files.references) {
      for (const made of ['qcow2', 'raw'] as const) {
        const request = requestFor(files, point, { format: made, output: join(output, point) });
        const { commands } = await restoreBackup(files.manifests, request, { tools });
        const [image] = commands.map((command) => command.output);
        expect((await bytesOf(qemu, image ?? '', made)).equals(reference)).toBe(true);
      }
    }
    const { problems } = await verifyBackupFiles(files.folder, files.manifests, { tools });
    expect(problems).toEqual([]);
    expect(await files.look()).toEqual(before);
    await chmod(files.folder, 0o755);
  });

  it('a chain of 101 comes back byte by byte, put together in parts of which nothing stays', async () => {
    const many = Array.from(
      { length: 100 },
      (_, n): BackupStep => ({ sizeKiB: 8 * MiB, writes: n % 20 === 0 ? [[64 * n, 128, n + 1]] : [] }),
    );
    const files = await make([first, ...many]);
    const percents: number[] = [];
    await restoreBackup(files.manifests, requestFor(files, 'p100'), {
      tools,
      onProgress: ({ percent, total }) => {
        expect(total).toBe(2);
        percents.push(percent);
      },
    });
    const restored = await bytesOf(qemu, join(output, 'vda.qcow2'), 'qcow2');
    expect(restored.equals(files.references.get('p100') as Buffer)).toBe(true);
    expect(await namesIn(output)).toEqual(['vda.qcow2', 'vda.qcow2.bytes']);
    expect(percents.filter((percent) => percent === 100).length).toBeGreaterThanOrEqual(2);
  }, 240_000);

  describe('that does not come to its end', () => {
    /** A qemu-img that does something else where it is to convert. */
    async function convertingWith(script: string): Promise<RestoreOptions['tools']> {
      const img = join(place.path, 'img');
      await writeFile(img, `#!/bin/sh\nif [ "$1" = convert ]; then ${script}; fi\nexec '${qemu.img}' "$@"\n`, {
        mode: 0o755,
      });
      return { img };
    }

    it('leaves nothing, and tells what qemu-img complained of', async () => {
      const files = await make([first]);
      const failing = await convertingWith(
        'for last; do :; done; echo half > "$last"; echo "no space left" >&2; exit 1',
      );
      const error = await rejection(restoreBackup(files.manifests, requestFor(files, 'p0'), { tools: failing }));
      expect(isToolError(error) && error.message).toMatch(/img failed: no space left$/);
      expect(await namesIn(output)).toEqual([]);
    });

    it('leaves nothing where it is stopped, and qemu-img is gone', async () => {
      const files = await make([first]);
      const hanging = await convertingWith('echo "    (1.00/100%)"; exec sleep 600');
      const stop = new AbortController();
      const reason = new Error('enough');
      const onProgress = ({ percent }: { readonly percent: number }) => {
        if (percent === 1) stop.abort(reason);
      };
      const options = { tools: hanging, signal: stop.signal, onProgress };
      expect(await rejection(restoreBackup(files.manifests, requestFor(files, 'p0'), options))).toBe(reason);
      expect(await namesIn(output)).toEqual([]);
    });

    it('has not begun where there is no qemu-img', async () => {
      const files = await make([first]);
      const none = { img: join(place.path, 'none') };
      const error = await rejection(restoreBackup(files.manifests, requestFor(files, 'p0'), { tools: none }));
      expect(isToolError(error) && error.missing).toBe(true);
      expect(await namesIn(output)).toEqual([]);
    });

    it('replaces no image that is there, unless asked, and then by a whole one', async () => {
      const files = await make([first]);
      await mkdir(output);
      await writeFile(join(output, 'vda.qcow2'), 'precious');
      const request = requestFor(files, 'p0');
      expect(await codesOfRejection(restoreBackup(files.manifests, request, { tools }))).toEqual(['image-exists']);
      const failing = await convertingWith('exit 1');
      await rejection(restoreBackup(files.manifests, request, { tools: failing, overwrite: true }));
      expect(await readFile(join(output, 'vda.qcow2'), 'utf8')).toBe('precious');
      await restoreBackup(files.manifests, request, { tools, overwrite: true });
      expect(
        (await bytesOf(qemu, join(output, 'vda.qcow2'), 'qcow2')).equals(files.references.get('p0') as Buffer),
      ).toBe(true);
    });

    it('never replaces the file of a backup, by whatever path', async () => {
      const files = await make([first]);
      const [made] = files.manifests;
      const manifests = [
        { ...made, disks: made?.disks.map((disk) => ({ ...disk, file: 'vda.qcow2' })) },
      ] as typeof files.manifests;
      await writeFile(join(files.folder, 'vda.qcow2'), 'precious');
      await symlink(files.folder, output);
      const promise = restoreBackup(manifests, requestFor(files, 'p0'), { tools, overwrite: true });
      expect(await codesOfRejection(promise)).toEqual(['backup-overwritten']);
      expect(await readFile(join(files.folder, 'vda.qcow2'), 'utf8')).toBe('precious');
    });

    it('finds no folder of backups', async () => {
      const files = await make([first]);
      const request = requestFor(files, 'p0', { folder: join(place.path, 'none') });
      expect(await codesOfRejection(restoreBackup(files.manifests, request, { tools }))).toEqual([
        'backup-folder-not-found',
      ]);
    });
  });

  describe('files that are not as they should be', () => {
    const change = async (filename: string, offset: number, bytes: readonly number[]) => {
      await using file = await open(filename, 'r+');
      await file.write(Buffer.from(bytes), 0, bytes.length, offset);
    };
    const img = (...args: readonly string[]) => execFileSync(qemu.img, args);

    it.each<[string, (filename: string) => Promise<unknown> | unknown, string, RegExp, boolean]>([
      ['is not there', (filename) => execFileSync('rm', [filename]), 'backup-file-missing', /is not there/, true],
      [
        'is no image',
        (filename) => writeFile(filename, 'text'),
        'backup-file-damaged',
        /: Image is not in qcow2 format; /,
        true,
      ],
      ['has lost its end', (filename) => truncate(filename, 2 ** 20), 'backup-file-damaged', /finds \d+ errors/, true],
      [
        'has damaged tables',
        (filename) => change(filename, 0x30000, [0x80, 0, 0, 0, 0x7f, 0, 0, 0]),
        'backup-file-damaged',
        /finds \d+ errors/,
        true,
      ],
      [
        'has another size',
        (filename) => img('resize', '-q', '-f', 'qcow2', filename, '5M'),
        'backup-file-differs',
        /virtual size 5242880 and not 4194304/,
        true,
      ],
      [
        'says that its data is elsewhere',
        (filename) =>
          img('create', '-q', '-f', 'qcow2', '-o', `data_file=${join(place.path, 'elsewhere')}`, filename, '4M'),
        'backup-file-damaged',
        /its data is in another file/,
        true,
      ],
      [
        'has other data',
        (filename) => change(filename, 0x50000, [7]),
        'backup-file-differs',
        /has the sha256 [0-9a-f]{64} and not [0-9a-f]{64}/,
        false,
      ],
    ])('a file that %s is named, with all the points that need it', async (_, damage, code, text, isSeen) => {
      const files = await make(steps(4 * MiB, 4 * MiB));
      const filename = join(files.folder, files.manifests[0]?.disks[0]?.file ?? '');
      await damage(filename);
      const { chains, problems } = await verifyBackupFiles(files.folder, files.manifests, { tools });
      expect(codesOf(problems)).toEqual([code]);
      expect(problems[0]?.text).toMatch(text);
      expect(problems[0]).toMatchObject({ backup: 'p0', diskTarget: 'vda', filename });
      expect(chains.map((chain) => codesOf(chain.problems))).toEqual([[code], [code], [code]]);
      if (!isSeen) return;
      const restored = restoreBackup(files.manifests, requestFor(files, 'p2'), { tools });
      expect(await codesOfRejection(restored)).toEqual([code]);
      expect(await namesIn(output)).toEqual([]);
    });

    it('an upper file that is damaged hinders no point below', async () => {
      const files = await make(steps(4 * MiB, 4 * MiB));
      await truncate(join(files.folder, files.manifests[1]?.disks[0]?.file ?? ''), 100);
      const { chains } = await verifyBackupFiles(files.folder, files.manifests, { tools });
      expect(chains.map(({ problems }) => problems.length)).toEqual([0, 1, 1]);
      await restoreBackup(files.manifests, requestFor(files, 'p0'), { tools });
    });

    it('space that nothing uses is no damage', async () => {
      const files = await make([first]);
      const filename = join(files.folder, files.manifests[0]?.disks[0]?.file ?? '');
      const [made] = files.manifests;
      const { sha256: _, ...disk } = made?.disks[0] ?? {};
      // Its first cluster is counted twice and used once.
      await change(filename, 0x20000, [0, 2]);
      expect(() => img('check', '-q', filename)).toThrow(/./);
      const { problems } = await verifyBackupFiles(
        files.folder,
        [{ ...made, disks: [disk] }] as typeof files.manifests,
        { tools },
      );
      expect(problems).toEqual([]);
    });
  });

  describe('by the command line', () => {
    const path = process.env['PATH'] ?? '';
    beforeAll(() => {
      process.env['PATH'] = [dirname(qemu.img), path].join(delimiter);
    });
    afterAll(() => {
      process.env['PATH'] = path;
    });

    it('lists the backups, restores one, and says what is wrong', async () => {
      const files = await make(steps(4 * MiB));
      const { folder } = files;
      expect(await runLine(['verify', folder])).toEqual({
        status: 0,
        printed: [
          'backup  time                  vda',
          'p1      2023-11-14 22:13:21Z  2 files',
          'p0      2023-11-14 22:13:20Z  full',
        ],
        complained: [],
      });
      expect(await runLine(['restore', folder, output, '--point', 'p1', '--format', 'raw'])).toMatchObject({
        status: 0,
        printed: [`restored: vda as of 2023-11-14 22:13:21Z in ${join(output, 'vda.raw')}`],
      });
      expect((await readFile(join(output, 'vda.raw'))).equals(files.references.get('p1') as Buffer)).toBe(true);
      await truncate(join(folder, files.manifests[1]?.disks[0]?.file ?? ''), 100);
      await writeFile(join(folder, 'p9.backup.json'), '{');
      const verified = await runLine(['verify', folder]);
      expect(verified).toMatchObject({
        status: 1,
        printed: [expect.anything(), /file-damaged/, /full/].map((each) =>
          each instanceof RegExp ? expect.stringMatching(each) : each,
        ),
      });
      expect(verified.complained).toHaveLength(2);
      const { printed } = await runLine(['verify', folder, '--json']);
      expect(codesOf(JSON.parse(printed[0] ?? '').problems)).toEqual(['manifest-damaged', 'backup-file-damaged']);
      const refused = await runLine(['restore', folder, output, '--point', 'p1']);
      expect(refused).toMatchObject({ status: 1, printed: [] });
      expect(refused.complained[0]).toMatch(/^warning: the manifest ".*p9.backup.json" cannot be read: /);
      expect(refused.complained[1]).toMatch(/cannot be used: .*; put it back from a copy/);
    });

    it('shows the commands, which a shell can run', async () => {
      const files = await make(steps(4 * MiB));
      const line = ['restore', files.folder, output, '--point', 'p1', '--dry-run'];
      const { status, printed } = await runLine(line);
      expect([status, printed.length, printed[0]]).toEqual([
        0,
        2,
        '# Restore disk vda as of backup "p1" from 2 files.',
      ]);
      await mkdir(output);
      execFileSync('sh', ['-c', printed[1] ?? '']);
      const restored = await bytesOf(qemu, join(output, 'vda.qcow2'), 'qcow2');
      expect(restored.equals(files.references.get('p1') as Buffer)).toBe(true);
      expect(JSON.parse((await runLine([...line, '--json'])).printed[0] ?? '').commands).toHaveLength(1);
    });
  });

  it('what was written beside the files is read again', async () => {
    const files = await make(steps(4 * MiB));
    expect(await readManifests(files.folder)).toEqual({ manifests: files.manifests, problems: [] });
  });
});

async function codesOfRejection(promise: Promise<unknown>): Promise<readonly string[]> {
  const error = await rejection(promise);
  if (!isCheckpointError(error)) throw error;
  return codesOf(error.problems);
}
