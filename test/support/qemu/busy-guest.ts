import type { GuestDisk } from './guest-disk.js';

/** A guest that writes all the time, and remembers which granules it wrote since each mark. */
export interface BusyGuest {
  /** Begins to write, and goes on until it is told to rest. */
  start(): void;
  /** Settles when the last write has been answered. */
  rest(): Promise<void>;
  /** From now on granules are remembered under this name too. Only while it rests. */
  mark(name: string): void;
  /** Granules of 64 KiB written since a mark. */
  writtenSince(name: string): ReadonlySet<number>;
  /** The longest that a batch of writes took, in milliseconds. */
  readonly longest: number;
}

export const granule = 65536;

/**
 * Makes a guest that keeps a disk busy.
 *
 * @param random - Gives numbers from 0 to 1, the same each time for the same seed.
 */
export function busyGuest(disk: GuestDisk, granules: number, random: () => number): BusyGuest {
  const marks = new Map<string, Set<number>>();
  let running: Promise<void> | undefined;
  let stop = false;
  let byte = 0;
  let longest = 0;

  async function write(): Promise<void> {
    while (!stop) {
      const patterns = Array.from({ length: 8 }, () => {
        byte = (byte % 255) + 1;
        const at = Math.floor(random() * granules);
        for (const written of marks.values()) written.add(at);
        // Less than a granule, somewhere in it: the whole granule counts as written.
        const offset = at * granule + Math.floor(random() * 8) * 4096;
        return { offset, length: 4096 * (1 + Math.floor(random() * 8)), byte };
      });
      const start = performance.now();
      await disk.write(...patterns);
      longest = Math.max(longest, performance.now() - start);
    }
  }

  return {
    start() {
      stop = false;
      running = write();
      // A write that fails is told to whoever lets it rest, however late that is.
      running.catch(() => undefined);
    },
    async rest() {
      stop = true;
      await running;
      running = undefined;
    },
    mark: (name) => marks.set(name, new Set()),
    writtenSince: (name) => marks.get(name) ?? new Set(),
    get longest() {
      return longest;
    },
  };
}

/** Numbers from 0 to 1 that a seed decides (mulberry32). */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
