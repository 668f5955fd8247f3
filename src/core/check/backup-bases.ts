import { type BackupManifest, parseBackupManifests } from '../model/backup-manifest.js';
import type { CheckpointIdentity } from '../model/checkpoint-identity.js';
import { chainFrom, mixedDomains } from './backup-chain.js';
import { backupLinks, beginsWith } from './backup-link.js';

/**
 * The checkpoints that a backup of a disk can build on: each began with a backup of that disk which can be restored. The newest
 * first.
 *
 * @param manifests - Of one domain; where there are others among them, none is certain.
 * @returns What {@link chooseBackupBase} takes as `among`.
 * @throws {@link CheckpointError} with the problems of {@link parseBackupManifest}.
 * @example
 * ```ts
 * backupBases([monday, tuesday], 'vda').map(({ name }) => name); // ['tuesday', 'monday']
 * ```
 */
export function backupBases(manifests: readonly BackupManifest[], diskTarget: string): readonly CheckpointIdentity[] {
  const read = parseBackupManifests(manifests);
  if (mixedDomains(read).length > 0) return [];
  const links = backupLinks(read);
  const places = [...links.keys()].filter(({ disk }) => disk.diskTarget === diskTarget);
  const bases = places.flatMap((place) => {
    const { checkpoint, timeSeconds } = place.manifest;
    if (checkpoint === undefined) return [];
    const begun = places.filter((each) => beginsWith(each, checkpoint));
    const { layers, problems } = chainFrom(place, links);
    return begun.length === 1 && begun[0] === place && problems.length === 0
      ? [{ checkpoint, timeSeconds, depth: layers.length }]
      : [];
  });
  // Of one second, what builds on the other is newer.
  const newestFirst = bases.toSorted((one, other) => other.timeSeconds - one.timeSeconds || other.depth - one.depth);
  return newestFirst.map(({ checkpoint }) => checkpoint);
}
