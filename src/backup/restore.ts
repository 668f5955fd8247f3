import { randomUUID } from 'node:crypto';
import { realpath, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { verifyBackupChain } from '../core/check/backup-chain.js';
import { throwProblems } from '../core/error.js';
import type { BackupManifest } from '../core/model/backup-manifest.js';
import { type ImageCommand, planRestore, type RestorePlan, type RestoreRequest } from '../core/plan/restore.js';
import { type Problem, problem } from '../core/problem.js';
import { machineFiles } from '../store/file-system.js';
import { type CheckOptions, checkFile } from './check-file.js';
import { runTool } from './run-tool.js';

/** How disks are restored. */
export interface RestoreOptions extends CheckOptions {
  /** Images that are there already are replaced, once the new ones are whole. */
  readonly overwrite?: boolean | undefined;
  readonly onProgress?: ((progress: RestoreProgress) => void) | undefined;
}

/** How far a restore is. */
export interface RestoreProgress {
  readonly command: ImageCommand;
  /** Its place among all, from 0. */
  readonly index: number;
  readonly total: number;
  /** Of this command. */
  readonly percent: number;
}

/**
 * Restores disks as they were at one point: each becomes an image of its own in the output folder.
 *
 * The files of the backups are read only. Before anything is made, those that are needed are looked at: they are there, of the format
 * and size that their manifests tell, and sound by `qemu-img check`. The images are made in a folder of their own inside the output
 * folder, and moved to their places when all of them are whole and on disk. If one fails or the signal is aborted, all of them go;
 * if this process is killed, only that folder is left, which is called `.restoring-…`.
 *
 * @param manifests - Of all backups in the folder: {@link readManifests}.
 * @returns The plan that was carried out, the images by their places.
 *
 * @throws {@link CheckpointError} with the problems of {@link planRestore}; or with `backup-folder-not-found`, `image-exists`,
 * `backup-file-missing`, `backup-file-damaged`, `backup-file-differs`. Nothing was made then.
 * @throws {@link ToolError} with what qemu-img complained of, or where it is not there; {@link StoreError} `io`, where the
 * system refuses; the signal's reason.
 *
 * @example
 * ```ts
 * const { manifests } = await readManifests('/backup/web');
 * const request = { point: 'tuesday', folder: '/backup/web', output: '/images' };
 * const { commands } = await restoreBackup(manifests, request);
 * commands.map(({ output }) => output); // ['/images/vda.qcow2']
 * ```
 * @see `qemu-img convert`
 */
export async function restoreBackup(
  manifests: readonly BackupManifest[],
  request: RestoreRequest,
  options: RestoreOptions = {},
): Promise<RestorePlan> {
  planRestore(manifests, request);
  const folder = await realFolder(request.folder);
  await machineFiles.makeFolder(request.output);
  // By its real path a folder is known again, so that no image takes the place of a file of a backup.
  const real = { ...request, folder, output: await realpath(request.output) };
  const plan = planRestore(manifests, real);
  const images = plan.commands.filter(({ temporary }) => !temporary);
  throwProblems([...(await existing(images, options)), ...(await faultsOf(manifests, real, images, options))]);
  const workshop = join(real.output, `.restoring-${randomUUID()}`);
  await machineFiles.makeFolder(workshop);
  try {
    await runCommands(planRestore(manifests, { ...real, output: workshop }).commands, options);
    const made = images.map(({ output }) => ({ from: join(workshop, basename(output)), to: output }));
    // qemu-img does not wait until its image is on disk.
    for (const { from } of made) await machineFiles.sync(from);
    options.signal?.throwIfAborted();
    throwProblems(await existing(images, options));
    for (const { from, to } of made) await machineFiles.rename(from, to);
    await machineFiles.sync(real.output);
  } finally {
    await rm(workshop, { recursive: true, force: true });
  }
  return plan;
}

async function realFolder(folder: string): Promise<string> {
  if ((await machineFiles.list(folder)) === undefined) {
    throwProblems([problem({ code: 'backup-folder-not-found', filename: folder })]);
  }
  return await realpath(folder);
}

async function existing(
  images: readonly ImageCommand[],
  { overwrite = false }: RestoreOptions,
): Promise<readonly Problem[]> {
  const problems: Problem[] = [];
  for (const { output: filename } of overwrite ? [] : images) {
    if (await machineFiles.exists(filename)) problems.push(problem({ code: 'image-exists', filename }));
  }
  return problems;
}

async function faultsOf(
  manifests: readonly BackupManifest[],
  { point, folder }: RestoreRequest,
  images: readonly ImageCommand[],
  options: RestoreOptions,
): Promise<readonly Problem[]> {
  const wanted = new Set(images.map(({ diskTarget }) => diskTarget));
  const { chains } = verifyBackupChain(manifests);
  const layers = chains
    .filter((chain) => chain.point === point && wanted.has(chain.diskTarget))
    .flatMap((chain) => chain.layers);
  const problems: Problem[] = [];
  for (const layer of layers) problems.push(...(await checkFile(folder, layer, options)));
  return problems;
}

async function runCommands(commands: readonly ImageCommand[], options: RestoreOptions): Promise<void> {
  const { signal, tools, onProgress } = options;
  let part: string | undefined;
  for (const [index, command] of commands.entries()) {
    const { program, args, output, temporary } = command;
    const tell = (percent: number) => onProgress?.({ command, index, total: commands.length, percent });
    tell(0);
    const [name = '', ...rest] = args;
    await runTool(tools?.img ?? program, [name, '-p', ...rest], {
      signal,
      onLine: (line) => {
        const [, percent] = /\((\d+(?:\.\d+)?)\/100%\)/.exec(line) ?? [];
        if (percent !== undefined) tell(Number(percent));
      },
    });
    if (part !== undefined) await machineFiles.remove(part);
    part = temporary ? output : undefined;
  }
}
