import { expect } from 'vitest';
import { checkBitmapChain, type Domain } from '../../src/index.js';
import type { Qemu } from './model.js';

const unit = 512;
const cluster = 65536;

/**
 * What the guest has really written since each bitmap of each disk was made, kept beside QEMU: the law that users care about is
 * that whatever seems usable holds all of it.
 */
export interface Ledger {
  /** A write of the guest, to QEMU and into the ledger. */
  write(diskTarget: string, offset: number, length: number): void;
  /** Bitmaps that are there from now on. */
  begin(domain: Domain): void;
  /**
   * Every bitmap that seems usable holds all that was written since it was made; and where that is asked for, no cluster more.
   *
   * @returns How many were looked at.
   */
  check(domain: Domain, exactly?: boolean): number;
}

/** Begins with what the bitmaps of a domain hold; one that cannot be used must never seem so, unless it is among `healed`. */
export function openLedger(qemu: Qemu, domain: Domain, healed: readonly string[] = []): Ledger {
  const written = new Map<string, Set<number>>();
  const broken = new Set<string>();
  const begin = (seen: Domain, first: boolean) => {
    for (const { diskTarget, bitmap, madeOn } of bitmapsOf(seen)) {
      const key = JSON.stringify([diskTarget, bitmap]);
      if (written.has(key)) continue;
      written.set(key, first ? unitsIn(qemu, seen, diskTarget, bitmap) : new Set());
      if (!isUsable(seen, diskTarget, bitmap, madeOn) && !healed.includes(bitmap)) broken.add(key);
    }
  };
  begin(domain, true);
  return {
    write(diskTarget, offset, length) {
      qemu.guestWrite(diskTarget, offset, length);
      for (const [key, units] of written) {
        if (JSON.parse(key)[0] !== diskTarget) continue;
        for (let at = Math.floor(offset / unit); at * unit < offset + length; at += 1) units.add(at);
      }
    },
    begin: (seen) => begin(seen, false),
    check(seen, exactly = false) {
      let looked = 0;
      for (const { diskTarget, bitmap, madeOn } of bitmapsOf(seen)) {
        if (!isUsable(seen, diskTarget, bitmap, madeOn)) continue;
        const key = JSON.stringify([diskTarget, bitmap]);
        expect(broken.has(key), `${key} was broken and seems good`).toBe(false);
        const truth = written.get(key) ?? new Set();
        const held = unitsIn(qemu, seen, diskTarget, bitmap);
        expect(
          [...truth].filter((at) => !held.has(at)),
          `${key} lacks what was written`,
        ).toEqual([]);
        if (exactly) {
          const clusters = new Set([...truth].map((at) => Math.floor((at * unit) / cluster)));
          const excess = [...held].filter((at) => !clusters.has(Math.floor((at * unit) / cluster)));
          expect(excess, `${key} holds what was not written`).toEqual([]);
        }
        looked += 1;
      }
      return looked;
    },
  };
}

/** The bitmaps of all disks, with each place they were made on; one that no checkpoint names once, and none made since. */
function bitmapsOf({ disks, checkpoints }: Domain) {
  const named = checkpoints.checkpoints.flatMap((checkpoint) =>
    checkpoint.disks.flatMap(({ diskTarget, bitmap, madeOn }) =>
      bitmap === undefined || !disks.some((disk) => disk.diskTarget === diskTarget)
        ? []
        : [{ diskTarget, bitmap, madeOn }],
    ),
  );
  const orphans = disks.flatMap(({ diskTarget, backingChain }) =>
    [...new Set(backingChain.flatMap(({ bitmaps }) => bitmaps.map(({ name }) => name)))]
      .filter((bitmap) => !named.some((each) => each.diskTarget === diskTarget && each.bitmap === bitmap))
      .map((bitmap) => ({ diskTarget, bitmap, madeOn: undefined })),
  );
  return [...named, ...orphans];
}

function isUsable(domain: Domain, diskTarget: string, bitmap: string, madeOn: string | undefined): boolean {
  const chain = domain.disks.find((disk) => disk.diskTarget === diskTarget)?.backingChain ?? [];
  return checkBitmapChain(chain, bitmap, madeOn === undefined ? {} : { madeOn }).length === 0;
}

/** What a backup would take: all layers together. */
function unitsIn(qemu: Qemu, { disks }: Domain, diskTarget: string, name: string): Set<number> {
  const units = new Set<number>();
  for (const { nodeName, bitmaps } of disks.find((disk) => disk.diskTarget === diskTarget)?.backingChain ?? []) {
    const found = bitmaps.find((bitmap) => bitmap.name === name);
    if (found === undefined) continue;
    for (const granule of qemu.dirtyGranules(nodeName, name)) {
      const first = (granule * found.granularity) / unit;
      for (let at = first; at < first + found.granularity / unit; at += 1) units.add(at);
    }
  }
  return units;
}
