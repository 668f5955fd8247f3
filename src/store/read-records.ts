import { join } from 'node:path';
import { isCheckpointError } from '../core/error.js';
import { StoreError } from './error.js';
import type { FileSystem } from './file-system.js';
import { type CheckpointRecord, fileOf, isRecordFile, parseRecord } from './record.js';
import { storedCheckpoints } from './stored-checkpoints.js';

const mostAttempts = 20;

/**
 * Reads all files of a store as they were at one time, though another process may be writing it.
 *
 * 1. files that could not be a checkpoint's by their name are not the store's and not looked at;
 * 2. where a file vanished or came while the others were read, all are read again;
 * 3. what does not fit together is read again too, until it is the same twice: then that is how it is.
 *
 * @throws {@link StoreError} `not-found`, `damaged`, `version-unknown`, `io`; `busy` where it goes on changing.
 */
export async function readRecords(files: FileSystem, folder: string): Promise<readonly CheckpointRecord[]> {
  let before: string | undefined;
  for (let attempt = 0; attempt < mostAttempts; attempt += 1) {
    const contents = await readContents(files, folder);
    if (contents === undefined) continue;
    const records = contents.map(([file, bytes]) => parseRecord(file, join(folder, file), bytes));
    const error = faultOf(records, folder);
    if (error === undefined) return records;
    // 3
    const now = JSON.stringify(records);
    if (now === before) throw error;
    before = now;
  }
  throw new StoreError({ kind: 'busy', path: folder });
}

type Contents = readonly (readonly [file: string, bytes: Uint8Array])[];

async function readContents(files: FileSystem, folder: string): Promise<Contents | undefined> {
  const names = await listRecords(files, folder);
  const contents: [string, Uint8Array][] = [];
  for (const file of names) {
    const bytes = await files.read(join(folder, file));
    // 2
    if (bytes === undefined) return undefined;
    contents.push([file, bytes]);
  }
  const after = await listRecords(files, folder);
  return names.join('/') === after.join('/') ? contents : undefined;
}

async function listRecords(files: FileSystem, folder: string): Promise<readonly string[]> {
  const names = await files.list(folder);
  if (names === undefined) throw new StoreError({ kind: 'not-found', path: folder });
  // 1
  return names.filter(isRecordFile).toSorted();
}

function faultOf(records: readonly CheckpointRecord[], folder: string): StoreError | undefined {
  try {
    storedCheckpoints(records);
  } catch (cause) {
    if (!isCheckpointError(cause)) throw cause;
    const reason = cause.problems.map(({ text }) => text).join('; ');
    const [problem] = cause.problems;
    const named = problem !== undefined && 'checkpoint' in problem ? problem.checkpoint : undefined;
    // Of two files of one checkpoint the one that is not called like it is more likely the copy.
    const concerned = records.filter(({ checkpoint }) => checkpoint.name === named).toReversed();
    const file = concerned.find((record) => record.file !== fileOf(record.checkpoint.name)) ?? concerned[0];
    return new StoreError({ kind: 'damaged', path: join(folder, file?.file ?? ''), reason }, { cause });
  }
  return undefined;
}
