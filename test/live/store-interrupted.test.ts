import { join } from 'node:path';
import { expect, it } from 'vitest';
import {
  type CheckpointTree,
  type Domain,
  type Plan,
  planCreateCheckpoint,
  planDeleteCheckpoint,
} from '../../src/index.js';
import { type CheckpointStore, checkpointStore } from '../../src/store/checkpoint-store.js';
import { reconcile } from '../../src/store/reconcile.js';
import { layered } from '../record/worlds.js';
import { checkpoint, now, tree } from '../support/builders.js';
import { describeOnEachQemu } from '../support/qemu/describe-on-each-qemu.js';
import type { Qemu } from '../support/qemu/find-qemu.js';
import { lookAtDomain } from '../support/qemu/look-at-domain.js';
import { sendPlan } from '../support/qemu/send-plan.js';
import type { RunningQemu } from '../support/qemu/start-qemu.js';
import { temporaryFolder } from '../support/qemu/temporary-folder.js';
import { rejection } from '../support/rejection.js';

const disks = ['vda', 'vdb'];
const metadata = tree([
  checkpoint('monday', { disks }),
  checkpoint('tuesday', { disks, parent: 'monday' }),
  checkpoint('wednesday', { disks, parent: 'tuesday' }),
]);

const create = (domain: Domain) => planCreateCheckpoint(domain, { name: 'thursday' }, { now: now + 1 });
const remove = (domain: Domain) => planDeleteCheckpoint(domain, 'monday');

const base = 'Make layer "vda-base" of disk vda read-only again, which stores its other bitmaps.';
const middle = 'Make layer "vda-middle" of disk vda read-only again, which stores its other bitmaps.';

describeOnEachQemu('a change whose process ends after some of its steps', (qemu) => {
  it.each<[string, number, (domain: Domain) => Plan, { readonly verdict: string; readonly steps?: readonly string[] }]>(
    [
      ['a create, before its transaction', 0, create, { verdict: 'drop' }],
      ['a create, after its transaction', 1, create, { verdict: 'confirm' }],
      ['a delete, before its first step', 0, remove, { verdict: 'keep' }],
      ['a delete, with one layer open for writing', 1, remove, { verdict: 'keep', steps: [base] }],
      ['a delete, with two layers open for writing', 2, remove, { verdict: 'keep', steps: [base, middle] }],
      ['a delete, after its transaction', 3, remove, { verdict: 'drop', steps: [base, middle] }],
      ['a delete, with one layer still open', 4, remove, { verdict: 'drop', steps: [middle] }],
      ['a delete, after its last step', 5, remove, { verdict: 'drop' }],
    ],
  )('%s', async (_, steps, plan, expected) => {
    await using folder = await temporaryFolder();
    await using daemon = await layered(qemu, folder.path);
    const path = join(folder.path, 'store');
    const { before, planned } = await interrupt(daemon, path, plan, steps);

    await using store = await checkpointStore(path);
    const reconciliation = await reconcile(await look(daemon, store), store);
    expect(reconciliation.decisions.map(({ verdict }) => verdict)).toEqual([expected.verdict]);
    expect(reconciliation.steps.map(({ why }) => why)).toEqual(expected.steps ?? []);
    await sendPlan(daemon.monitor, reconciliation);
    await store.settle(reconciliation);

    const isDone = expected.verdict === 'confirm' || (planned.steps.length > 1 && expected.verdict === 'drop');
    const after = await look(daemon, store);
    expect(after).toStrictEqual(isDone ? planned.next : before);
    expect(await reconcile(after, store)).toStrictEqual({ steps: [], next: after, decisions: [] });
    await expectCleanEnd(daemon, qemu);
  });
});

/** Puts the metadata into a store, and begins a change whose process ends after some steps. */
async function interrupt(daemon: RunningQemu, path: string, plan: (domain: Domain) => Plan, steps: number) {
  await using store = await checkpointStore(path);
  await store.save(metadata);
  const before = await look(daemon, store);
  const planned = plan(before);
  const end = new Error('the process ends');
  const run = store.run(before, planned, async () => {
    await sendPlan(daemon.monitor, { ...planned, steps: planned.steps.slice(0, steps) });
    throw end;
  });
  expect(await rejection(run)).toBe(end);
  return { before, planned };
}

async function look({ monitor }: RunningQemu, store: CheckpointStore): Promise<Domain> {
  const { checkpoints }: { readonly checkpoints: CheckpointTree } = await store.load();
  return await lookAtDomain(
    monitor,
    [
      ['vda', 'vda-active'],
      ['vdb', 'vdb'],
    ],
    checkpoints,
  );
}

/** It stores all its bitmaps without a complaint. */
async function expectCleanEnd(daemon: RunningQemu, { version }: Qemu): Promise<void> {
  await daemon.quit();
  expect(`${version}: ${daemon.output.stderr}`).toBe(`${version}: `);
}
