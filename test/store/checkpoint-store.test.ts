import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { CheckpointError } from '../../src/core/error.js';
import { planReconcile } from '../../src/core/plan/reconcile.js';
import { problem } from '../../src/core/problem.js';
import {
  type Checkpoint,
  type Domain,
  isCheckpointError,
  planCreateCheckpoint,
  planDeleteCheckpoint,
  planRedefineCheckpoint,
} from '../../src/index.js';
import { type CheckpointStore, checkpointStore } from '../../src/store/checkpoint-store.js';
import { isStoreError } from '../../src/store/error.js';
import { machineFiles } from '../../src/store/file-system.js';
import { openStore } from '../../src/store/open-store.js';
import { reconcile } from '../../src/store/reconcile.js';
import { chain, checkpoint, disk, domain, freshDomain, line, now, tree } from '../support/builders.js';
import { temporaryFolder } from '../support/qemu/temporary-folder.js';
import { codesOf } from '../support/refusal.js';
import { rejection } from '../support/rejection.js';
import { change, newMachine, observe, open, send } from '../support/store-machine.js';
import { memoryFiles } from '../support/store-memory-files.js';

const fresh = freshDomain(disk('vda'));
const lone = (name: string, parent?: string) =>
  checkpoint(name, { disks: [], ...(parent !== undefined && { parent }) });

async function create(store: CheckpointStore, name: string, given: Domain = fresh): Promise<void> {
  const { checkpoints } = await store.load();
  const observed = { ...given, checkpoints };
  await store.run(observed, planCreateCheckpoint(observed, { name }, { now }), async () => undefined);
}

const modeOf = async (path: string) => ((await stat(path)).mode & 0o777).toString(8);

