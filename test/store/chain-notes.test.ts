import { describe, expect, it, vi } from 'vitest';
import { planCommit } from '../../src/core/plan/commit.js';
import { pendingChainChangeOf } from '../../src/core/plan/pending-chain-change.js';
import { planResumeJob } from '../../src/core/plan/resume-job.js';
import { planTakeSnapshot } from '../../src/core/plan/take-snapshot.js';
import type { Domain, Plan } from '../../src/index.js';
import type { CheckpointStore } from '../../src/store/checkpoint-store.js';
import { openStore } from '../../src/store/open-store.js';
import { now, tree } from '../support/builders.js';
import { imageOf, layered, origins } from '../support/layers.js';
import { rejection } from '../support/rejection.js';
import { type Crash, type MemoryFiles, memoryFiles } from '../support/store-memory-files.js';

const commit = planCommit(layered, { diskTarget: 'vda', topNodeName: 'vda-active', baseNodeName: 'vda-1' });
const note = pendingChainChangeOf(layered, commit);
const jobId = 'checkpoint-commit-vda-vda-active-vda-1';

async function withTree(): Promise<{ readonly files: MemoryFiles; readonly store: CheckpointStore }> {
  const files = memoryFiles();
  const store = await openStore('/store', {}, files);
  await store.save(layered.checkpoints);
  return { files, store };
}

const run = async (store: CheckpointStore, plan: Plan, execute: () => Promise<unknown> = async () => undefined) =>
  await store.run({ ...layered, checkpoints: (await store.load()).checkpoints }, plan, execute);
const originsIn = async (store: CheckpointStore) =>
  origins({ ...layered, checkpoints: (await store.load()).checkpoints });

describe('a change of layers', () => {
  it('is noted while it runs, and saved and forgotten once it has succeeded', async () => {
    const { files, store } = await withTree();
    await run(store, commit, async () => {
      expect((await store.load()).chainChanges).toEqual([note]);
      expect(Object.keys(files.show())).toContain('vda.change');
    });
    expect((await store.load()).chainChanges).toEqual([]);
    expect(await originsIn(store)).toEqual(origins(commit.next));
    expect(Object.keys(files.show())).not.toContain('vda.change');
  });

  it.each<[string, unknown, boolean]>([
    ['forgotten where all was put back', Object.assign(new Error('no'), { outcome: 'undone' }), false],
    ['kept where something was not', Object.assign(new Error('no'), { outcome: 'partly' }), true],
    ['kept where nobody knows', new Error('gone'), true],
  ])('is %s', async (_, failure, isKept) => {
    const { store } = await withTree();
    expect(await rejection(run(store, commit, () => Promise.reject(failure)))).toBe(failure);
    expect((await store.load()).chainChanges).toEqual(isKept ? [note] : []);
    expect((await store.load()).checkpoints).toEqual(layered.checkpoints);
  });

  it('is saved and forgotten where the failure says that all is done', async () => {
    const { store } = await withTree();
    const failure = Object.assign(new Error('the guest hangs'), { outcome: 'done' });
    expect(await rejection(run(store, commit, () => Promise.reject(failure)))).toBe(failure);
    expect((await store.load()).chainChanges).toEqual([]);
    expect(await originsIn(store)).toEqual(origins(commit.next));
  });

  it('keeps all others out until it has ended, for they may be about layers that go', async () => {
    const { store } = await interrupted();
    const execute = vi.fn();
    const refused = { kind: 'unsettled', details: { disks: ['vda'] } };
    const error = await rejection(run(store, commit, execute));
    expect(error).toMatchObject(refused);
    expect(String(error)).toContain('a change of the layers of disk vda in /store was begun and not ended');
    expect(execute).not.toHaveBeenCalled();
  });

  it('is noted beside the checkpoint that begins with a snapshot', async () => {
    const { store } = await withTree();
    const overlay = { nodeName: 'new', filename: imageOf('new') };
    const request = { disks: [{ diskTarget: 'vda', overlay }], checkpoint: { name: 'd' } };
    const plan = planTakeSnapshot(layered, request, { now });
    await rejection(run(store, plan, () => Promise.reject(new Error('gone'))));
    const { pending, chainChanges } = await store.load();
    expect(pending).toMatchObject([{ kind: 'create', checkpoint: { name: 'd' } }]);
    expect(chainChanges).toMatchObject([{ diskTarget: 'vda', receiver: { nodeName: 'new' } }]);
  });

  it('tells by itself which checkpoints end with it', async () => {
    const { store } = await withTree();
    const plan = {
      ...commit,
      next: { ...commit.next, checkpoints: tree(commit.next.checkpoints.checkpoints.slice(0, 2)) },
    };
    await rejection(run(store, plan, () => Promise.reject(new Error('gone'))));
    expect(await store.load()).toMatchObject({ pending: [], chainChanges: [{ ended: ['c'] }] });
    await store.settle(
      planResumeJob({ ...commit.next, checkpoints: layered.checkpoints }, [], (await store.load()).chainChanges),
    );
    expect((await store.load()).checkpoints.checkpoints.map(({ name }) => name)).toEqual(['a', 'b']);
  });
});

