import { join } from 'node:path';
import * as z from 'zod';
import type { BackupLayer } from '../core/check/backup-chain.js';
import type { BackupManifestDisk } from '../core/model/backup-manifest.js';
import { type Problem, problem } from '../core/problem.js';
import { machineFiles } from '../store/file-system.js';
import { isToolError, type ToolError } from './error.js';
import type { ImageTools } from './read-export.js';
import { runTool } from './run-tool.js';

/** How files of backups are looked at. */
export interface CheckOptions {
  readonly signal?: AbortSignal | undefined;
  /** Where QEMU's tools are, if not on the path. */
  readonly tools?: ImageTools | undefined;
}

/**
 * Says what is wrong with the file of a backup, without reading its data: it is not there, is not the image that its manifest tells
 * of, or its tables are damaged, as when its end is missing.
 *
 * @throws {@link ToolError} where qemu-img is not there; the signal's reason.
 * @see `qemu-img info`, `qemu-img check`
 */
export async function checkFile(
  folder: string,
  { backup, disk }: BackupLayer,
  options: CheckOptions = {},
): Promise<readonly Problem[]> {
  const { diskTarget, file, format } = disk;
  const filename = join(folder, file);
  const where = { backup, diskTarget, filename };
  if (!(await machineFiles.exists(filename))) return [problem({ code: 'backup-file-missing', ...where })];
  const image = imageOf(filename, disk);
  const { output, error } = await ask(['info', '--output=json', image], options);
  if (error !== undefined) return [problem({ code: 'backup-file-damaged', ...where, reason: reasonOf(error) })];
  const { 'virtual-size': size, 'format-specific': specific } = infoSchema.parse(JSON.parse(output));
  const problems: Problem[] = [];
  const [found, expected] = [String(size), String(disk.virtualSize)];
  if (found !== expected) {
    problems.push(problem({ code: 'backup-file-differs', ...where, what: 'virtual-size', found, expected }));
  }
  const elsewhere = specific?.data?.['data-file'];
  if (elsewhere !== undefined) {
    const reason = `it says that its data is in another file, ${JSON.stringify(elsewhere)}`;
    problems.push(problem({ code: 'backup-file-damaged', ...where, reason }));
  }
  const reason = format === 'qcow2' && problems.length === 0 ? await checkTables(image, options) : undefined;
  return reason === undefined ? problems : [problem({ code: 'backup-file-damaged', ...where, reason })];
}

/** Whatever the header says of an image below does not count. */
function imageOf(filename: string, { format }: BackupManifestDisk): string {
  const below = format === 'qcow2' ? { backing: null } : {};
  return `json:${JSON.stringify({ driver: format, file: { driver: 'file', filename }, ...below })}`;
}

async function checkTables(image: string, options: CheckOptions): Promise<string | undefined> {
  const { output, error } = await ask(['check', '--output=json', image], options);
  if (error === undefined) return undefined;
  // It tells what it found, and ends badly too where only space is wasted.
  if (output === '') return reasonOf(error);
  const { corruptions = 0, 'check-errors': failures = 0 } = checkSchema.parse(JSON.parse(output));
  return corruptions + failures === 0
    ? undefined
    : `qemu-img check finds ${corruptions + failures} errors in its tables`;
}

async function ask(
  args: readonly string[],
  { signal, tools }: CheckOptions,
): Promise<{ readonly output: string; readonly error?: ToolError }> {
  const lines: string[] = [];
  const output = () => lines.join('\n');
  try {
    await runTool(tools?.img ?? 'qemu-img', args, { signal, onLine: (line) => lines.push(line) });
    return { output: output() };
  } catch (error) {
    if (!isToolError(error) || error.missing) throw error;
    return { output: output(), error };
  }
}

/** What stands behind the name of the image, which the problem tells already. */
function reasonOf({ message }: ToolError): string {
  return /': (.+)$/s.exec(message)?.[1] ?? message;
}

const infoSchema = z.object({
  'virtual-size': z.int(),
  'format-specific': z.optional(z.object({ data: z.optional(z.object({ 'data-file': z.optional(z.string()) })) })),
});

const checkSchema = z.object({ corruptions: z.optional(z.int()), 'check-errors': z.optional(z.int()) });
