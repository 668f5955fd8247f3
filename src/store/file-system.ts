import { constants } from 'node:fs';
import { lstat, mkdir, open, readdir, readFile, rename, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import { StoreError } from './error.js';
import { type StoreLock, takeLock } from './lock.js';

/** The operations a store is made of. Each is done when its promise resolves; a crash may come between any two. */
export interface FileSystem {
  /** Makes a folder that only its owner may enter, and those above it; does nothing where it is there. */
  makeFolder(path: string): Promise<void>;
  /** The names in a folder; `undefined` where there is no such folder. */
  list(path: string): Promise<readonly string[] | undefined>;
  /** The bytes of a file; `undefined` where there is none. */
  read(path: string): Promise<Uint8Array | undefined>;
  exists(path: string): Promise<boolean>;
  /** Makes a file that only its owner may read, or replaces its content. */
  write(path: string, text: string): Promise<void>;
  /** Waits until the content of a file, or the names in a folder, would outlast a loss of power. */
  sync(path: string): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  remove(path: string): Promise<void>;
  lock(folder: string): Promise<StoreLock>;
}

/** The file system of this machine. */
export const machineFiles: FileSystem = {
  makeFolder: (path) => attempt('make', path, () => makeFolder(path)),
  list: (path) => attempt('list', path, () => unlessMissing(readdir(path))),
  read: (path) => attempt('read', path, () => unlessMissing(readFile(path))),
  exists: (path) => attempt('look at', path, async () => (await unlessMissing(lstat(path))) !== undefined),
  write: (path, text) => attempt('write', path, () => write(path, text)),
  sync: (path) => attempt('sync', path, () => sync(path)),
  rename: (from, to) => attempt('write', to, () => rename(from, to)),
  remove: (path) => attempt('remove', path, () => unlink(path)),
  lock: (folder) => attempt('lock', folder, () => takeLock(folder)),
};

async function attempt<T>(operation: string, path: string, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (cause) {
    throw cause instanceof StoreError ? cause : new StoreError({ kind: 'io', path, operation }, { cause });
  }
}

async function unlessMissing<T>(result: Promise<T>): Promise<T | undefined> {
  try {
    return await result;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

async function makeFolder(path: string): Promise<void> {
  const topmost = await mkdir(path, { recursive: true, mode: 0o700 });
  if (topmost === undefined) return;
  // A new folder is lost with the power until the one above it is synced.
  for (let above = dirname(path); ; above = dirname(above)) {
    await sync(above);
    if (above === dirname(topmost)) return;
  }
}

async function write(path: string, text: string): Promise<void> {
  const { O_WRONLY, O_CREAT, O_TRUNC } = constants;
  await using file = await open(path, O_WRONLY | O_CREAT | O_TRUNC, 0o600);
  await file.writeFile(text);
}

async function sync(path: string): Promise<void> {
  await using file = await open(path, constants.O_RDONLY);
  await file.sync();
}
