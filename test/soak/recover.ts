import { readdir } from 'node:fs/promises';
import { checkBitmapChain, type Decision, type Domain } from '../../src/index.js';
import { checkpointStore, connect, reconcile, runPlan } from '../../src/live.js';
import { nodesIn } from '../support/live/nodes-in.js';
import { runLine } from '../support/live/run-command-line.js';
import type { RunningQemu } from '../support/qemu/start-qemu.js';
import { observeWorld, type SoakWorld } from './world.js';

/** Each bitmap by its node and name, with all that is known of it, every bit included. */
export type Bitmaps = ReadonlyMap<string, string>;

export async function bitmapsOf(daemon: RunningQemu): Promise<Bitmaps> {
  const found = new Map<string, string>();
  for (const node of await nodesIn(daemon)) {
    for (const { name, count, recording } of node['dirty-bitmaps'] ?? []) {
      const place = { node: node['node-name'], name };
      const bits = await daemon.monitor.execute('x-debug-block-dirty-bitmap-sha256', place);
      found.set(`${place.node} ${name}`, JSON.stringify({ count, recording, bits }));
    }
  }
  return found;
}

/** What was found and done after a manager had died. */
export interface Recovery {
  readonly decisions: readonly Decision[];
  /** How many steps it took. */
  readonly steps: number;
  /** The world after it. */
  readonly domain: Domain;
  /** What is wrong then, one text each. */
  readonly faults: readonly string[];
}

/**
 * Does what the next process does after a crash, and looks whether all is well then:
 *
 * 1. nothing is pending, and reconciling again does nothing;
 * 2. every bitmap has its checkpoint;
 * 3. every checkpoint can be used on every disk, on every layer down to the one it was made on;
 * 4. only active layers are open for writing;
 * 5. checkpoints that were there before and still are hold what they held, bit by bit;
 * 6. the folder of the store holds nothing else than them, and they can be listed.
 *
 * @param before - All bitmaps before the manager began.
 */
export async function recover({ daemon, store: path }: SoakWorld, before: Bitmaps): Promise<Recovery> {
  const faults: string[] = [];
  const { decisions, steps, domain } = await settle(daemon, path, faults);
  const { checkpoints } = domain.checkpoints;
  const owned = new Set(
    checkpoints.flatMap(({ disks }) => disks.map(({ diskTarget, bitmap }) => `${diskTarget} ${bitmap}`)),
  );
  for (const { diskTarget, backingChain } of domain.disks) {
    for (const [layer, { nodeName, readOnly, bitmaps }] of backingChain.entries()) {
      // 2
      for (const { name } of bitmaps) {
        if (!owned.has(`${diskTarget} ${name}`)) faults.push(`bitmap ${name} on ${nodeName} has no checkpoint`);
      }
      // 4
      if (readOnly !== layer > 0) faults.push(`node ${nodeName} is open for ${readOnly ? 'reading only' : 'writing'}`);
    }
  }
  for (const { name, disks } of checkpoints) {
    for (const { diskTarget, bitmap = '', madeOn = '' } of disks) {
      const chain = domain.disks.find((disk) => disk.diskTarget === diskTarget)?.backingChain ?? [];
      // 3
      const problems = checkBitmapChain(chain, bitmap, { diskTarget, madeOn });
      faults.push(...problems.map(({ text }) => `checkpoint ${name}: ${text}`));
    }
  }
  // 5
  const after = await bitmapsOf(daemon);
  const names = new Set(checkpoints.map(({ name }) => name));
  for (const [place, content] of before) {
    if (!names.has(place.split(' ')[1] ?? '')) continue;
    if (after.get(place) !== content) faults.push(`bitmap ${place} was ${content} and is ${after.get(place)}`);
  }
  // 6
  const files = (await readdir(path)).toSorted();
  const expected = ['lock', ...[...names].map((name) => `${name}.json`)].toSorted();
  if (files.join() !== expected.join()) faults.push(`the store holds ${files.join(', ')}`);
  const list = await runLine(['list', '--qmp', daemon.address, '--store', path, '--disk=vda=vda', '--disk=vdb=vdb']);
  if (list.status !== 0 || list.complained.length > 0) faults.push(`list: ${list.complained.join('; ')}`);
  return { decisions, steps, domain, faults };
}

async function settle(daemon: RunningQemu, path: string, faults: string[]) {
  await using store = await checkpointStore(path);
  await using session = await connect(daemon.address);
  const reconciliation = await reconcile(await observeWorld(session, store), store);
  await runPlan(session, reconciliation);
  await store.settle(reconciliation);
  // 1
  const domain = await observeWorld(session, store);
  const again = await reconcile(domain, store);
  const left = again.steps.length + again.decisions.length + (await store.load()).pending.length;
  if (left > 0) faults.push('something is left to reconcile');
  return { decisions: reconciliation.decisions, steps: reconciliation.steps.length, domain };
}
