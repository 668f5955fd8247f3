import { join, resolve } from 'node:path';
import { isCheckpointError, throwProblems } from '../core/error.js';
import { type BackupManifest, parseBackupManifest } from '../core/model/backup-manifest.js';
import { type Problem, problem } from '../core/problem.js';
import { durableFiles } from '../store/durable-files.js';
import { type FileSystem, machineFiles } from '../store/file-system.js';
import { statementOf } from '../store/record.js';

/** The manifests that lie in a folder. */
export interface FoundManifests {
  /** The oldest first. */
  readonly manifests: readonly BackupManifest[];
  /** A problem for each file that should be one and cannot be read. */
  readonly problems: readonly Problem[];
}

const extension = '.backup.json';

/** The name of a backup's manifest in its folder. */
export function manifestFile(name: string): string {
  return `${encodeURIComponent(name)}${extension}`;
}

/**
 * Reads the manifests of all backups in a folder: the files that are called `<name>.backup.json`.
 *
 * One that cannot be read hides none of the others. It is named in `problems` (`manifest-damaged`), and what builds on its
 * backup is found out by {@link verifyBackupChain}.
 *
 * @throws {@link CheckpointError} with `backup-folder-not-found`.
 * @throws {@link StoreError} `io`, where the system refuses.
 */
export async function readManifests(folder: string, files: FileSystem = machineFiles): Promise<FoundManifests> {
  const directory = resolve(folder);
  const names = await files.list(directory);
  if (names === undefined) throwProblems([problem({ code: 'backup-folder-not-found', filename: directory })]);
  const manifests: BackupManifest[] = [];
  const problems: Problem[] = [];
  for (const name of (names ?? []).filter((each) => each.endsWith(extension)).toSorted()) {
    const bytes = await files.read(join(directory, name));
    // One that went away after the names were read was never there.
    if (bytes === undefined) continue;
    const found = readManifest(join(directory, name), bytes);
    if ('code' in found) problems.push(found);
    else manifests.push(found);
  }
  return { manifests: manifests.toSorted((one, other) => one.timeSeconds - other.timeSeconds), problems };
}

/**
 * Writes the manifest of a backup beside its files, as a whole or not at all, and so that it outlasts a loss of power: once it is
 * there, the backup is.
 *
 * @throws {@link CheckpointError} with `manifest-exists`, where the folder has a backup of that name; `invalid-input`.
 * @throws {@link StoreError} `io`, where the system refuses.
 */
export async function writeManifest(
  folder: string,
  manifest: BackupManifest,
  files: FileSystem = machineFiles,
): Promise<void> {
  const directory = resolve(folder);
  const checked = parseBackupManifest(manifest);
  const file = manifestFile(checked.name);
  const filename = join(directory, file);
  if (await files.exists(filename)) throwProblems([problem({ code: 'manifest-exists', filename })]);
  // Backups of other names may be made into the same folder at the same time.
  const durable = durableFiles(files, directory, `${file}.tmp`);
  await durable.replace(file, `${JSON.stringify(checked, undefined, 2)}\n`);
}

function readManifest(filename: string, bytes: Uint8Array): BackupManifest | Problem {
  try {
    return parseBackupManifest(JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)));
  } catch (error) {
    const reason = isCheckpointError(error) ? statementOf(error) : (error as Error).message;
    return problem({ code: 'manifest-damaged', filename, reason });
  }
}
