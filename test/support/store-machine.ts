import { expect } from 'vitest';
import { type Domain, type Plan, parseCheckpointTree } from '../../src/index.js';
import type { CheckpointStore } from '../../src/store/checkpoint-store.js';
import { openStore } from '../../src/store/open-store.js';
import { reconcile } from '../../src/store/reconcile.js';
import { chain, disk, freshDomain } from './builders.js';
import { type Qemu, startQemu } from './model.js';
import { type Crash, type MemoryFiles, memoryFiles } from './store-memory-files.js';

/** A machine with its checkpoints: the model of QEMU, and the folder of its store. */
export interface Machine {
  readonly qemu: Qemu;
  readonly files: MemoryFiles;
  /** Names and disks; what is on them is for QEMU to say, what is kept for the store. */
  readonly domain: Domain;
}

/** Two disks, the second on two layers, and a store with nothing in it. */
export function newMachine(): Machine {
  const domain = freshDomain(disk('vda', chain('vda', [[]])), disk('vdb', chain('vdb', [[], []])));
  return { qemu: startQemu(domain), files: memoryFiles(), domain };
}

/** Gives every bitmap of an upper layer to the lower ones too: as if it was made there, and a snapshot was taken later. */
export function withSnapshot({ qemu, files, domain }: Machine): Machine {
  const seen = qemu.observe(domain);
  const disks = seen.disks.map((each) => ({
    ...each,
    backingChain: each.backingChain.map((node, layer) =>
      layer === 0 ? node : { ...node, bitmaps: each.backingChain[0]?.bitmaps ?? [] },
    ),
  }));
  return { qemu: startQemu({ ...seen, disks }), files, domain };
}

export const crashes: readonly Crash[] = ['killed', 'power-lost', 'power-lost-reordered'];

export function open({ files }: Machine): Promise<CheckpointStore> {
  return openStore('/store', {}, files);
}

/** The domain as it is now. */
export async function observe({ qemu, domain }: Machine, store: CheckpointStore): Promise<Domain> {
  const { checkpoints } = await store.load();
  return { ...qemu.observe(domain), checkpoints };
}

/** Plans on what is there now, and runs that in two phases. */
export async function change(machine: Machine, store: CheckpointStore, plan: (domain: Domain) => Plan): Promise<void> {
  const domain = await observe(machine, store);
  const planned = plan(domain);
  await store.run(domain, planned, () => send(machine, planned));
  expect((await store.load()).checkpoints).toStrictEqual(planned.next.checkpoints);
}

export async function send({ qemu }: Machine, { steps }: Plan): Promise<void> {
  for (const { command } of steps) qemu.execute(command);
}

/** What the next process finds: QEMU has not noticed, the folder is as the crash left it. */
export function afterCrash({ qemu, files, domain }: Machine, crash: Crash): Machine {
  return { qemu: startQemu(qemu.observe(domain)), files: files.restart(crash), domain };
}

/** Ends what was begun, as every process does that starts after a crash. */
export async function settle(machine: Machine, store: CheckpointStore): Promise<void> {
  const reconciliation = await reconcile(await observe(machine, store), store);
  await send(machine, reconciliation);
  await store.settle(reconciliation);
}

/**
 * Metadata agrees with the disks:
 *
 * 1. nothing is pending, and to reconcile again does nothing;
 * 2. every checkpoint has its bitmaps, and every bitmap its checkpoint;
 * 3. no layer below the active one was left open for writing;
 * 4. no file is left but those of the checkpoints.
 */
export async function expectAgreement(machine: Machine, store: CheckpointStore): Promise<void> {
  const { checkpoints, pending } = await store.load();
  const domain = await observe(machine, store);
  // 1
  expect(pending).toEqual([]);
  expect(await reconcile(domain, store)).toEqual({ steps: [], next: domain, decisions: [] });
  // 2
  const owned = checkpoints.checkpoints.flatMap(({ disks }) =>
    disks.flatMap(({ diskTarget, bitmap }) => (bitmap === undefined ? [] : [`${diskTarget}: ${bitmap}`])),
  );
  const there = domain.disks.flatMap(({ diskTarget, backingChain }) =>
    [...new Set(backingChain.flatMap(({ bitmaps }) => bitmaps.map(({ name }) => name)))].map(
      (name) => `${diskTarget}: ${name}`,
    ),
  );
  expect(there.toSorted()).toEqual(owned.toSorted());
  // 3
  for (const { backingChain } of domain.disks) {
    expect(backingChain.slice(1).filter(({ readOnly }) => !readOnly)).toEqual([]);
  }
  // 4
  const files = Object.keys(machine.files.show()).toSorted();
  expect(files).toEqual(checkpoints.checkpoints.map(({ name }) => `${name}.json`).toSorted());
  expect(parseCheckpointTree(checkpoints)).toStrictEqual(checkpoints);
}
