import { seededRandom } from '../support/qemu/busy-guest.js';
import type { Qemu } from '../support/qemu/find-qemu.js';
import { type ManagerProcess, startManager } from './manager-process.js';
import { bitmapsOf, recover } from './recover.js';
import { type OnKill, reporter, type SoakReport } from './report.js';
import { soakWorld } from './world.js';

const killsPerWorld = 8;
const mostChanges = 2;

/**
 * Kills a manager with SIGKILL at random moments while it makes and deletes checkpoints without end, and looks after each
 * kill whether all is well once that is reconciled.
 *
 * @param kills - How often; every eight the machine is a new one, for its lower layers run out of bitmaps.
 */
export async function killManager(
  qemu: Qemu,
  { kills, seed }: { readonly kills: number; readonly seed: number },
  onKill?: OnKill,
): Promise<SoakReport> {
  const random = seededRandom(seed);
  const reports = reporter(onKill);
  let milliseconds = 50;
  for (let done = 0; done < kills; done += killsPerWorld) {
    await using world = await soakWorld(qemu);
    const { daemon, store } = world;
    const start = (kill: number) => startManager('manager.mjs', [daemon.address, store, String(seed + kill)]);
    const last = Math.min(done + killsPerWorld, kills) - 1;
    let next: ManagerProcess | undefined = start(done);
    for (let kill = done; kill <= last; kill += 1) {
      await using manager = next as ManagerProcess;
      await manager.expectLine('ready');
      // The next one warms up meanwhile.
      next = kill < last ? start(kill + 1) : undefined;
      const before = await bitmapsOf(daemon);
      milliseconds = await runAndKill(manager, random, milliseconds);
      reports.add(await recover(world, before), `QEMU ${qemu.version}, seed ${seed}, kill ${kill}`);
    }
  }
  return reports.report();
}

/**
 * Lets it make some changes, and kills it at some moment of the next.
 *
 * @param expected - How long a change takes.
 * @returns How long the last one took.
 */
async function runAndKill(manager: ManagerProcess, random: () => number, expected: number): Promise<number> {
  manager.go();
  let duration = expected;
  for (let changes = Math.floor(random() * (mostChanges + 1)); changes > 0; changes -= 1) {
    await manager.expectLine('begun');
    const start = performance.now();
    await manager.expectLine('done');
    duration = performance.now() - start;
  }
  await manager.expectLine('begun');
  // A random moment is what is wanted here, not a time in which something should have happened.
  setTimeout(() => manager.kill(), random() * duration);
  const { signal, complaint } = await manager.ended;
  if (signal !== 'SIGKILL') throw new Error(`the manager ended by itself: ${complaint}`);
  return duration;
}
