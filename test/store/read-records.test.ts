import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import type { CheckpointTree } from '../../src/index.js';
import { checkpointStore } from '../../src/store/checkpoint-store.js';
import { openStore } from '../../src/store/open-store.js';
import type { CheckpointRecord } from '../../src/store/record.js';
import { formatRecord, parseRecord } from '../../src/store/record.js';
import { checkpoint, line, now, tree } from '../support/builders.js';
import { temporaryFolder } from '../support/qemu/temporary-folder.js';
import { rejection } from '../support/rejection.js';
import { type MemoryFiles, memoryFiles } from '../support/store-memory-files.js';

const good = {
  version: 1,
  state: 'confirmed',
  order: 1,
  current: 1,
  checkpoint: { name: 'a', creationTimeSeconds: now, disks: [{ diskTarget: 'vda', bitmap: 'a' }] },
};
const deletion = { kind: 'delete', checkpoints: ['a'], bitmaps: [], reopenedNodes: [] };

async function faultOf(files: MemoryFiles) {
  await using store = await openStore('/store', {}, files);
  const error = await rejection(store.load());
  // It does not get better by itself, and nothing is done about it.
  const before = files.show();
  expect(await rejection(store.save({ checkpoints: [] }))).toEqual(error);
  expect(files.show()).toEqual(before);
  return error;
}

describe('a file that is not as it was written', () => {
  it.each<[string, string | Uint8Array, RegExp]>([
    ['is empty', '', /Unexpected end of JSON/],
    ['is cut off', JSON.stringify(good).slice(0, 40), /JSON/],
    ['is no JSON', 'name: a', /JSON/],
    ['is no object', '[]', /file must be of type object/],
    ['is null', 'null', /file must be of type object/],
    ['is not UTF-8', Buffer.from('{"version":1,"name":"\xff"}', 'latin1'), /encoded data was not valid/],
    ['has no version', JSON.stringify({ ...good, version: undefined }), /file.version/],
    ['is in no known state', JSON.stringify({ ...good, state: 'lost' }), /file.state must be one of/],
    ['has no place', JSON.stringify({ ...good, order: undefined }), /file.order must be a safe integer/],
    ['has a place that is no whole number', JSON.stringify({ ...good, order: 1.5 }), /file.order/],
    ['has a mark that is no number', JSON.stringify({ ...good, current: true }), /file.current/],
    ['has no checkpoint', JSON.stringify({ ...good, checkpoint: undefined }), /file.checkpoint must be/],
    [
      'has another kind of checkpoint',
      JSON.stringify({ ...good, checkpoint: { name: 'a' } }),
      /file.checkpoint.creationTimeSeconds must be a safe integer/,
    ],
    [
      'has a name that none can have',
      JSON.stringify({ ...good, checkpoint: { ...good.checkpoint, name: '../a' } }),
      /checkpoint.name/,
    ],
    [
      'is being deleted, nobody knows how',
      JSON.stringify({ ...good, state: 'deleting' }),
      /it has no deletion of checkpoint "a"/,
    ],
    [
      'is being deleted by the deletion of another',
      JSON.stringify({ ...good, state: 'deleting', deletion: { ...deletion, checkpoints: ['b'] } }),
      /it has no deletion of checkpoint "a"/,
    ],
    [
      'is being deleted by a creation',
      JSON.stringify({ ...good, state: 'deleting', deletion: { kind: 'create', checkpoint: good.checkpoint } }),
      /file.deletion.kind must be one of "delete"/,
    ],
    [
      'has a parent that is not there',
      JSON.stringify({ ...good, checkpoint: { ...good.checkpoint, parent: 'b' } }),
      /has the parent "b", which is not in the tree/,
    ],
    [
      'is its own parent',
      JSON.stringify({ ...good, checkpoint: { ...good.checkpoint, parent: 'a' } }),
      /its own ancestor/,
    ],
  ])('is named, with what is wrong: it %s', async (_, content, reason) => {
    const files = memoryFiles();
    files.put('a.json', content);
    const error = (await faultOf(files)) as Error;
    expect(error).toMatchObject({ kind: 'damaged', path: '/store/a.json' });
    expect(error.message).toMatch(reason);
    expect(error.message).toContain('restore it from a copy, or move it away');
  });

  it.each<[unknown, string]>([
    [2, '2'],
    ['1', '"1"'],
    [null, 'null'],
  ])('is not read where its version is %j', async (version, text) => {
    const files = memoryFiles();
    files.put('a.json', JSON.stringify({ version, future: true }));
    expect(await faultOf(files)).toMatchObject({
      kind: 'version-unknown',
      path: '/store/a.json',
      details: { version: text },
    });
  });

  it('is told apart from the one it is a copy of', async () => {
    const files = memoryFiles();
    files.put('a.json', JSON.stringify(good));
    files.put('a-copy.json', JSON.stringify(good));
    files.put('z.json', JSON.stringify({ ...good, checkpoint: { ...good.checkpoint, name: 'z' } }));
    const error = (await faultOf(files)) as Error;
    expect(error).toMatchObject({ kind: 'damaged', path: '/store/a-copy.json' });
    expect(error.message).toContain('checkpoint "a" is there twice');
  });

  it('is named where it cannot be read at all', async () => {
    await using folder = await temporaryFolder();
    await mkdir(join(folder.path, 'a.json'));
    await using store = await checkpointStore(folder.path);
    const error = (await rejection(store.load())) as Error;
    expect(error).toMatchObject({ kind: 'io', path: join(folder.path, 'a.json'), details: { operation: 'read' } });
    expect(error.message).toContain('EISDIR');
  });
});

