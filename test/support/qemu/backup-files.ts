import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFile, mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { BackupManifest } from '../../../src/index.js';
import { writeManifest } from '../../../src/live.js';
import { backupDisk, checkpointOf, manifest } from '../backup-manifests.js';
import type { Qemu } from './find-qemu.js';

const run = promisify(execFile);
const KiB = 1024;

/** What a guest has done to its disk until a backup. */
export interface BackupStep {
  readonly sizeKiB: number;
  /** Where it wrote which byte, in KiB, whole clusters of 64; 0 as zeros that are told as such. */
  readonly writes: readonly (readonly [offset: number, length: number, byte: number])[];
}

/** Backups of one disk, made of files alone: the first is full, and each of the others builds on the one before. */
export interface BackupFiles {
  readonly folder: string;
  readonly manifests: readonly BackupManifest[];
  /** The bytes of the disk at each point, by its name. */
  readonly references: ReadonlyMap<string, Buffer>;
  /** All that can be seen of the files without changing them. */
  look(): Promise<readonly object[]>;
}

/** Makes them with the tools of a QEMU. The headers of incremental files name an image that is not there. */
export async function backupFiles(
  qemu: Qemu,
  folder: string,
  steps: readonly BackupStep[],
  format: 'qcow2' | 'raw' = 'qcow2',
): Promise<BackupFiles> {
  await mkdir(folder);
  const manifests: BackupManifest[] = [];
  const references = new Map<string, Buffer>();
  const empty = new Map<number, string>();
  let content: Buffer = Buffer.alloc(0);
  for (const [second, step] of steps.entries()) {
    const name = `p${second}`;
    content = after(content, step);
    references.set(name, content);
    const file = `${name}: vda,a=%27.${second === 0 ? format : 'qcow2'}`;
    const filename = join(folder, file);
    if (second === 0) await writeFull(qemu, filename, content, format);
    else await writeIncremental(qemu, filename, step, empty);
    const base = second === 0 ? undefined : checkpointOf(`p${second - 1}`, second - 1);
    const sha256 = createHash('sha256')
      .update(await readFile(filename))
      .digest('hex');
    const disk = { ...backupDisk('vda', file, base), virtualSize: step.sizeKiB * KiB, sha256 };
    manifests.push(manifest(name, second, [second === 0 ? { ...disk, format } : disk]));
    await writeManifest(folder, manifests.at(-1) as BackupManifest);
  }
  return { folder, manifests, references, look: () => look(folder) };
}

/** The bytes of an image. */
export async function bytesOf(qemu: Qemu, image: string, format: 'qcow2' | 'raw'): Promise<Buffer> {
  if (format === 'raw') return await readFile(image);
  await run(qemu.img, ['convert', '-f', format, '-O', 'raw', image, `${image}.bytes`]);
  return await readFile(`${image}.bytes`);
}

function after(before: Buffer, { sizeKiB, writes }: BackupStep): Buffer {
  const content = Buffer.alloc(sizeKiB * KiB);
  before.copy(content);
  for (const [offset, length, byte] of writes) content.fill(byte, offset * KiB, (offset + length) * KiB);
  return content;
}

async function writeFull(qemu: Qemu, filename: string, content: Buffer, format: 'qcow2' | 'raw'): Promise<void> {
  const raw = format === 'raw' ? filename : `${filename}.raw`;
  await writeFile(raw, content);
  if (format === 'raw') return;
  await run(qemu.img, ['convert', '-f', 'raw', '-O', format, raw, filename]);
  await run('rm', [raw]);
}

async function writeIncremental(
  qemu: Qemu,
  filename: string,
  { sizeKiB, writes }: BackupStep,
  empty: Map<number, string>,
): Promise<void> {
  const same = writes.length === 0 ? empty.get(sizeKiB) : undefined;
  if (same !== undefined) return await copyFile(same, filename);
  await run(qemu.img, ['create', '-q', '-f', 'qcow2', '-u', '-b', '/nowhere', '-F', 'raw', filename, `${sizeKiB}k`]);
  if (writes.length === 0) {
    empty.set(sizeKiB, filename);
    return;
  }
  const commands = writes.flatMap(([offset, length, byte]) => [
    '-c',
    `write ${byte === 0 ? '-z' : `-P ${byte}`} ${offset}k ${length}k`,
  ]);
  const image = { driver: 'qcow2', file: { driver: 'file', filename }, backing: null };
  await run(qemu.io, [...commands, `json:${JSON.stringify(image)}`]);
}

async function look(folder: string): Promise<readonly object[]> {
  const names = (await readdir(folder)).toSorted();
  return await Promise.all(
    names.map(async (name) => {
      const { ino, mode, size, mtimeNs, ctimeNs } = await stat(join(folder, name), { bigint: true });
      const content = createHash('sha256').update(await readFile(join(folder, name)));
      return { name, ino, mode, size, mtimeNs, ctimeNs, content: content.digest('hex') };
    }),
  );
}
