import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { planCreateCheckpoint } from '../../src/index.js';
import { checkpointStore, connect, observeDomain, reconcile, runPlan } from '../../src/live.js';
import { seededRandom } from '../support/qemu/busy-guest.js';
import { attachNew, takeSnapshot } from '../support/qemu/disks.js';
import type { Qemu } from '../support/qemu/find-qemu.js';
import { attachGuest } from '../support/qemu/guest-disk.js';
import { type RunningQemu, startStorageDaemon } from '../support/qemu/start-qemu.js';
import { temporaryFolder } from '../support/qemu/temporary-folder.js';

/** What the kills came to. */
export interface KillReport {
  readonly kills: number;
  /** How often a change was under way and had to be settled. */
  readonly settled: number;
  /** What was wrong, one text each; none is what is wanted. */
  readonly faults: readonly string[];
}

const disks = ['vda', 'vdb'].map((diskTarget) => ({ diskTarget, nodeName: diskTarget }));
const manager = join(import.meta.dirname, 'manager.mjs');

/**
 * Kills a manager with SIGKILL at random moments while it makes and deletes checkpoints, reconciles after each kill, and
 * looks whether metadata and bitmaps agree and all other checkpoints are as they were.
 *
 * @param kills - How often; every twenty the machine is a new one, for the layers run out of bitmaps.
 */
export async function killManager(qemu: Qemu, kills: number, seed: number): Promise<KillReport> {
  const random = seededRandom(seed);
  const faults: string[] = [];
  let settled = 0;
  for (let done = 0; done < kills; done += 20) {
    await using folder = await temporaryFolder();
    await using daemon = await startStorageDaemon(qemu, { directory: folder.path });
    const store = join(folder.path, 'store');
    await prepare(daemon, folder.path, store);
    for (let kill = done; kill < Math.min(done + 20, kills); kill += 1) {
      const before = await bitmapsOf(daemon);
      await runAndKill(daemon.address, store, kill + 1, random() * 60);
      const verdict = await recover(daemon, store, before);
      if (verdict.settled) settled += 1;
      faults.push(...verdict.faults.map((fault) => `kill ${kill} of seed ${seed}: ${fault}`));
    }
  }
  return { kills, settled, faults };
}

/** vda in three layers with checkpoints made on each, vdb in one. */
async function prepare(daemon: RunningQemu, folder: string, directory: string): Promise<void> {
  await attachNew(daemon, folder, 'base');
  await attachNew(daemon, folder, 'vdb');
  const guest = await attachGuest(daemon, 'base');
  await using store = await checkpointStore(directory);
  await using session = await connect(daemon.address);
  const layers = ['base', 'middle', 'vda'];
  for (const [place, nodeName] of layers.entries()) {
    const below = layers[place - 1];
    const { checkpoints } = await store.load();
    if (below !== undefined) {
      const carried = checkpoints.checkpoints.map(({ name }) => [nodeName, name] as const);
      await takeSnapshot(daemon, folder, [below, nodeName], carried);
    }
    const here = [{ diskTarget: 'vda', nodeName }, disks[1] as (typeof disks)[number]];
    for (const name of [`${nodeName}-1`, `${nodeName}-2`]) {
      const { checkpoints: tree } = await store.load();
      const domain = await observeDomain(session, { name: 'soak', disks: here, checkpoints: tree });
      const plan = planCreateCheckpoint(domain, { name }, { now: 1_700_000_000 });
      await store.run(domain, plan, () => runPlan(session, plan));
      await guest.write({ offset: place * 65536, length: 65536, byte: place + 1 });
    }
  }
}

async function runAndKill(address: string, store: string, seed: number, milliseconds: number): Promise<void> {
  const child = spawn(process.execPath, [manager, address, store, String(seed)], { stdio: ['ignore', 'pipe', 'pipe'] });
  let complaint = '';
  child.stderr.on('data', (text) => {
    complaint += text;
  });
  const exited = once(child, 'exit');
  await Promise.race([once(child.stdout, 'data'), exited]);
  // A random moment is what is wanted here, not a time in which something should have happened.
  setTimeout(() => child.kill('SIGKILL'), milliseconds);
  const [, signal] = await exited;
  if (signal !== 'SIGKILL') throw new Error(`the manager ended by itself: ${complaint}`);
}

/** Each bitmap by its node and name, with what it holds. */
type Bitmaps = ReadonlyMap<string, string>;

async function bitmapsOf(daemon: RunningQemu): Promise<Bitmaps> {
  const nodes = (await daemon.monitor.execute('query-named-block-nodes', { flat: true })) as readonly {
    readonly 'node-name': string;
    readonly 'dirty-bitmaps'?: readonly { readonly name?: string; readonly recording: boolean }[];
  }[];
  const found = new Map<string, string>();
  for (const node of nodes) {
    for (const { name, recording } of node['dirty-bitmaps'] ?? []) {
      const place = { node: node['node-name'], name };
      const content = await daemon.monitor.execute('x-debug-block-dirty-bitmap-sha256', place);
      found.set(JSON.stringify(place), JSON.stringify([recording, content]));
    }
  }
  return found;
}

async function recover(daemon: RunningQemu, directory: string, before: Bitmaps) {
  await using store = await checkpointStore(directory);
  await using session = await connect(daemon.address);
  const look = async () => {
    const { checkpoints } = await store.load();
    return await observeDomain(session, { name: 'soak', disks, checkpoints });
  };
  const reconciliation = await reconcile(await look(), store);
  await runPlan(session, reconciliation);
  await store.settle(reconciliation);
  const faults: string[] = [];
  const again = await reconcile(await look(), store);
  if (again.steps.length + again.decisions.length > 0) faults.push('reconciling again is not empty');

  const domain = await look();
  const named = new Set(domain.checkpoints.checkpoints.map(({ name }) => name));
  for (const { backingChain } of domain.disks) {
    for (const [layer, node] of backingChain.entries()) {
      if (node.readOnly !== layer > 0) faults.push(`node ${node.nodeName} is left open for writing`);
      for (const { name } of node.bitmaps) if (!named.has(name)) faults.push(`bitmap ${name} has no checkpoint`);
    }
  }
  for (const { name, disks: parts } of domain.checkpoints.checkpoints) {
    for (const { diskTarget, bitmap } of parts) {
      const chain = domain.disks.find((disk) => disk.diskTarget === diskTarget)?.backingChain ?? [];
      const there = chain[0]?.bitmaps.some((each) => each.name === bitmap);
      if (!there) faults.push(`checkpoint ${name} has no bitmap on ${diskTarget}`);
    }
  }
  const after = await bitmapsOf(daemon);
  for (const [place, content] of before) {
    const { name } = JSON.parse(place) as { readonly name: string };
    if (named.has(name) && after.get(place) !== content) faults.push(`bitmap ${place} is no longer what it was`);
  }
  return { settled: reconciliation.decisions.length > 0, faults };
}
