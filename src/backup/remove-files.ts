import { rm } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { readManifests } from './manifest-files.js';

/** Removes files of a folder that belong to no backup: of one that failed, and scratch images. Others are left alone. */
export async function removeFiles(directory: string, paths: readonly string[]): Promise<void> {
  const { manifests, problems } = await readManifests(directory);
  // One that cannot be read may be the one they belong to.
  if (problems.length > 0) return;
  const kept = new Set(manifests.flatMap(({ disks }) => disks.map(({ file }) => file)));
  for (const path of paths) {
    if (dirname(path) === directory && !kept.has(basename(path))) await rm(path, { force: true });
  }
}
