import type { BackupManifest, BackupManifestDisk, CheckpointIdentity } from '../../src/index.js';

/** The checkpoint of a backup that was made so many seconds after the first one. */
export function checkpointOf(name: string, second: number): CheckpointIdentity {
  return { name, creationTimeSeconds: 1700000000 + second };
}

/** One disk of a backup, full or since a checkpoint. */
export function backupDisk(diskTarget: string, file: string, base?: CheckpointIdentity): BackupManifestDisk {
  const common = { diskTarget, file, format: 'qcow2', inCheckpoint: true, virtualSize: 2 ** 24, bytes: 65536 } as const;
  return { ...common, ...(base !== undefined && { base, granularity: 65536 }) };
}

/** A backup that began with a checkpoint of its own name. */
export function manifest(
  name: string,
  second: number,
  disks: readonly BackupManifestDisk[],
  more: Partial<BackupManifest> = {},
): BackupManifest {
  return {
    version: 1,
    name,
    domain: 'web',
    timeSeconds: 1700000000 + second,
    mode: 'push',
    qemuVersion: '10.0.2',
    checkpoint: checkpointOf(name, second),
    disks,
    ...more,
  };
}

/** A full backup of disk vda, and one after the other on top of it: each by its name, a second apart. */
export function backupLine(...names: readonly string[]): readonly BackupManifest[] {
  return names.map((name, second) => {
    const below = names[second - 1];
    const base = below === undefined ? undefined : checkpointOf(below, second - 1);
    return manifest(name, second, [backupDisk('vda', `${name}-vda.qcow2`, base)]);
  });
}