describe('checkpointStore, on files', () => {
  it('makes its folder, and files that only their owner may read', async () => {
    await using folder = await temporaryFolder();
    const path = join(folder.path, 'deep', 'store');
    await using store = await checkpointStore(path);
    expect(store.directory).toBe(path);
    expect(await store.load()).toEqual({ checkpoints: { checkpoints: [] }, pending: [], chainChanges: [] });
    await create(store, 'monday');
    expect(await readdir(path)).toEqual(['lock', 'monday.json']);
    expect(await modeOf(path)).toBe('700');
    expect(await modeOf(join(path, 'monday.json'))).toBe('600');
    expect(await modeOf(join(path, 'lock'))).toBe('600');
  });

  it('writes one file a checkpoint, for people too: pending, confirmed, being deleted', async () => {
    await using folder = await temporaryFolder();
    await using store = await checkpointStore(folder.path);
    const text = () => readFile(join(folder.path, 'monday.json'), 'utf8');
    const metadata = [
      '  "checkpoint": {',
      '    "name": "monday",',
      '    "creationTimeSeconds": 1700000000,',
      '    "disks": [',
      '      {',
      '        "diskTarget": "vda",',
      '        "bitmap": "monday",',
      '        "madeOn": "/images/vda-active.qcow2"',
      '      }',
      '    ]',
      '  }',
      '}',
      '',
    ];
    const plan = planCreateCheckpoint(fresh, { name: 'monday' }, { now });
    await store.run(fresh, plan, async () => {
      expect(await text()).toBe(
        ['{', '  "version": 1,', '  "state": "pending",', '  "order": 1,', ...metadata].join('\n'),
      );
    });
    const confirmed = ['{', '  "version": 1,', '  "state": "confirmed",', '  "order": 1,', '  "current": 1,'];
    expect(await text()).toBe([...confirmed, ...metadata].join('\n'));
    await store.run(plan.next, planDeleteCheckpoint(plan.next, 'monday'), async () => {
      expect(JSON.parse(await text())).toEqual({
        ...JSON.parse([...confirmed, ...metadata].join('\n')),
        state: 'deleting',
        deletion: {
          kind: 'delete',
          checkpoints: ['monday'],
          bitmaps: [{ checkpoint: 'monday', diskTarget: 'vda', bitmap: 'monday', layers: 1 }],
          reopenedNodes: [],
        },
      });
    });
    expect(await readdir(folder.path)).toEqual(['lock']);
  });

  it.each<[string, readonly string[]]>([
    ['names that objects have', ['__proto__', 'constructor', 'toString', 'hasOwnProperty']],
    ['numbers', ['10', '2', '1']],
    ['names that differ in case only', ['monday', 'Monday', 'MONDAY']],
    ['names that look like files', ['lock', 'a.json', 'a', '-', 'x.tmp']],
    ['the longest name', ['n'.repeat(250)]],
  ])('keeps %s, in their order', async (_, names) => {
    await using folder = await temporaryFolder();
    {
      await using store = await checkpointStore(folder.path);
      for (const name of names) await create(store, name);
    }
    await using store = await checkpointStore(folder.path);
    const { checkpoints } = await store.load();
    expect(checkpoints.checkpoints.map(({ name }) => name)).toEqual(names);
    expect(checkpoints.current).toBe(names.at(-1));
    expect(checkpoints.checkpoints.map(({ parent }) => parent)).toEqual([undefined, ...names.slice(0, -1)]);
  });

  it('leaves alone what is not its own', async () => {
    await using folder = await temporaryFolder();
    const others = ['notes.txt', '.hidden.json', 'my notes.json', 'ä.json', 'README'];
    for (const name of others) await writeFile(join(folder.path, name), 'mine');
    await using store = await checkpointStore(folder.path);
    await store.save(line('a', 'b'));
    await store.save({ checkpoints: [] });
    expect((await readdir(folder.path)).toSorted()).toEqual([...others, 'lock'].toSorted());
    expect(await readFile(join(folder.path, 'my notes.json'), 'utf8')).toBe('mine');
  });

  it('goes by the name in a file, not by that of the file', async () => {
    await using folder = await temporaryFolder();
    {
      await using store = await checkpointStore(folder.path);
      await store.save(line('monday'));
    }
    const text = await readFile(join(folder.path, 'monday.json'), 'utf8');
    await writeFile(join(folder.path, 'monday.json'), text.replace('"monday"', '"tuesday"'));
    await using store = await checkpointStore(folder.path);
    expect((await store.load()).checkpoints.current).toBe('tuesday');
    const { checkpoints } = (await store.load()).checkpoints;
    const error = await rejection(store.save(tree([...checkpoints, lone('monday')])));
    expect(error).toMatchObject({ kind: 'name-clash', path: join(folder.path, 'monday.json') });
    expect((await store.load()).checkpoints.current).toBe('tuesday');
    await store.save({ checkpoints: [] });
    expect(await readdir(folder.path)).toEqual(['lock']);
  });

  it('removes what a crash left of a file that was being written', async () => {
    await using folder = await temporaryFolder();
    await writeFile(join(folder.path, '.writing.tmp'), '{ "vers');
    await using reader = await checkpointStore(folder.path, { readOnly: true });
    expect((await reader.load()).checkpoints.checkpoints).toEqual([]);
    expect(await readdir(folder.path)).toEqual(['.writing.tmp']);
    await using _store = await checkpointStore(folder.path);
    expect(await readdir(folder.path)).toEqual(['lock']);
  });
});

