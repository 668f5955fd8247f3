import { type Problem, problem } from '../problem.js';
import type { Disk } from './disk.js';

/** What no domain can have: two disks of one target, or two bitmaps of one name on one node. */
export function checkDisks(disks: readonly Disk[]): readonly Problem[] {
  const problems = repeated(disks.map((disk) => disk.diskTarget)).map((diskTarget) =>
    problem({ code: 'disk-duplicate', diskTarget }),
  );
  for (const { diskTarget, backingChain } of disks) {
    for (const { nodeName, bitmaps } of backingChain) {
      for (const bitmap of repeated(bitmaps.map(({ name }) => name))) {
        problems.push(problem({ code: 'bitmap-duplicate', diskTarget, nodeName, bitmap }));
      }
    }
  }
  return problems;
}

/** Each name that is there more than once, once. */
export function repeated(names: readonly string[]): readonly string[] {
  const seen = new Set<string>();
  const twice = new Set<string>();
  for (const name of names) (seen.has(name) ? twice : seen).add(name);
  return [...twice];
}
