import { fork } from 'node:child_process';
import { on, once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { type Domain, planCreateCheckpoint } from '../../src/index.js';
import { checkpointStore } from '../../src/store/checkpoint-store.js';
import { reconcile } from '../../src/store/reconcile.js';
import { chain, disk, freshDomain, now } from '../support/builders.js';
import { temporaryFolder } from '../support/qemu/temporary-folder.js';
import { rejection } from '../support/rejection.js';
import { fileQemu, saveDisks } from '../support/store-child.js';

const script = fileURLToPath(new URL('../support/store-child.ts', import.meta.url));

/** A process of its own, killed and gone at the end. */
interface Child extends AsyncDisposable {
  readonly pid: number | undefined;
  /** What it tells next. */
  message(): Promise<unknown>;
  kill(): Promise<void>;
}

function start(task: 'hold' | 'open' | 'work', folder: string): Child {
  const child = fork(script, [task, folder], { execArgv: ['--import', 'tsx'] });
  const gone = once(child, 'exit');
  const messages = on(child, 'message', { close: ['exit'] });
  const kill = async () => {
    child.kill('SIGKILL');
    await gone;
  };
  return {
    pid: child.pid,
    async message() {
      const { value, done } = await messages.next();
      if (done) throw new Error(`the process has ended with ${await gone}`);
      return value[0];
    },
    kill,
    [Symbol.asyncDispose]: kill,
  };
}

const twoDisks = freshDomain(disk('vda'), disk('vdb', chain('vdb', [[], []])));

async function newFolder() {
  const folder = await temporaryFolder();
  await saveDisks(folder.path, twoDisks);
  return folder;
}

const storeIn = (folder: string) => join(folder, 'store');

async function createThere(folder: string, name: string): Promise<void> {
  const qemu = fileQemu(folder);
  await using store = await checkpointStore(storeIn(folder));
  const domain: Domain = { ...(await qemu.observe()), checkpoints: (await store.load()).checkpoints };
  const plan = planCreateCheckpoint(domain, { name }, { now });
  await store.run(domain, plan, () => qemu.send(plan));
}

describe('two processes on one store', () => {
  it('let one work and refuse the other, naming the first; once that is killed the lock is free at once', async () => {
    await using folder = await newFolder();
    await createThere(folder.path, 'monday');
    await using holder = start('hold', folder.path);
    const { grandchild, checkpoints } = (await holder.message()) as { grandchild: number; checkpoints: unknown };

    await using other = start('open', folder.path);
    const path = storeIn(folder.path);
    const text = `the store ${path} is open for writing elsewhere, by process ${holder.pid}; close it there, or open it here with readOnly`;
    expect(await other.message()).toEqual({ error: { kind: 'locked', message: text } });
    expect(await rejection(checkpointStore(path))).toMatchObject({
      kind: 'locked',
      details: { kind: 'locked', path, holderPid: holder.pid },
    });
    await using reader = await checkpointStore(path, { readOnly: true });
    expect((await reader.load()).checkpoints).toEqual(checkpoints);

    await holder.kill();
    // What the dead process had started lives on, without the lock.
    expect(() => process.kill(grandchild, 0)).not.toThrow();
    try {
      await createThere(folder.path, 'tuesday');
    } finally {
      process.kill(grandchild);
    }
    expect((await reader.load()).checkpoints.checkpoints.map(({ name }) => name)).toEqual(['monday', 'tuesday']);
  });

  it('let the other in once the first has closed it', async () => {
    await using folder = await newFolder();
    await createThere(folder.path, 'monday');
    await using other = start('open', folder.path);
    expect(await other.message()).toEqual({ opened: storeIn(folder.path) });
  });
});

describe('a process that is killed while it makes and deletes checkpoints', () => {
  it('leaves a store that can be opened at once, and agrees with the disks after a reconciliation', {
    timeout: 240_000,
  }, async () => {
    await using folder = await newFolder();
    const endings = new Map<string, number>();
    for (let life = 0; life < 24; life += 1) {
      await using child = start('work', folder.path);
      const phases = 1 + ((life * 7) % 23);
      let told: unknown;
      for (let phase = 0; phase < phases; phase += 1) told = await child.message();
      await child.kill();
      const left = await settleThere(folder.path);
      const ending = `${told}, ${left}`;
      endings.set(ending, (endings.get(ending) ?? 0) + 1);
    }
    // The kills came at different moments.
    expect(endings.size).toBeGreaterThan(3);
  });
});

/** Ends what was begun and compares metadata and disks. @returns What was pending. */
async function settleThere(folder: string): Promise<string> {
  const qemu = fileQemu(folder);
  await using store = await checkpointStore(storeIn(folder));
  const reconciliation = await reconcile(await qemu.observe(), store);
  await qemu.send(reconciliation);
  await store.settle(reconciliation);
  const { checkpoints, pending } = await store.load();
  expect(pending).toEqual([]);
  const names = checkpoints.checkpoints.map(({ name }) => name).toSorted();
  for (const { backingChain } of (await qemu.observe()).disks) {
    expect(backingChain.flatMap(({ bitmaps }) => bitmaps.map(({ name }) => name)).toSorted()).toEqual(names);
  }
  return reconciliation.decisions.map(({ change, verdict }) => `${change}: ${verdict}`).join() || 'nothing';
}