describe('handles of one store', () => {
  it('are refused for writing where one is open for writing, in the same process too', async () => {
    await using folder = await temporaryFolder();
    {
      await using _first = await checkpointStore(folder.path);
      const error = await rejection(checkpointStore(folder.path));
      expect(error).toMatchObject({ kind: 'locked', path: folder.path, details: { holderPid: process.pid } });
      expect(isStoreError(error)).toBe(true);
    }
    await using _second = await checkpointStore(folder.path);
  });

  it('name no holder where none has told its number yet', async () => {
    await using folder = await temporaryFolder();
    await using _first = await checkpointStore(folder.path);
    await writeFile(join(folder.path, 'lock'), 'nobody');
    expect(await rejection(checkpointStore(folder.path))).toMatchObject({
      details: { kind: 'locked', path: folder.path },
    });
  });

  it('are not opened where the program that locks is missing, which is named with its package', async () => {
    await using folder = await temporaryFolder();
    vi.stubEnv('PATH', folder.path);
    try {
      const error = (await rejection(checkpointStore(join(folder.path, 'store')))) as Error;
      expect(error).toMatchObject({ kind: 'lock-unavailable' });
      expect(error.message).toContain('util-linux');
    } finally {
      vi.unstubAllEnvs();
    }
  });

  it('are not opened where that program fails', async () => {
    await using folder = await temporaryFolder();
    await writeFile(join(folder.path, 'flock'), '#!/bin/sh\necho "no locks available" >&2\nexit 71\n', { mode: 0o700 });
    vi.stubEnv('PATH', `${folder.path}:${process.env['PATH']}`);
    try {
      const error = (await rejection(checkpointStore(join(folder.path, 'store')))) as Error;
      expect(error).toMatchObject({ kind: 'io', details: { operation: 'lock' } });
      expect(error.message).toContain('no locks available');
    } finally {
      vi.unstubAllEnvs();
    }
  });

  it('for reading need no lock, and see what was written last', async () => {
    await using folder = await temporaryFolder();
    await using writer = await checkpointStore(folder.path);
    await using reader = await checkpointStore(folder.path, { readOnly: true });
    await using another = await checkpointStore(folder.path, { readOnly: true });
    await create(writer, 'monday');
    for (const each of [reader, another]) expect((await each.load()).checkpoints.current).toBe('monday');
    await create(writer, 'tuesday');
    for (const each of [reader, another]) expect((await each.load()).checkpoints.current).toBe('tuesday');
  });

  it('for reading change nothing', async () => {
    const files = memoryFiles();
    await using reader = await openStore('/store', { readOnly: true }, files);
    const { next } = planCreateCheckpoint(fresh, { name: 'a' }, { now });
    const execute = vi.fn();
    for (const refused of [
      reader.save(line('a')),
      reader.run(fresh, { steps: [], next }, execute),
      reader.settle({ steps: [], next, decisions: [] }),
    ]) {
      expect(await rejection(refused)).toMatchObject({ kind: 'read-only' });
    }
    expect(execute).not.toHaveBeenCalled();
    expect(files.operations).toEqual([]);
  });

  it('for reading do not make a store', async () => {
    await using folder = await temporaryFolder();
    const path = join(folder.path, 'store');
    expect(await rejection(checkpointStore(path, { readOnly: true }))).toMatchObject({ kind: 'not-found', path });
    expect(await readdir(folder.path)).toEqual([]);
  });

  it('are of no use once closed; closing twice does no harm', async () => {
    await using folder = await temporaryFolder();
    const store = await checkpointStore(folder.path);
    await Promise.all([store.close(), store.close()]);
    await store.close();
    for (const refused of [store.load(), store.save(line('a'))]) {
      expect(await rejection(refused)).toMatchObject({ kind: 'closed', path: folder.path });
    }
  });

  it('wait with closing for the change that is under way', async () => {
    const machine = newMachine();
    const store = await open(machine);
    const given = await observe(machine, store);
    const plan = planCreateCheckpoint(given, { name: 'a' }, { now });
    let closing: Promise<void> | undefined;
    await store.run(given, plan, async () => {
      closing = store.close();
      expect(await rejection(open(machine))).toMatchObject({ kind: 'locked' });
      await send(machine, plan);
    });
    await closing;
    await using again = await open(machine);
    expect((await again.load()).checkpoints).toEqual(plan.next.checkpoints);
  });

  it('cannot be had where the folder cannot be made', async () => {
    await using folder = await temporaryFolder();
    await writeFile(join(folder.path, 'file'), '');
    const path = join(folder.path, 'file', 'store');
    const error = (await rejection(checkpointStore(path))) as Error;
    expect(error).toMatchObject({ kind: 'io', path, details: { operation: 'make' } });
    expect(error.message).toContain('ENOTDIR');
    expect(error.cause).toMatchObject({ code: 'ENOTDIR' });
  });

  it('let go of the lock where what a crash left cannot be removed', async () => {
    await using folder = await temporaryFolder();
    await mkdir(join(folder.path, '.writing.tmp'));
    expect(await rejection(checkpointStore(folder.path))).toMatchObject({
      kind: 'io',
      path: join(folder.path, '.writing.tmp'),
      details: { operation: 'remove' },
    });
    const lock = await machineFiles.lock(folder.path);
    await lock.release();
  });
});

