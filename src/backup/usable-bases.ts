import { backupBases } from '../core/check/backup-bases.js';
import type { CheckpointIdentity } from '../core/model/checkpoint-identity.js';
import { machineFiles } from '../store/file-system.js';
import { readManifests } from './manifest-files.js';

/** The checkpoints on which a backup of a disk can build, the newest first. */
export type UsableBases = (diskTarget: string) => readonly CheckpointIdentity[];

/** Those of one domain whose backups lie in a folder, with all the files that they build on. */
export async function usableBases(directory: string, domain: string): Promise<UsableBases> {
  const present = new Set(await machineFiles.list(directory));
  const { manifests } = present.size === 0 ? { manifests: [] } : await readManifests(directory);
  const ofDomain = manifests.filter((manifest) => manifest.domain === domain);
  const there = ofDomain.map((manifest) => ({
    ...manifest,
    disks: manifest.disks.filter(({ file }) => present.has(file)),
  }));
  return (diskTarget) => backupBases(there, diskTarget);
}
