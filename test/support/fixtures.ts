import { readFileSync } from 'node:fs';

/** The QEMU versions whose replies are recorded. */
export const fixtureVersions = ['7.2', '10.0'] as const;

/** The recorded worlds: see `test/fixtures/README.md`. */
export const worlds = ['empty', 'basic', 'layered', 'unusable', 'mixed'] as const;

/** A recorded reply of `query-named-block-nodes`, envelope and all. */
export function readWorld(version: (typeof fixtureVersions)[number], world: (typeof worlds)[number]): unknown {
  return JSON.parse(readFileSync(new URL(`../fixtures/${version}/${world}.json`, import.meta.url), 'utf8'));
}