describe('run', () => {
  it('gives what the plan’s execution gives, and has noted what it is about meanwhile', async () => {
    await using store = await openStore('/store', {}, memoryFiles());
    const plan = planCreateCheckpoint(fresh, { name: 'a' }, { now });
    const result = await store.run(fresh, plan, async () => {
      const { checkpoints, pending } = await store.load();
      expect(checkpoints).toEqual({ checkpoints: [] });
      expect(pending).toEqual([{ kind: 'create', checkpoint: plan.next.checkpoints.checkpoints[0] }]);
      return 42;
    });
    expect(result).toBe(42);
    expect(await store.load()).toEqual({ checkpoints: plan.next.checkpoints, pending: [], chainChanges: [] });
  });

  it('saves a plan that makes and deletes nothing without a note', async () => {
    const files = memoryFiles();
    await using store = await openStore('/store', {}, files);
    const given = { ...fresh, checkpoints: (await store.load()).checkpoints };
    const plan = planRedefineCheckpoint(given, [lone('b', 'a'), lone('a')]);
    await store.run(given, plan, async () => expect(files.operations).toEqual([]));
    expect((await store.load()).checkpoints).toEqual(plan.next.checkpoints);
  });

  it('writes nothing that a checkpoint does not have, and keeps nothing that can still be changed', async () => {
    const files = memoryFiles();
    await using store = await openStore('/store', {}, files);
    const { next, steps } = planCreateCheckpoint(fresh, { name: 'a' }, { now });
    const [made] = next.checkpoints.checkpoints;
    const mine = { ...(made as Checkpoint), note: 'mine' };
    const plan = { steps, next: { ...next, checkpoints: tree([mine]) } };
    await store.run(fresh, plan, async () => {
      expect(files.show()['a.json']).not.toContain('mine');
      expect((await store.load()).pending).toStrictEqual([{ kind: 'create', checkpoint: made }]);
    });
    const { checkpoints } = await store.load();
    expect(checkpoints).toStrictEqual(next.checkpoints);
    expect([checkpoints, checkpoints.checkpoints, ...checkpoints.checkpoints].every(Object.isFrozen)).toBe(true);
  });

  it('leaves the note where the execution fails, and passes the error on as it is', async () => {
    const machine = newMachine();
    await using store = await open(machine);
    const given = await observe(machine, store);
    const plan = planCreateCheckpoint(given, { name: 'a' }, { now });
    const failure = new Error('QEMU said no');
    expect(await rejection(store.run(given, plan, () => Promise.reject(failure)))).toBe(failure);
    expect((await store.load()).pending).toMatchObject([{ kind: 'create', checkpoint: { name: 'a' } }]);

    const reconciliation = await reconcile(await observe(machine, store), store);
    expect(reconciliation.decisions).toMatchObject([{ checkpoint: 'a', verdict: 'drop' }]);
    await store.settle(reconciliation);
    expect(await store.load()).toEqual({ checkpoints: { checkpoints: [] }, pending: [], chainChanges: [] });
  });

  it.each<[string, unknown]>([
    ['nothing was sent', new CheckpointError([problem({ code: 'command-unsupported', command: 'transaction' })])],
    ['all was put back', Object.assign(new Error('refused'), { outcome: 'undone' })],
  ])('takes the note back where the failure says that %s, whatever the disks show', async (_, failure) => {
    const machine = newMachine();
    await using store = await open(machine);
    const made = planCreateCheckpoint(await observe(machine, store), { name: 'a' }, { now });
    await store.run(await observe(machine, store), made, () => send(machine, made));
    const before = await store.load();
    const given = await observe(machine, store);
    for (const plan of [planCreateCheckpoint(given, { name: 'b' }, { now }), planDeleteCheckpoint(given, 'a')]) {
      expect(await rejection(store.run(given, plan, () => Promise.reject(failure)))).toBe(failure);
      expect(await store.load()).toEqual(before);
    }
  });

  it('saves the outcome where the failure says that all is done, and passes it on as it is', async () => {
    const machine = newMachine();
    await using store = await open(machine);
    const given = await observe(machine, store);
    const plan = planCreateCheckpoint(given, { name: 'a' }, { now });
    const failure = Object.assign(new Error('the guest hangs'), { outcome: 'done' });
    expect(await rejection(store.run(given, plan, () => Promise.reject(failure)))).toBe(failure);
    expect(await store.load()).toEqual({ checkpoints: plan.next.checkpoints, pending: [], chainChanges: [] });
  });

  it('goes on after that with the same handle', async () => {
    const machine = newMachine();
    await using store = await open(machine);
    const given = await observe(machine, store);
    const a = planCreateCheckpoint(given, { name: 'a' }, { now });
    const lost = store.run(given, a, async () => {
      await send(machine, a);
      throw new Error('the reply was lost');
    });
    await rejection(lost);
    const b = planCreateCheckpoint(await observe(machine, store), { name: 'b' }, { now: now + 1 });
    await store.run(await observe(machine, store), b, () => send(machine, b));
    const reconciliation = await reconcile(await observe(machine, store), store);
    await store.settle(reconciliation);
    const { checkpoints } = await store.load();
    // The one whose fate was unknown is told after the one that came later, which stays current.
    expect(checkpoints.checkpoints.map(({ name }) => name)).toEqual(['b', 'a']);
    expect(checkpoints.current).toBe('b');
  });

  it('refuses a plan made from other checkpoints than those that are kept', async () => {
    await using store = await openStore('/store', {}, memoryFiles());
    await create(store, 'a');
    const execute = vi.fn();
    const plan = planCreateCheckpoint(fresh, { name: 'b' }, { now });
    expect(await rejection(store.run(fresh, plan, execute))).toMatchObject({ kind: 'stale', path: '/store' });
    expect(execute).not.toHaveBeenCalled();
    expect((await store.load()).checkpoints.current).toBe('a');
  });

  it('refuses a second change while one is under way, so that neither forgets the other', async () => {
    await using store = await openStore('/store', {}, memoryFiles());
    const plan = planCreateCheckpoint(fresh, { name: 'a' }, { now });
    await store.run(fresh, plan, async () => {
      expect(await rejection(store.save(line('x')))).toMatchObject({ kind: 'busy', path: '/store' });
    });
    expect((await store.load()).checkpoints).toEqual(plan.next.checkpoints);
  });

  it('tells where the outcome cannot be saved, and knows afterwards what is in the files', async () => {
    const machine = newMachine();
    await using store = await open(machine);
    const given = await observe(machine, store);
    const plan = planCreateCheckpoint(given, { name: 'a' }, { now });
    const full = vi.spyOn(machine.files, 'write');
    const failed = store.run(given, plan, async () => {
      await send(machine, plan);
      full.mockRejectedValueOnce(new Error('no space left'));
    });
    expect(await rejection(failed)).toMatchObject({ message: 'no space left' });
    const reconciliation = await reconcile(await observe(machine, store), store);
    expect(reconciliation.decisions).toMatchObject([{ checkpoint: 'a', verdict: 'confirm' }]);
    await store.settle(reconciliation);
    expect((await store.load()).checkpoints).toEqual(plan.next.checkpoints);
  });

  it('reads the files only once', async () => {
    const files = memoryFiles();
    await using store = await openStore('/store', {}, files);
    await create(store, 'a');
    const read = vi.spyOn(files, 'read');
    const list = vi.spyOn(files, 'list');
    await create(store, 'b');
    await create(store, 'c');
    expect(read).not.toHaveBeenCalled();
    expect(list).not.toHaveBeenCalled();
  });
});

