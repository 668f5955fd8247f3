import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { makeBackup, scriptedSession } from '../../src/live.js';
import { domain } from '../support/builders.js';
import { temporaryFolder } from '../support/qemu/temporary-folder.js';
import { rejection } from '../support/rejection.js';

const { checkpoints } = domain();
const store = {
  load: () => Promise.resolve({ checkpoints, pending: [], chainChanges: [] }),
  run: () => Promise.reject(new Error('nothing is to be run')),
  settle: () => Promise.reject(new Error('nothing is to be settled')),
};
const observe = () => Promise.resolve(domain());

describe('makeBackup', () => {
  it.each<[string, string, string]>([
    ['a file that an image would take the place of', 'vda-monday.qcow2', 'image-exists'],
    ['a manifest of that name', 'monday.backup.json', 'manifest-exists'],
  ])('refuses %s, sends nothing and leaves it as it is', async (_, file, code) => {
    await using folder = await temporaryFolder();
    await writeFile(join(folder.path, file), 'all that an older backup has');
    const session = scriptedSession(() => ({}));
    const error = await rejection(makeBackup(session, { directory: folder.path, name: 'monday' }, { store, observe }));
    expect(error).toMatchObject({ problems: [{ code }] });
    expect(await readdir(folder.path)).toEqual([file]);
    expect(await readFile(join(folder.path, file), 'utf8')).toBe('all that an older backup has');
    expect(session.calls).toEqual([]);
  });

  it.each<[string, { readonly name?: string }]>([
    ['a name that no manifest can have', { name: 'mon\nday' }],
    ['a name that no file can have', { name: 'm'.repeat(300) }],
  ])('refuses %s before anything is sent', async (_, request) => {
    await using folder = await temporaryFolder();
    const session = scriptedSession(() => ({}));
    const error = await rejection(makeBackup(session, { directory: folder.path, ...request }, { store, observe }));
    expect(error).toMatchObject({ problems: [{ code: 'invalid-input' }] });
    expect(session.calls).toEqual([]);
  });
});
