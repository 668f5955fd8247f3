import type { Checkpoint } from '../model/checkpoint.js';

/** The names of the checkpoints that name a bitmap of a disk, in the order of the list they come from. */
export type BitmapOwners = (diskTarget: string, bitmap: string) => readonly string[];

/** Looks at every checkpoint once, so that asking for each bitmap of a large tree costs no more than reading it. */
export function bitmapOwners(checkpoints: readonly Checkpoint[]): BitmapOwners {
  const owners = new Map<string, string[]>();
  for (const { name, disks } of checkpoints) {
    for (const { diskTarget, bitmap } of disks) {
      if (bitmap === undefined) continue;
      const key = keyOf(diskTarget, bitmap);
      const known = owners.get(key);
      if (known === undefined) owners.set(key, [name]);
      else known.push(name);
    }
  }
  return (diskTarget, bitmap) => owners.get(keyOf(diskTarget, bitmap)) ?? [];
}

function keyOf(diskTarget: string, bitmap: string): string {
  return JSON.stringify([diskTarget, bitmap]);
}
