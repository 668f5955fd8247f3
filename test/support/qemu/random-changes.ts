import { granule } from './busy-guest.js';
import type { GuestDisk } from './guest-disk.js';

/**
 * Changes a disk at random places, in each way a guest can: writes, discards, and zeros, with and without giving clusters up.
 *
 * @param random - Gives numbers from 0 to 1.
 * @returns The granules of 64 KiB that were touched.
 */
export async function changeAtRandom(
  disk: GuestDisk,
  { granules, times, random }: { readonly granules: number; readonly times: number; readonly random: () => number },
): Promise<ReadonlySet<number>> {
  const touched = new Set<number>();
  for (let time = 0; time < times; time += 1) {
    const range = randomRange(granules, random);
    for (let at = range.offset; at < range.offset + range.length; at += 4096) touched.add(Math.floor(at / granule));
    const kind = random();
    if (kind < 0.4) await disk.write({ ...range, byte: 1 + Math.floor(random() * 255) });
    else if (kind < 0.7) await disk.discard(range);
    else await disk.zero(range, { unmap: kind < 0.85 });
  }
  return touched;
}

/** Half of them whole granules, so that clusters are given up; the others anywhere. */
function randomRange(granules: number, random: () => number) {
  const unit = random() < 0.5 ? granule : 4096;
  const units = (granules * granule) / unit;
  const start = Math.floor(random() * units);
  const length = Math.min(1 + Math.floor(random() * 5), units - start);
  return { offset: start * unit, length: length * unit };
}