describe('formatRecord and parseRecord', () => {
  const base = {
    file: 'a.json',
    order: 3,
    checkpoint: checkpoint('a', { description: 'ümlaut \u2028', parent: '__proto__' }),
  };

  it.each<CheckpointRecord>([
    { ...base, state: 'pending' },
    { ...base, state: 'confirmed', current: 7 },
    { ...base, state: 'confirmed', noCurrent: 7 },
    {
      ...base,
      state: 'deleting',
      deletion: {
        kind: 'delete',
        checkpoints: ['a', 'constructor'],
        bitmaps: [{ checkpoint: 'a', diskTarget: 'vda', bitmap: 'a\n', layers: 2 }],
        reopenedNodes: ['n'],
      },
    },
  ])('are each other’s inverse: $state', (record) => {
    const text = formatRecord(record);
    expect(parseRecord('a.json', '/store/a.json', Buffer.from(text))).toStrictEqual(record);
    expect(text.endsWith('}\n')).toBe(true);
  });

  it('pass over what they do not know', () => {
    const bytes = Buffer.from(JSON.stringify({ ...good, note: 'mine' }));
    expect(parseRecord('a.json', '/store/a.json', bytes)).toStrictEqual({
      file: 'a.json',
      state: 'confirmed',
      order: 1,
      current: 1,
      checkpoint: good.checkpoint,
    });
  });
});

describe('reading while another process writes', () => {
  const lone = (name: string, parent?: string) => checkpoint(name, parent === undefined ? {} : { parent });

  /** A folder with a, b under a and c under b, of which one handle writes and another reads. */
  async function shared() {
    const files = memoryFiles();
    const writer = await openStore('/store', {}, files);
    await writer.save(line('a', 'b', 'c'));
    const seen = { ...files };
    const reader = await openStore('/store', { readOnly: true }, seen);
    return { files, seen, writer, reader };
  }

  it('reads again where a file vanished after it was listed', async () => {
    const { files, seen, writer, reader } = await shared();
    vi.spyOn(seen, 'read').mockImplementationOnce(async (path) => {
      await writer.save(line('a', 'b'));
      return files.read(path);
    });
    expect((await reader.load()).checkpoints).toEqual(line('a', 'b'));
  });

  it('reads again where a file came after the others were listed', async () => {
    const { files, seen, writer, reader } = await shared();
    vi.spyOn(seen, 'read').mockImplementationOnce(async (path) => {
      await writer.save(line('a', 'b', 'c', 'd'));
      return files.read(path);
    });
    expect((await reader.load()).checkpoints).toEqual(line('a', 'b', 'c', 'd'));
  });

  it.each<[string, CheckpointTree]>([
    ['which then do not fit together', { ...tree([lone('a', 'b'), lone('b', 'c'), lone('c')], 'a') }],
    ['which then fit together all the same', { ...tree([lone('a', 'c'), lone('b'), lone('c', 'b')], 'c') }],
  ])('reads again where it saw one file before a change and others after it, %s', async (_, next) => {
    const { files, seen, writer, reader } = await shared();
    vi.spyOn(seen, 'read').mockImplementationOnce(async (path) => {
      const before = await files.read(path);
      await writer.save(next);
      return before;
    });
    expect((await reader.load()).checkpoints).toEqual(next);
  });

  it('gives up, with an error, where it never holds still', async () => {
    const { seen, reader } = await shared();
    vi.spyOn(seen, 'read').mockResolvedValue(undefined);
    expect(await rejection(reader.load())).toMatchObject({ kind: 'busy', path: '/store' });
  });

  it('tells where the folder has gone', async () => {
    const { seen, reader } = await shared();
    vi.spyOn(seen, 'list').mockResolvedValue(undefined);
    expect(await rejection(reader.load())).toMatchObject({ kind: 'not-found', path: '/store' });
  });

  it('shows in the writer itself the tree as it was, until the new one is written', async () => {
    const { files, writer } = await shared();
    const trees: CheckpointTree[] = [];
    const write = vi.spyOn(files, 'rename').mockImplementation(async () => {
      trees.push((await writer.load()).checkpoints);
    });
    await writer.save(line('a', 'b', 'c', 'd', 'e'));
    write.mockRestore();
    expect(trees).toEqual([line('a', 'b', 'c'), line('a', 'b', 'c')]);
    expect((await writer.load()).checkpoints).toEqual(line('a', 'b', 'c', 'd', 'e'));
  });

  it('lets no change come into the middle of a reading', async () => {
    const { files } = await shared();
    const writer = await openStore('/store', {}, files.restart('killed'));
    const [{ checkpoints }] = await Promise.all([
      writer.load(),
      writer.save(line('a')),
      rejection(writer.save(line('b'))),
    ]);
    expect(checkpoints).toEqual(line('a', 'b', 'c'));
    expect((await writer.load()).checkpoints).toEqual(line('a'));
  });

  it('looks into the files again after a change that failed', async () => {
    const { files, writer } = await shared();
    vi.spyOn(files, 'remove').mockRejectedValueOnce(new Error('the disk is gone'));
    await rejection(writer.save(line('a', 'b')));
    expect((await writer.load()).checkpoints).toEqual({ ...line('a', 'b', 'c'), current: 'b' });
    await writer.save(line('a', 'b'));
    expect(Object.keys(files.show()).toSorted()).toEqual(['a.json', 'b.json']);
  });
});