/** A store in which a commit was begun. */
async function interrupted(): Promise<{ readonly files: MemoryFiles; readonly store: CheckpointStore }> {
  const made = await withTree();
  await rejection(run(made.store, commit, () => Promise.reject(new Error('gone'))));
  return made;
}

const resumed = async (domain: Domain, store: CheckpointStore) => {
  const { checkpoints, chainChanges } = await store.load();
  return planResumeJob({ ...domain, checkpoints }, [], chainChanges);
};

describe('an interrupted change of layers', () => {
  it.each<[string, Domain, Domain]>([
    ['that has happened is saved', commit.next, commit.next],
    ['that has not is taken back', layered, layered],
  ])('%s and forgotten when it is settled', async (_, seen, saved) => {
    const { store } = await interrupted();
    await store.settle(await resumed(seen, store));
    expect((await store.load()).chainChanges).toEqual([]);
    expect(await originsIn(store)).toEqual(origins(saved));
  });

  it('stays noted where nothing can be decided', async () => {
    const { files, store } = await interrupted();
    const before = files.show();
    await store.settle(await resumed({ ...layered, disks: [] }, store));
    expect(files.show()).toEqual(before);
  });

  it('is settled without a note where only its job was found', async () => {
    const { store } = await withTree();
    const otherNodes = layered.disks[0]?.backingChain.slice(0, 1) ?? [];
    const after = { ...commit.next, otherNodes, checkpoints: layered.checkpoints };
    await store.settle(planResumeJob(after, [{ id: jobId, status: 'concluded' }]));
    expect(await originsIn(store)).toEqual(origins(commit.next));
  });

  it.each<[string, (domain: Domain) => Domain]>([
    ['was settled before', (domain) => domain],
    [
      'knows nothing of a checkpoint',
      ({ checkpoints, ...rest }) => ({ ...rest, checkpoints: tree(checkpoints.checkpoints.slice(0, 2)) }),
    ],
    [
      'has another name for one',
      ({ checkpoints: { checkpoints }, ...rest }) => ({
        ...rest,
        checkpoints: tree(checkpoints.map((each) => ({ ...each, description: 'x' }))),
      }),
    ],
  ])('is not settled by a resumption that %s', async (what, change) => {
    const { files, store } = await interrupted();
    const resumption = await resumed(commit.next, store);
    if (what === 'was settled before') await store.settle(resumption);
    const before = files.show();
    const stale = { ...resumption, next: change(resumption.next) };
    expect(await rejection(store.settle(stale))).toMatchObject({ kind: 'stale' });
    expect(files.show()).toEqual(before);
  });

  it.each<[string, string, string]>([
    ['is no JSON', '{', 'damaged'],
    ['is none of this library', '{"change":{}}', 'damaged'],
    ['has no disk', '{"version":1,"change":{}}', 'damaged'],
    ['is of another version', '{"version":2,"change":{}}', 'version-unknown'],
  ])('is refused where its file %s', async (_, text, kind) => {
    const files = memoryFiles();
    files.put('vda.change', text);
    const store = await openStore('/store', {}, files);
    expect(await rejection(store.load())).toMatchObject({ kind, path: '/store/vda.change' });
  });

  it('has a file of its own whatever its disk is called', async () => {
    const { files, store } = await withTree();
    const named: Domain = { ...layered, disks: layered.disks.map((disk) => ({ ...disk, diskTarget: '../a b' })) };
    const plan = planCommit(named, { diskTarget: '../a b', topNodeName: 'vda-active', baseNodeName: 'vda-1' });
    await rejection(
      store.run(named, { ...plan, next: { ...plan.next, checkpoints: layered.checkpoints } }, () =>
        Promise.reject(new Error('gone')),
      ),
    );
    expect(Object.keys(files.show())).toContain('..%2Fa%20b.change');
    const reader = await openStore('/store', { readOnly: true }, files);
    expect(await reader.load()).toEqual(await store.load());
  });
});

describe.each<Crash>(['killed', 'power-lost', 'power-lost-reordered'])('a process that dies (%s)', (crash) => {
  it('at any moment leaves either tree, and the note as long as anything is left to do', async () => {
    const ends = new Set<string>();
    for (let moment = 0; moment < 60; moment += 1) {
      const { files, store } = await withTree();
      files.dieAfter(moment);
      let wasRun = false;
      await run(store, commit, async () => {
        wasRun = true;
      }).catch(() => undefined);
      const again = await openStore('/store', {}, files.restart(crash));
      const { chainChanges } = await again.load();
      if (wasRun && chainChanges.length === 0) expect(await originsIn(again)).toEqual(origins(commit.next));
      if (!wasRun) expect(await originsIn(again)).toEqual(origins(layered));
      await again.settle(await resumed(wasRun ? commit.next : layered, again));
      expect(await originsIn(again)).toEqual(origins(wasRun ? commit.next : layered));
      expect((await again.load()).chainChanges).toEqual([]);
      ends.add(`${wasRun} ${chainChanges.length}`);
    }
    expect([...ends]).toEqual(expect.arrayContaining(['false 0', 'true 1', 'true 0']));
  });
});
