import { seededRandom } from '../support/qemu/busy-guest.js';
import type { Qemu } from '../support/qemu/find-qemu.js';
import { disagreements, wrongBytes } from './walk/judge.js';
import { chooseOperation, type Operation, type Random } from './walk/operations.js';
import { type Manner, perform } from './walk/perform.js';
import { shutDown, type WalkWorld, walkWorld } from './walk/world.js';
import { withinTime } from './within-time.js';

const mostOperations = 30;
const operationsPerJudgement = 8;
const mostMilliseconds = 60_000;

/** What random walks came to. */
export interface WalkReport {
  readonly walks: number;
  readonly operations: number;
  /** How often each was done, refused or cut off: `commit: done`. */
  readonly outcomes: ReadonlyMap<string, number>;
  /** How many incremental backups were restored and compared. */
  readonly restored: number;
  /** What was wrong, one text each, with the seed and the operations; none is what is wanted. */
  readonly faults: readonly string[];
}

/**
 * Walks at random over the layers and checkpoints of one or two disks, and looks after each operation whether QEMU and the
 * model agree; and every few operations, and at the end, whether each checkpoint restores byte by byte.
 *
 * @param walks - How many; each has the next seed.
 */
export async function walkLayers(
  qemu: Qemu,
  { walks, seed }: { readonly walks: number; readonly seed: number },
  onWalk: (report: WalkReport) => void = () => undefined,
): Promise<WalkReport> {
  const outcomes = new Map<string, number>();
  const faults: string[] = [];
  let operations = 0;
  let restored = 0;
  for (let done = 0; done < walks; done += 1) {
    const trail: string[] = [];
    const random = seededRandom(seed + done);
    await using world = await walkWorld(qemu, random() < 0.5 ? ['vda'] : ['vda', 'vdb']);
    try {
      await withinTime(
        mostMilliseconds,
        walk(world, random, seed + done, async (operation, manner) => {
          trail.push(JSON.stringify({ ...operation, ...(manner.busy && { busy: true }), cutAt: manner.cutAt }));
          operations += 1;
          const { outcome, next } = await perform(world, operation, manner);
          const key = `${operation.kind}: ${outcome}`;
          outcomes.set(key, (outcomes.get(key) ?? 0) + 1);
          expectNone(await disagreements(world, next));
          if (trail.length % operationsPerJudgement === 0) restored += await restore(world);
        }),
        () => '',
      );
      restored += await restore(world);
      await shutDown(world);
    } catch (error) {
      faults.push(await describe(world, { seed: seed + done, trail, error }));
    }
    onWalk({ walks: done + 1, operations, outcomes, restored, faults });
  }
  return { walks, operations, outcomes, restored, faults };
}

/** @returns How many backups were restored. */
async function restore(world: WalkWorld): Promise<number> {
  expectNone(await wrongBytes(world));
  return world.model.disks.reduce((sum, { since }) => sum + since.size, 0);
}

function expectNone(faults: readonly string[]): void {
  if (faults.length > 0) throw new Error(faults.join('; '));
}

async function walk(
  { model }: WalkWorld,
  random: Random,
  seed: number,
  step: (operation: Operation, manner: Manner) => Promise<void>,
): Promise<void> {
  // The guests' own: how much they write meanwhile must not change where the walk goes.
  const busy = seededRandom(seed ^ 0x5eed);
  for (let left = 5 + Math.floor(random() * (mostOperations - 4)); left > 0; left -= 1) {
    const operation = chooseOperation(model, random);
    const [isBusy, cut] = [random() < 0.7, random()];
    const begins = operation.kind === 'create' || (operation.kind === 'snapshot' && operation.checkpoint !== undefined);
    await step(operation, {
      ...(isBusy && !begins && { busy }),
      ...(cut < 0.3 && isCutable(operation) && { cutAt: Math.floor(cut * 40) }),
    });
  }
}

/** A pull that is cut off leaves data on the active layer that a later commit takes for newer than it is. */
function isCutable({ kind }: Operation): boolean {
  return kind === 'snapshot' || kind === 'commit' || kind === 'copy';
}

async function describe(
  { daemon }: WalkWorld,
  { seed, trail, error }: { readonly seed: number; readonly trail: readonly string[]; readonly error: unknown },
): Promise<string> {
  const exit = await Promise.race([
    daemon.exited,
    new Promise<undefined>((resolve) => setImmediate(() => resolve(undefined))),
  ]);
  const crash =
    exit === undefined ? '' : ` (QEMU ended with ${exit.signal ?? exit.code}: ${daemon.output.stderr.trim()})`;
  const message = error instanceof Error ? error.message : String(error);
  const operations = trail.map((line, place) => `    ${place + 1} ${line}`).join('\n');
  return `QEMU ${daemon.qemu.version}, walk ${seed}: ${message}${crash}\n${operations}`;
}