describe('what is pending', () => {
  /** A store with a, b (under a) and c (under b), in which making d and deleting b with all below it were begun. */
  async function withPending() {
    const machine = newMachine();
    const store = await open(machine);
    for (const name of ['a', 'b', 'c']) {
      await change(machine, store, (given) => planCreateCheckpoint(given, { name }, { now }));
    }
    const given = await observe(machine, store);
    const fail = () => Promise.reject(new Error('no'));
    await rejection(store.run(given, planCreateCheckpoint(given, { name: 'd' }, { now }), fail));
    await rejection(store.run(given, planDeleteCheckpoint(given, 'b', { children: 'delete' }), fail));
    return { machine, store, given };
  }

  it('is given oldest first, with what is being deleted still in the tree', async () => {
    const { store, given } = await withPending();
    const { checkpoints, pending } = await store.load();
    expect(checkpoints).toEqual(given.checkpoints);
    expect(pending.map((each) => (each.kind === 'create' ? each.checkpoint.name : each.checkpoints))).toEqual([
      ['b', 'c'],
      'd',
    ]);
  });

  it.each<[string, (given: Domain) => Domain['checkpoints'], readonly string[]]>([
    ['makes one that is being made', ({ checkpoints }) => tree([...checkpoints.checkpoints, lone('d')]), ['d']],
    ['deletes one that is being deleted', ({ checkpoints }) => tree(checkpoints.checkpoints.slice(0, 2)), ['c']],
    ['deletes all that are being deleted', ({ checkpoints }) => tree(checkpoints.checkpoints.slice(0, 1)), ['b', 'c']],
  ])('is not touched by a change that %s', async (_, next, checkpoints) => {
    const { machine, store, given } = await withPending();
    const before = machine.files.show();
    const refused = { kind: 'unsettled', details: { kind: 'unsettled', path: '/store', checkpoints } };
    expect(await rejection(store.save(next(given)))).toMatchObject(refused);
    const execute = vi.fn();
    const plan = { steps: [], next: { ...given, checkpoints: next(given) } };
    expect(await rejection(store.run(given, plan, execute))).toMatchObject(refused);
    expect(execute).not.toHaveBeenCalled();
    expect(machine.files.show()).toEqual(before);
  });

  it('stays as it is while others are changed', async () => {
    const { store, given } = await withPending();
    const before = await store.load();
    const changed = given.checkpoints.checkpoints.map((each) => ({ ...each, description: 'new' }));
    await store.save(tree([...changed, lone('e', 'c')]));
    const after = await store.load();
    expect(after.pending).toEqual(before.pending);
    expect(after.checkpoints).toEqual(tree([...changed, lone('e', 'c')]));
  });

  it('is settled by what a reconciliation decided', async () => {
    const { machine, store, given } = await withPending();
    const reconciliation = await reconcile(await observe(machine, store), store);
    expect(reconciliation.decisions.map(({ checkpoint, verdict }) => `${checkpoint}: ${verdict}`)).toEqual([
      'b: keep',
      'c: keep',
      'd: drop',
    ]);
    await store.settle(reconciliation);
    expect(await store.load()).toEqual({ checkpoints: given.checkpoints, pending: [], chainChanges: [] });
  });

  it('stays where it is undecided, and is dropped where that is asked for', async () => {
    const { machine, store, given } = await withPending();
    const before = machine.files.show();
    const withoutDisks = { ...given, disks: [] };
    await store.settle(await reconcile(withoutDisks, store));
    expect(machine.files.show()).toEqual(before);
    await store.settle(await reconcile(withoutDisks, store, { dropUndecided: true }));
    expect(await store.load()).toEqual({
      checkpoints: tree(given.checkpoints.checkpoints.slice(0, 1)),
      pending: [],
      chainChanges: [],
    });
  });

  it.each<[string, (given: Domain) => Parameters<CheckpointStore['settle']>[0]]>([
    ['was settled before', (given) => planReconcile(given, [{ kind: 'create', checkpoint: lone('gone') }])],
    [
      'knows nothing of a checkpoint that came since',
      (given) => planReconcile({ ...given, checkpoints: tree(given.checkpoints.checkpoints.slice(0, 2)) }, []),
    ],
    [
      'knows a checkpoint that has gone since',
      (given) => planReconcile({ ...given, checkpoints: tree([...given.checkpoints.checkpoints, lone('x')]) }, []),
    ],
    [
      'knows an older form of a checkpoint',
      (given) =>
        planReconcile(
          {
            ...given,
            checkpoints: tree(given.checkpoints.checkpoints.map((each) => ({ ...each, description: 'old' }))),
          },
          [],
        ),
    ],
    [
      'makes another checkpoint of the same name',
      (given) => planReconcile(given, [{ kind: 'create', checkpoint: lone('d') }]),
    ],
  ])('is not settled by a reconciliation that %s', async (_, make) => {
    const { machine, store, given } = await withPending();
    const before = machine.files.show();
    expect(await rejection(store.settle(make(given)))).toMatchObject({ kind: 'stale', path: '/store' });
    expect(machine.files.show()).toEqual(before);
  });
});

