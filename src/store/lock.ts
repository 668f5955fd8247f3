import { spawn } from 'node:child_process';
import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import { StoreError } from './error.js';

/** The right to write to a store, held until it is released or this process dies, however it dies. */
export interface StoreLock {
  release(): Promise<void>;
}

/**
 * Takes the lock of a folder.
 *
 * The system's flock belongs to an open file, not to a process: the program `flock` takes it on a file that this process
 * opened and shares with it, and ends. The file stays open here, so the lock stays taken, and the kernel frees it with the
 * last of this process. No lock is ever left behind, and no process number has to be believed: the one in the file is for
 * people.
 *
 * @throws {@link StoreError} `locked` where another handle has it, `lock-unavailable` where there is no program `flock`.
 */
export async function takeLock(folder: string): Promise<StoreLock> {
  const file = await open(join(folder, 'lock'), constants.O_RDWR | constants.O_CREAT, 0o600);
  try {
    if (!(await lockFile(file, folder)))
      throw new StoreError({ kind: 'locked', path: folder, ...(await holderOf(file)) });
    await file.truncate();
    await file.write(`${process.pid}\n`, 0);
  } catch (error) {
    await file.close();
    throw error;
  }
  return {
    async release() {
      // The next one to be refused is not to be told of this process.
      await file.truncate().finally(() => file.close());
    },
  };
}

async function lockFile(file: FileHandle, folder: string): Promise<boolean> {
  const child = spawn('flock', ['-n', '3'], { stdio: ['ignore', 'ignore', 'pipe', file.fd] });
  let complaint = '';
  child.stderr?.on('data', (text) => {
    complaint += text;
  });
  const status = await new Promise<number | null>((resolve, reject) => {
    child.once('error', (cause: NodeJS.ErrnoException) => {
      reject(cause.code === 'ENOENT' ? new StoreError({ kind: 'lock-unavailable', path: folder }, { cause }) : cause);
    });
    child.once('close', resolve);
  });
  if (status === 0) return true;
  if (status === 1 && complaint === '') return false;
  throw new Error(complaint.trim() || `flock ended with status ${status}`);
}

async function holderOf(file: FileHandle): Promise<{ readonly holderPid?: number }> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(20), 0, 20, 0);
  const holderPid = Number(buffer.toString('latin1', 0, bytesRead));
  return Number.isInteger(holderPid) && holderPid > 0 ? { holderPid } : {};
}
