import { basename, join } from 'node:path';
import type { BackupRequest } from '../core/check/backup.js';
import { throwProblems } from '../core/error.js';
import { type BackupManifest, parseBackupManifest } from '../core/model/backup-manifest.js';
import { problem } from '../core/problem.js';
import { machineFiles } from '../store/file-system.js';
import { copyPath } from './file-names.js';
import { manifestFile } from './manifest-files.js';

/**
 * That a backup takes the place of no file: QEMU empties one that is there, and it may be all that an older backup has. And that
 * its manifest can be written: what that cannot hold would be found out only when all is copied.
 *
 * @throws {@link CheckpointError} `manifest-exists`, `image-exists`, and as {@link parseBackupManifest}.
 */
export async function expectNewFiles(
  directory: string,
  { mode, disks }: BackupRequest,
  { name, domain }: { readonly name: string; readonly domain: string },
): Promise<void> {
  parseBackupManifest(manifestLike(mode, disks, { name, domain }));
  const manifest = join(directory, manifestFile(name));
  const copies = mode === 'push' ? [] : disks.map(({ diskTarget }) => copyPath(directory, diskTarget, name));
  const images = [...disks.map(({ image }) => image.filename), ...copies];
  const there = async (filename: string) => ((await machineFiles.exists(filename)) ? [filename] : []);
  throwProblems([
    ...(await there(manifest)).map((filename) => problem({ code: 'manifest-exists', filename })),
    ...(await Promise.all(images.map(there))).flat().map((filename) => problem({ code: 'image-exists', filename })),
  ]);
}

/** What the manifest will say of names. */
function manifestLike(
  mode: BackupRequest['mode'],
  disks: BackupRequest['disks'],
  names: { readonly name: string; readonly domain: string },
): BackupManifest {
  const about = { version: 1, timeSeconds: 0, mode, qemuVersion: '0', ...names } as const;
  return {
    ...about,
    disks: disks.map(({ diskTarget, image }) => ({
      diskTarget,
      file: mode === 'push' ? basename(image.filename) : basename(copyPath('', diskTarget, names.name)),
      format: 'qcow2',
      inCheckpoint: false,
      virtualSize: 0,
      bytes: 0,
    })),
  };
}