describe('what cannot be stored', () => {
  it.each<[string, (store: CheckpointStore) => Promise<unknown>]>([
    ['a saved tree', (store) => store.save(tree([lone('n'.repeat(251)), lone('o'.repeat(300))]))],
    [
      'a run',
      (store) => {
        const plan = planRedefineCheckpoint(fresh, [lone('n'.repeat(251)), lone('o'.repeat(300))]);
        return store.run(fresh, plan, () => Promise.reject(new Error('this is not to be executed')));
      },
    ],
  ])('has all names that are too long told before anything is written: %s', async (_, write) => {
    const files = memoryFiles();
    await using store = await openStore('/store', {}, files);
    const error = await rejection(write(store));
    expect(isCheckpointError(error) && codesOf(error.problems)).toEqual([
      'checkpoint-name-too-long',
      'checkpoint-name-too-long',
    ]);
    expect(files.operations).toEqual([]);
  });

  it.each<[string, unknown, string]>([
    ['nothing', undefined, 'invalid-input'],
    ['no tree', { checkpoints: 'a' }, 'invalid-input'],
    ['a child without its parent', tree([lone('b', 'a')]), 'parent-not-found'],
    ['two of one name', tree([lone('a'), lone('a')]), 'checkpoint-duplicate'],
  ])('is refused: %s', async (_, given, code) => {
    const files = memoryFiles();
    await using store = await openStore('/store', {}, files);
    const error = await rejection(store.save(given as Domain['checkpoints']));
    expect(isCheckpointError(error) && codesOf(error.problems)).toContain(code);
    expect(files.operations).toEqual([]);
  });

  it('is a name that differs in case only, where case does not count', async () => {
    const machine = { ...newMachine(), files: memoryFiles({ ignoreCase: true }) };
    await using store = await open(machine);
    await change(machine, store, (given) => planCreateCheckpoint(given, { name: 'monday' }, { now }));
    const before = machine.files.show();
    const given = await observe(machine, store);
    const execute = vi.fn();
    const refused = store.run(given, planCreateCheckpoint(given, { name: 'Monday' }, { now }), execute);
    expect(await rejection(refused)).toMatchObject({
      kind: 'name-clash',
      path: '/store/Monday.json',
      details: { checkpoint: 'Monday' },
    });
    expect(execute).not.toHaveBeenCalled();
    expect(machine.files.show()).toEqual(before);
    await change(machine, store, (each) => planDeleteCheckpoint(each, 'monday'));
    await change(machine, store, (each) => planCreateCheckpoint(each, { name: 'Monday' }, { now }));
    expect(Object.keys(machine.files.show())).toEqual(['Monday.json']);
  });
});

