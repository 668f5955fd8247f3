import { basename } from 'node:path';
import type { Backup, BackupDisk } from '../core/model/backup.js';
import type { BackupManifest, BackupManifestDisk } from '../core/model/backup-manifest.js';
import type { CopyOutcome, WrittenFile } from './copy-outcome.js';
import type { DiskFailure } from './error.js';
import { sealFile, sha256Of } from './seal-file.js';

/** What the manifest says beside the backup itself. */
interface About {
  readonly name: string;
  readonly domain: string;
  readonly qemuVersion: string;
  readonly sha256: boolean;
  /** The files lie on this host. */
  readonly isHere: boolean;
}

/** What is kept with the files of a backup, once those are closed. */
export async function manifestOf(
  backup: Backup,
  complete: readonly CopyOutcome[],
  failures: readonly DiskFailure[],
  { sha256, isHere, ...about }: About,
): Promise<BackupManifest> {
  const disks: BackupManifestDisk[] = [];
  for (const outcome of complete) {
    const disk = backup.disks.find(({ diskTarget }) => diskTarget === outcome.diskTarget);
    if (disk === undefined || 'error' in outcome) continue;
    const { path } = outcome.file;
    if (isHere) await sealFile(path);
    disks.push({ ...manifestDisk(disk, outcome.file), ...(sha256 && { sha256: await sha256Of(path) }) });
  }
  const { mode, timeSeconds, checkpoint } = backup;
  const hasCheckpoint = checkpoint !== undefined && disks.some(({ inCheckpoint }) => inCheckpoint);
  const { name, domain, qemuVersion } = about;
  return {
    version: 1,
    name,
    domain,
    timeSeconds,
    mode,
    qemuVersion,
    ...(hasCheckpoint && { checkpoint: { name: checkpoint, creationTimeSeconds: timeSeconds } }),
    disks,
    ...(failures.length > 0 && { failed: failures.map(failureOf) }),
  };
}

function manifestDisk(disk: BackupDisk, { path, format, bytes }: WrittenFile): BackupManifestDisk {
  const { diskTarget, since, inCheckpoint, virtualSize, granularity } = disk;
  return {
    diskTarget,
    file: basename(path),
    format,
    ...(since !== undefined && { base: since }),
    inCheckpoint,
    virtualSize,
    ...(granularity !== undefined && { granularity }),
    bytes,
  };
}

function failureOf({ diskTarget, cause }: DiskFailure) {
  return { diskTarget, reason: cause instanceof Error ? cause.message : String(cause) };
}
