import { resolve } from 'node:path';
import { readManifests } from '../backup/manifest-files.js';
import { type RestoreProgress, restoreBackup } from '../backup/restore.js';
import { type VerifyProgress, verifyBackupFiles } from '../backup/verify-files.js';
import type { BackupChain } from '../core/check/backup-chain.js';
import type { BackupManifest } from '../core/model/backup-manifest.js';
import { planRestore, type RestorePlan, type RestoreRequest } from '../core/plan/restore.js';
import type { Options } from './options.js';
import { alignColumns, formatTime } from './table.js';
import { bar } from './tell-progress.js';
import type { Terminal } from './terminal.js';

/** Runs a command on the files of backups. @returns Whether all is well. */
export async function runOnBackupFiles(options: Options, terminal: Terminal): Promise<boolean> {
  const { command, directory = '.' } = options;
  const folder = resolve(directory);
  return command === 'verify'
    ? await runVerify(folder, options, terminal)
    : await runRestore(folder, options, terminal);
}

async function runVerify(folder: string, { json }: Options, terminal: Terminal): Promise<boolean> {
  const { signal } = terminal;
  const { manifests, problems: damaged } = await readManifests(folder);
  const onProgress = json ? undefined : tellVerify(terminal);
  const { chains, problems: found } = await verifyBackupFiles(folder, manifests, { signal, onProgress });
  const problems = [...damaged, ...found];
  if (json) {
    terminal.print(JSON.stringify({ chains, problems }));
    return problems.length === 0;
  }
  for (const line of tableOf(manifests, chains)) terminal.print(line);
  for (const { text } of problems) terminal.complain(text);
  return problems.length === 0;
}

async function runRestore(folder: string, options: Options, terminal: Terminal): Promise<boolean> {
  const { point = '', output = '.', only, format, overwrite, dryRun, json } = options;
  const request: RestoreRequest = {
    point,
    folder,
    output: resolve(output),
    ...(only !== undefined && { diskTargets: only }),
    ...(format !== undefined && { format }),
  };
  const { manifests, problems } = await readManifests(folder);
  // What the point needs of them is found to be missing.
  if (!json) for (const { text } of problems) terminal.complain(`warning: ${text}`);
  if (dryRun) {
    explainRestore(planRestore(manifests, request), json, terminal);
    return true;
  }
  const onProgress = json ? undefined : tellRestore(terminal);
  const plan = await restoreBackup(manifests, request, { signal: terminal.signal, overwrite, onProgress });
  const images = plan.commands.filter(({ temporary }) => !temporary);
  if (json) {
    const made = images.map(({ diskTarget, output: filename }) => ({ diskTarget, filename }));
    terminal.print(JSON.stringify({ point, timeSeconds: plan.timeSeconds, images: made, warnings: problems }));
    return true;
  }
  for (const image of images) {
    terminal.print(`restored: ${image.diskTarget} as of ${formatTime(plan.timeSeconds)} in ${image.output}`);
  }
  return true;
}

/**
 * @example
 * ```
 * backup   time                  vda      vdb
 * tuesday  2023-11-15 22:13:20Z  2 files  base-missing
 * monday   2023-11-14 22:13:20Z  full     -
 * ```
 */
function tableOf(manifests: readonly BackupManifest[], chains: readonly BackupChain[]): readonly string[] {
  if (manifests.length === 0) return ['no backups'];
  const targets = [...new Set(chains.map(({ diskTarget }) => diskTarget))];
  const rows = manifests.toReversed().map(({ name, timeSeconds, disks }) => {
    const cells = targets.map((target) => {
      const disk = disks.find(({ diskTarget }) => diskTarget === target);
      return cellOf(chains.find(({ layers }) => disk !== undefined && layers[0]?.disk.file === disk.file));
    });
    return [name, formatTime(timeSeconds), ...cells];
  });
  return alignColumns([['backup', 'time', ...targets], ...rows]);
}

function cellOf(chain: BackupChain | undefined): string {
  if (chain === undefined) return '-';
  const [problem] = chain.problems;
  if (problem !== undefined) return problem.code.replace(/^backup-/, '');
  return chain.layers.length === 1 ? 'full' : `${chain.layers.length} files`;
}

function explainRestore(plan: RestorePlan, json: boolean, terminal: Terminal): void {
  if (json) {
    terminal.print(JSON.stringify(plan));
    return;
  }
  for (const { program, args, why } of plan.commands) {
    terminal.print(`# ${why}`);
    terminal.print([program, ...args].map(quoted).join(' '));
  }
}

/** As a shell reads it. */
function quoted(word: string): string {
  return /^[\w./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

function tellRestore(terminal: Terminal): (progress: RestoreProgress) => void {
  let told = 0;
  return ({ command, index, total, percent }) => {
    const place = `${index + 1}/${total}`;
    const whole = Math.floor(percent);
    if (whole === 0) told = 0;
    if (terminal.rewrite !== undefined) terminal.rewrite(`${place} ${command.diskTarget} [${bar(whole)}] ${whole} %`);
    else if (whole < 100 && whole - told >= 10) {
      told = whole - (whole % 10);
      terminal.complain(`${place} ${command.diskTarget} ${told} %`);
    }
  };
}

function tellVerify({ rewrite }: Terminal): (progress: VerifyProgress) => void {
  return ({ filename, index, total }) => rewrite?.(`${index + 1}/${total} ${filename}`);
}
