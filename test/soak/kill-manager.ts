import { seededRandom } from '../support/qemu/busy-guest.js';
import type { Qemu } from '../support/qemu/find-qemu.js';
import { type ManagerProcess, startManager } from './manager-process.js';
import { bitmapsOf, recover } from './recover.js';
import { type OnKill, reporter, type SoakReport } from './report.js';
import { soakWorld } from './world.js';

const killsPerWorld = 20;
const longestLifeMilliseconds = 80;

/**
 * Kills a manager with SIGKILL at random moments while it makes and deletes checkpoints without end, and looks after each
 * kill whether all is well once that is reconciled.
 *
 * @param kills - How often; every twenty the machine is a new one, for its lower layers run out of bitmaps.
 */
export async function killManager(
  qemu: Qemu,
  { kills, seed }: { readonly kills: number; readonly seed: number },
  onKill?: OnKill,
): Promise<SoakReport> {
  const random = seededRandom(seed);
  const reports = reporter(onKill);
  for (let done = 0; done < kills; done += killsPerWorld) {
    await using world = await soakWorld(qemu);
    const { daemon, store } = world;
    const start = (kill: number) => startManager('manager.mjs', [daemon.address, store, String(seed + kill)]);
    const last = Math.min(done + killsPerWorld, kills) - 1;
    let next: ManagerProcess | undefined = start(done);
    for (let kill = done; kill <= last; kill += 1) {
      await using manager = next as ManagerProcess;
      const before = await bitmapsOf(daemon);
      await runAndKill(manager, random() * longestLifeMilliseconds);
      // The next one warms up meanwhile.
      next = kill < last ? start(kill + 1) : undefined;
      reports.add(await recover(world, before), `QEMU ${qemu.version}, seed ${seed}, kill ${kill}`);
    }
  }
  return reports.report();
}

async function runAndKill(manager: ManagerProcess, milliseconds: number): Promise<void> {
  await manager.expectLine('ready');
  manager.go();
  await manager.expectLine('under way');
  // A random moment is what is wanted here, not a time in which something should have happened.
  setTimeout(() => manager.kill(), milliseconds);
  const { signal, complaint } = await manager.ended;
  if (signal !== 'SIGKILL') throw new Error(`the manager ended by itself: ${complaint}`);
}
