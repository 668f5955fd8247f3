import { join } from 'node:path';
import {
  type BackupChain,
  type BackupChains,
  type BackupLayer,
  verifyBackupChain,
} from '../core/check/backup-chain.js';
import type { BackupManifest } from '../core/model/backup-manifest.js';
import { type Problem, problem } from '../core/problem.js';
import { type CheckOptions, checkFile } from './check-file.js';
import { sha256Of } from './seal-file.js';

/** How backups are verified. */
export interface VerifyOptions extends CheckOptions {
  /** Told of each file before it is looked at. */
  readonly onProgress?: ((progress: VerifyProgress) => void) | undefined;
}

/** Which file is looked at. */
export interface VerifyProgress {
  readonly backup: string;
  readonly diskTarget: string;
  readonly filename: string;
  /** From 0. */
  readonly index: number;
  readonly total: number;
}

/**
 * Says of each backup and disk whether it can be restored: by the manifests, as {@link verifyBackupChain}, and by the files that
 * are needed for it. Each is there, an image of the format and size that its manifest tells, sound by `qemu-img check`, and has
 * the sha256 that the manifest tells, where it tells one: without that, what has changed inside a file is not seen.
 *
 * The files are read only, one after the other, with little memory.
 *
 * @param manifests - Of all backups in the folder: {@link readManifests}.
 * @throws {@link CheckpointError} with the problems of {@link parseBackupManifest}.
 * @throws {@link ToolError} where qemu-img is not there; the signal's reason.
 * @example
 * ```ts
 * const { manifests, problems: damaged } = await readManifests('/backup/web');
 * const { problems } = await verifyBackupFiles('/backup/web', manifests);
 * problems.concat(damaged).map(({ text }) => text); // []
 * ```
 * @see `qemu-img info`, `qemu-img check`
 */
export async function verifyBackupFiles(
  folder: string,
  manifests: readonly BackupManifest[],
  options: VerifyOptions = {},
): Promise<BackupChains> {
  const { chains, problems } = verifyBackupChain(manifests);
  const faults = new Map<BackupLayer['disk'], readonly Problem[]>();
  for (const [index, { layers }] of chains.entries()) {
    const [layer] = layers;
    if (layer === undefined) continue;
    const { backup, disk } = layer;
    const filename = join(folder, disk.file);
    options.onProgress?.({ backup, diskTarget: disk.diskTarget, filename, index, total: chains.length });
    faults.set(disk, await examineFile(folder, layer, options));
  }
  const withFiles = chains.map((chain): BackupChain => {
    const found = chain.layers.flatMap(({ disk }) => faults.get(disk) ?? []);
    return { ...chain, problems: [...chain.problems, ...found] };
  });
  return { chains: withFiles, problems: [...problems, ...[...faults.values()].flat()] };
}

async function examineFile(folder: string, layer: BackupLayer, options: CheckOptions): Promise<readonly Problem[]> {
  const problems = await checkFile(folder, layer, options);
  const { backup, disk } = layer;
  const { diskTarget, sha256: expected } = disk;
  if (problems.length > 0 || expected === undefined) return problems;
  const filename = join(folder, disk.file);
  const found = await sha256Of(filename, options.signal);
  if (found === expected) return [];
  return [problem({ code: 'backup-file-differs', backup, diskTarget, filename, what: 'sha256', found, expected })];
}
