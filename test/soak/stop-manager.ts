import { isDeepStrictEqual } from 'node:util';
import { checkpointStore, connect } from '../../src/live.js';
import type { Qemu } from '../support/qemu/find-qemu.js';
import { type ManagerProcess, startManager } from './manager-process.js';
import { bitmapsOf, recover } from './recover.js';
import { type OnKill, reporter, type SoakReport } from './report.js';
import { restoreWorld } from './restore.js';
import { observeWorld, type SoakWorld, soakWorld } from './world.js';

const changes = ['create', 'delete over layers', 'delete of children'] as const;

/**
 * Has a manager kill itself at one moment after the other of a change: before and after each message it sends, while QEMU
 * works on it, and before and after each operation on a file; and looks each time whether all is well once that is
 * reconciled, and the change is done or was never begun.
 *
 * @param moments - `distinct`: without those at which all that outlasts the process is as at the one before. A sync is one, a
 * question, and a file that is written and not yet in its place.
 */
export async function stopManager(qemu: Qemu, moments: 'all' | 'distinct', onKill?: OnKill): Promise<SoakReport> {
  const reports = reporter(onKill);
  await using world = await soakWorld(qemu);
  const before = await observe(world);
  for (const change of changes) {
    const passed = [...(await momentsOf(world, change)).entries()];
    const chosen = passed.filter(([place, moment]) => moments === 'all' || place === 0 || isDistinct(moment));
    const { checkpoints: done } = await observe(world);
    let wasDone = false;
    let next = startChange(world, change, chosen[0]);
    for (const [index, [place, moment]] of chosen.entries()) {
      await using manager = next;
      await manager.expectLine('ready');
      // The next one warms up meanwhile.
      next = startChange(world, change, chosen[index + 1]);
      await restoreWorld(world, before);
      const bitmaps = await bitmapsOf(world.daemon);
      await runAndStop(manager, moment);
      const recovery = await recover(world, bitmaps);
      const { checkpoints } = recovery.domain;
      const isDone = isDeepStrictEqual(checkpoints, done);
      const faults = [...recovery.faults];
      if (!isDone && !isDeepStrictEqual(checkpoints, before.checkpoints)) faults.push('the change is half done');
      if (wasDone && !isDone) faults.push('the change was done at an earlier moment');
      wasDone = isDone;
      reports.add({ ...recovery, faults }, `QEMU ${qemu.version}, ${change}, moment ${place + 1}, ${moment}`);
    }
    await next[Symbol.asyncDispose]();
    await restoreWorld(world, before);
    if (!wasDone) throw new Error(`${change}: it was not done at its last moment`);
  }
  return reports.report();
}

function isDistinct(moment: string): boolean {
  return !/^before |sync$|writeFile$|query-/.test(moment);
}

async function observe({ daemon, store: path }: SoakWorld) {
  await using store = await checkpointStore(path);
  await using session = await connect(daemon.address);
  return await observeWorld(session, store);
}

function startChange({ daemon, store }: SoakWorld, change: string, stopAt?: readonly [place: number, moment: string]) {
  const env = stopAt === undefined ? {} : { STOP_AT: String(stopAt[0] + 1) };
  return startManager('one-change.mjs', [daemon.address, store, change], env);
}

/** Makes the change, and tells all the moments it passes. */
async function momentsOf(world: SoakWorld, change: string): Promise<readonly string[]> {
  await using manager = startChange(world, change);
  await manager.expectLine('ready');
  manager.go();
  const moments: string[] = [];
  for (let line = await manager.nextLine(); line !== undefined; line = await manager.nextLine()) moments.push(line);
  const { signal, complaint } = await manager.ended;
  if (signal !== null || complaint !== '') throw new Error(`${change} did not end well: ${complaint}`);
  return moments;
}

async function runAndStop(manager: ManagerProcess, moment: string): Promise<void> {
  manager.go();
  await manager.expectLine(moment);
  const { signal, complaint } = await manager.ended;
  if (signal !== 'SIGKILL') throw new Error(`the change ended by itself: ${complaint}`);
}
