import { execFile } from 'node:child_process';
import { mkdir, readFile, rm } from 'node:fs/promises';
import { promisify } from 'node:util';
import { type BackupManifest, planRestore, type RestoreRequest } from '../../../src/index.js';
import type { Qemu } from './find-qemu.js';

const run = promisify(execFile);

/** Restores disks by the commands that are planned for it, and says on which of them the bytes are not those that they had. */
export async function wronglyRestored(
  qemu: Qemu,
  manifests: readonly BackupManifest[],
  request: Omit<RestoreRequest, 'format'>,
  references: ReadonlyMap<string, Buffer> | undefined,
): Promise<readonly string[]> {
  await mkdir(request.output, { recursive: true });
  const { commands } = planRestore(manifests, { ...request, format: 'raw' });
  for (const { args } of commands) await run(qemu.img, args);
  const wrong: string[] = [];
  for (const { diskTarget, output, temporary } of commands) {
    const wanted = references?.get(diskTarget);
    if (!temporary && (wanted === undefined || !wanted.equals(await readFile(output)))) wrong.push(diskTarget);
    await rm(output);
  }
  return wrong;
}