describe('how little is written', () => {
  const operationsOf = async (before: readonly Checkpoint[], after: Domain['checkpoints']) => {
    const files = memoryFiles();
    await using store = await openStore('/store', {}, files);
    await store.save(tree(before));
    const start = files.operations.length;
    await store.save(after);
    return files.operations.slice(start).filter((each) => /rename|remove/.test(each));
  };
  const three = [lone('a'), lone('b', 'a'), lone('c', 'b')];

  it.each<[string, Domain['checkpoints'], readonly string[]]>([
    ['nothing, where nothing differs', tree(three), []],
    ['only what is new', tree([...three, lone('d', 'c')]), ['rename to d.json']],
    [
      'only what changed',
      tree([lone('a'), { ...lone('b', 'a'), description: 'x' }, lone('c', 'b')]),
      ['rename to b.json'],
    ],
    [
      'the children of what goes, then who is current, before it goes',
      tree([lone('a'), lone('b', 'a')]),
      ['rename to b.json', 'remove c.json'],
    ],
    [
      'parents before children, whatever their order',
      tree([...three, lone('e', 'd'), lone('d', 'c')]),
      ['rename to d.json', 'rename to e.json'],
    ],
    ['children go before parents', { checkpoints: [] }, ['remove c.json', 'remove b.json', 'remove a.json']],
    ['one file, where none is to be current', { checkpoints: three }, ['rename to a.json']],
    [
      'what stands behind one put in between',
      tree([lone('a'), lone('x'), lone('b', 'a'), lone('c', 'b')]),
      ['rename to x.json', 'rename to b.json', 'rename to c.json'],
    ],
  ])('%s', async (_, after, operations) => {
    expect(await operationsOf(three, after)).toEqual(operations);
  });
});

it('a domain can be reconciled with whatever checkpoints it was observed with', async () => {
  await using store = await openStore('/store', {}, memoryFiles());
  await create(store, 'a');
  const given = domain({ disks: [disk('vda', chain('vda', [['a']]))] });
  const { next, steps, decisions } = await reconcile(given, store);
  expect({ steps, decisions }).toEqual({ steps: [], decisions: [] });
  expect(next.checkpoints).toEqual((await store.load()).checkpoints);
});
