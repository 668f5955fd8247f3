import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { readManifests, writeManifest } from '../../src/backup/manifest-files.js';
import { isCheckpointError } from '../../src/index.js';
import { isStoreError } from '../../src/live.js';
import { type FileSystem, machineFiles } from '../../src/store/file-system.js';
import { backupLine, type manifest } from '../support/backup-manifests.js';
import { type TemporaryFolder, temporaryFolder } from '../support/qemu/temporary-folder.js';
import { detailsOf } from '../support/refusal.js';
import { rejection } from '../support/rejection.js';

const [a, b] = backupLine('a', 'b') as [ReturnType<typeof manifest>, ReturnType<typeof manifest>];

let place: TemporaryFolder;
beforeEach(async () => {
  place = await temporaryFolder();
  return () => place[Symbol.asyncDispose]();
});

async function problemsOf(promise: Promise<unknown>): Promise<readonly object[]> {
  const error = await rejection(promise);
  if (!isCheckpointError(error)) throw error;
  return detailsOf(error.problems);
}

describe('the manifests of a folder', () => {
  it('are none where there is none', async () => {
    await mkdir(join(place.path, 'x.backup'));
    await writeFile(join(place.path, 'a.json'), '{');
    expect(await readManifests(place.path)).toEqual({ manifests: [], problems: [] });
  });

  it.each(['monday', 'a/b', '..', '.', 'vor dem Update: 3 %', '__proto__', 'ü', "it's"])(
    'are read as they were written, called %j',
    async (name) => {
      const written = { ...a, name };
      await writeManifest(place.path, written);
      expect(await readManifests(place.path)).toEqual({ manifests: [written], problems: [] });
      expect(await readdir(place.path)).toEqual([`${encodeURIComponent(name)}.backup.json`]);
    },
  );

  it('come with the oldest first, and can be read by people', async () => {
    const older = { ...b, name: 'z', timeSeconds: 1 };
    for (const each of [a, b, older]) await writeManifest(place.path, each);
    expect((await readManifests(place.path)).manifests.map(({ name }) => name)).toEqual(['z', 'a', 'b']);
    expect(await readFile(join(place.path, 'a.backup.json'), 'utf8')).toBe(`${JSON.stringify(a, undefined, 2)}\n`);
  });

  it.each<[string, string | Uint8Array, string]>([
    ['is empty', '', 'Unexpected end of JSON input'],
    ['ends too soon', JSON.stringify(a).slice(0, -9), 'JSON'],
    ['is no text', new Uint8Array([0xff, 0xfe]), 'The encoded data was not valid for encoding utf-8'],
    ['is no manifest', '{"version":1}', 'manifest.name must be of type string'],
    [
      'is of another version',
      JSON.stringify({ ...a, version: 2 }),
      'manifest was written in version 2 of its form, which this library does not know',
    ],
  ])('one that %s is named, and the others are read', async (_, content, reason) => {
    const filename = join(place.path, 'x.backup.json');
    await writeFile(filename, content);
    await writeManifest(place.path, b);
    const { manifests, problems } = await readManifests(place.path);
    expect(manifests).toEqual([b]);
    expect(problems).toMatchObject([{ code: 'manifest-damaged', filename, reason: expect.stringContaining(reason) }]);
  });

  it('are not looked for where there is no folder', async () => {
    const filename = join(place.path, 'none');
    expect(await problemsOf(readManifests(filename))).toEqual([{ code: 'backup-folder-not-found', filename }]);
  });

  it('that go away while they are read were never there', async () => {
    await writeManifest(place.path, a);
    const files = { ...machineFiles, read: () => Promise.resolve(undefined) };
    expect(await readManifests(place.path, files)).toEqual({ manifests: [], problems: [] });
  });
});

describe('a manifest', () => {
  it('is not replaced by another of its name', async () => {
    await writeManifest(place.path, a);
    const filename = join(place.path, 'a.backup.json');
    const another = writeManifest(place.path, { ...b, name: 'a' });
    expect(await problemsOf(another)).toEqual([{ code: 'manifest-exists', filename }]);
    expect((await readManifests(place.path)).manifests).toEqual([a]);
  });

  it('that could not be read again is not written', async () => {
    const wrong = { ...a, disks: a.disks.map((disk) => ({ ...disk, file: '../x' })) };
    expect(await problemsOf(writeManifest(place.path, wrong))).toMatchObject([{ code: 'invalid-input' }]);
    expect(await readdir(place.path)).toEqual([]);
  });

  it('is whole and on disk before it is called so, and the folder after', async () => {
    const done: string[] = [];
    const note = (what: string, path: string) => done.push(`${what} ${path.slice(place.path.length)}`);
    const files: FileSystem = {
      ...machineFiles,
      async write(path, text) {
        note('write', path);
        await machineFiles.write(path, text);
      },
      async sync(path) {
        note('sync', path);
        await machineFiles.sync(path);
      },
      async rename(from, to) {
        note('rename', from);
        await machineFiles.rename(from, to);
      },
    };
    await writeManifest(place.path, a, files);
    expect(done).toEqual(['write /a.backup.json.tmp', 'sync /a.backup.json.tmp', 'rename /a.backup.json.tmp', 'sync ']);
  });

  it.each(['write', 'sync', 'rename'] as const)(
    'is not there where %s fails, and can be written later',
    async (name) => {
      const failing = { ...machineFiles, [name]: () => Promise.reject(new Error('no space left')) };
      await expect(writeManifest(place.path, a, failing)).rejects.toThrow('no space left');
      expect((await readManifests(place.path)).manifests).toEqual([]);
      await writeManifest(place.path, a);
      expect((await readManifests(place.path)).manifests).toEqual([a]);
    },
  );

  it('that the system refuses is told as such', async () => {
    const error = await rejection(writeManifest(join(place.path, 'none'), a));
    expect(isStoreError(error) && error.kind).toBe('io');
  });
});
