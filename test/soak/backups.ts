import { recoverBackup } from '../../src/backup/recover-backup.js';
import { seededRandom } from '../support/qemu/busy-guest.js';
import type { Qemu } from '../support/qemu/find-qemu.js';
import { nightlyMachine } from '../support/qemu/nightly-machine.js';
import { chainDisk, isRestorable } from './chain/model.js';
import { chooseBackup, chooseOperation, pick } from './chain/operations.js';
import { type ChainWorld, perform, performBackup } from './chain/perform.js';
import { withinTime } from './within-time.js';

const mostMilliseconds = 180_000;

/** What random chains of backups came to. */
export interface ChainsReport {
  readonly chains: number;
  readonly backups: number;
  /** How many points were restored and compared, each disk by itself. */
  readonly restored: number;
  /** How often what happened: `pull auto: done`. */
  readonly outcomes: ReadonlyMap<string, number>;
  readonly milliseconds: number;
  /** What was wrong, one text each, with the seed and the steps; none is what is wanted. */
  readonly faults: readonly string[];
}

/**
 * Backs machines up in chains of three to ten, with random changes, snapshots, commits, growth, crashes and losses between and
 * meanwhile; sees that each is based on what a model of its own says is right, and restores every point of every chain.
 *
 * @param chains - How many; each has the next seed.
 */
export async function soakBackups(
  qemu: Qemu,
  { chains, seed }: { readonly chains: number; readonly seed: number },
  onChain: (report: ChainsReport) => void = () => undefined,
): Promise<ChainsReport> {
  const start = performance.now();
  const outcomes = new Map<string, number>();
  const faults: string[] = [];
  const counts = { chains: 0, backups: 0, restored: 0 };
  const report = () => ({ ...counts, outcomes, faults, milliseconds: Math.round(performance.now() - start) });
  const count = (outcome: string) => outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
  for (let now = seed; now < seed + chains; now += 1) {
    const trail: string[] = [];
    await using world = await chainWorld(qemu, now);
    try {
      const live = async () => {
        counts.backups += await liveOn(world, seededRandom(now), { trail, count });
        counts.restored += await restoreAll(world);
      };
      await withinTime(mostMilliseconds, live(), () => '');
    } catch (error) {
      faults.push(await describe(world, now, trail, error));
    }
    counts.chains += 1;
    onChain(report());
  }
  return report();
}

type World = ChainWorld & AsyncDisposable;

async function chainWorld(qemu: Qemu, seed: number): Promise<World> {
  const random = seededRandom(seed ^ 0xba5e);
  const formats = pick([['qcow2'], ['qcow2', 'qcow2'], ['qcow2', 'qcow2'], ['qcow2', 'qcow2', 'raw']] as const, random);
  const machine = await nightlyMachine(qemu, { seed, formats });
  const disks = machine.disks.map(({ diskTarget, format, granules }) =>
    chainDisk(diskTarget, format === 'raw', granules),
  );
  return {
    machine,
    model: { disks, checkpoints: [], points: [] },
    [Symbol.asyncDispose]: () => machine[Symbol.asyncDispose](),
  };
}

interface Notes {
  /** What was done, to be told where something is wrong. */
  readonly trail: string[];
  readonly count: (outcome: string) => void;
}

/** @returns How many backups were begun. */
async function liveOn(world: World, random: () => number, { trail, count }: Notes): Promise<number> {
  const { machine, model } = world;
  const backups = 3 + Math.floor(random() * 8);
  for (let made = 0; made < backups; made += 1) {
    for (let left = Math.floor(random() * 5); left > 0; left -= 1) {
      const operation = chooseOperation(model, random, `by-hand-${trail.length}`);
      trail.push(JSON.stringify(operation));
      const outcome = await perform(world, operation);
      trail.push(`${trail.pop()} ${outcome}`);
      count(`${operation.kind}: ${outcome}`);
    }
    const backup = chooseBackup(model, random, `point-${made}`);
    trail.push(JSON.stringify(backup));
    const told = await performBackup(world, backup);
    trail.push(`${trail.pop()} ${told.join('; ')}`);
    for (const outcome of told) count(outcome);
  }
  await recoverBackup(machine.session, await machine.observe(), machine.store);
  const left = await machine.leftovers();
  if (left.length > 0) throw new Error(`there is left: ${left.join(', ')}`);
  return backups;
}

/** @returns How many disks were restored. */
async function restoreAll({ machine, model }: World): Promise<number> {
  let restored = 0;
  for (const point of model.points) {
    const disks = [...point.bases.keys()].filter((diskTarget) => isRestorable(model, point, diskTarget));
    if (disks.length === 0) continue;
    const wrong = await machine.wronglyRestored(point.name, disks);
    if (wrong.length > 0) throw new Error(`${point.name} restores wrong bytes on ${wrong.join(', ')}`);
    restored += disks.length;
  }
  return restored;
}

async function describe(
  { machine: { daemon } }: World,
  seed: number,
  trail: readonly string[],
  error: unknown,
): Promise<string> {
  const exit = await Promise.race([
    daemon.exited,
    new Promise<undefined>((resolve) => setImmediate(() => resolve(undefined))),
  ]);
  const crash =
    exit === undefined ? '' : ` (QEMU ended with ${exit.signal ?? exit.code}: ${daemon.output.stderr.trim()})`;
  const message = error instanceof Error ? error.message : String(error);
  const steps = trail.map((line, place) => `    ${place + 1} ${line}`).join('\n');
  return `QEMU ${daemon.qemu.version}, chain ${seed}, step ${trail.length}: ${message}${crash}\n${steps}`;
}
