import { join } from 'node:path';
import type { BackupRequest } from '../core/check/backup.js';
import { throwProblems } from '../core/error.js';
import { problem } from '../core/problem.js';
import { machineFiles } from '../store/file-system.js';
import { copyPath } from './file-names.js';
import { manifestFile } from './manifest-files.js';

/**
 * That a backup takes the place of no file: QEMU empties one that is there, and it may be all that an older backup has.
 *
 * @throws {@link CheckpointError} `manifest-exists`, `image-exists`.
 */
export async function expectNewFiles(directory: string, { mode, disks }: BackupRequest, name: string): Promise<void> {
  const manifest = join(directory, manifestFile(name));
  const copies = mode === 'push' ? [] : disks.map(({ diskTarget }) => copyPath(directory, diskTarget, name));
  const images = [...disks.map(({ image }) => image.filename), ...copies];
  const there = async (filename: string) => ((await machineFiles.exists(filename)) ? [filename] : []);
  throwProblems([
    ...(await there(manifest)).map((filename) => problem({ code: 'manifest-exists', filename })),
    ...(await Promise.all(images.map(there))).flat().map((filename) => problem({ code: 'image-exists', filename })),
  ]);
}
