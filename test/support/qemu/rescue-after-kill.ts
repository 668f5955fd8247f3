import { planRescueCheckpoint } from '../../../src/index.js';
import { granule } from './busy-guest.js';
import type { Qemu } from './find-qemu.js';
import { mortalDisk } from './mortal-disk.js';

/** How a checkpoint fared that was lost in a crash and rescued. */
export interface Rescued {
  readonly checkpoint: string;
  /** What was wrong with it after the crash. */
  readonly lost: readonly string[];
  /** What is wrong with it after the rescue. */
  readonly left: readonly string[];
  readonly identical: boolean;
  /** Bytes it says have changed, beyond those that were touched. */
  readonly excessBytes: number;
}

/**
 * A random life of a disk: a checkpoint on its base, two overlays, the second with a checkpoint at the same instant, one more
 * checkpoint on it, and changes all along. QEMU is killed, and another started on the images; then every checkpoint is rescued
 * while the guest goes on.
 *
 * On an even seed the layer in between has lost its bitmap too; on one that four divides the uppermost had stored its own
 * before, so that they are inconsistent after the kill, and not just gone.
 */
export async function rescueAfterKill(qemu: Qemu, seed: number): Promise<readonly Rescued[]> {
  await using disk = await mortalDisk(qemu, seed);
  const touched = new Map<string, Set<number>>();
  const change = async (times: number) => {
    for (const at of await disk.change(times)) for (const granules of touched.values()) granules.add(at);
  };
  await change(12);
  await disk.checkpoint('on-base');
  touched.set('on-base', new Set());
  await change(6);
  await disk.snapshot('middle');
  await change(6);
  await disk.snapshot('top', 'with-top');
  touched.set('with-top', new Set());
  await change(6);
  await disk.checkpoint('on-top');
  touched.set('on-top', new Set());
  if (seed % 4 === 0) await disk.restart('quit');
  await change(12);
  await disk.restart('SIGKILL');
  if (seed % 2 === 0) await disk.dropBelow('middle', 'on-base');

  const rescued: Omit<Rescued, 'identical' | 'excessBytes'>[] = [];
  for (const checkpoint of touched.keys()) {
    const lost = await disk.faults(checkpoint);
    const [plan] = await Promise.all([
      disk.run((domain) => planRescueCheckpoint(domain, { diskTarget: 'vda', checkpoint })),
      change(20),
    ]);
    if (plan.steps.length === 0) throw new Error(`seed ${seed}: nothing was lacking of ${checkpoint}`);
    await change(3);
    rescued.push({ checkpoint, lost, left: await disk.faults(checkpoint) });
  }
  const verdicts: Rescued[] = [];
  for (const each of rescued) {
    const { identical, bitmapBytes } = await disk.restore(each.checkpoint);
    const truth = (touched.get(each.checkpoint)?.size ?? 0) * granule;
    verdicts.push({ ...each, identical, excessBytes: bitmapBytes - truth });
  }
  return verdicts;
}
