import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { isCheckpointError } from '../core/error.js';
import { StoreError } from './error.js';
import type { FileSystem } from './file-system.js';
import { type CheckpointRecord, fileOf, isRecordFile, parseRecord, statementOf } from './record.js';
import { storedCheckpoints } from './stored-checkpoints.js';

const mostAttempts = 20;

/**
 * Reads all files of a store.
 *
 * Files that could not be a checkpoint's by their name are not the store's and not looked at. While another process may be
 * writing, a part could be read before a change and a part after it; so all is read until it is the same twice.
 *
 * @param isShared - Another process may be writing.
 * @throws {@link StoreError} `not-found`, `damaged`, `version-unknown`, `io`; `busy` where it goes on changing.
 */
export async function readRecords(
  files: FileSystem,
  folder: string,
  isShared: boolean,
): Promise<readonly CheckpointRecord[]> {
  let before: Contents | undefined;
  for (let attempt = 0; attempt < mostAttempts; attempt += 1) {
    const now = await readContents(files, folder);
    if (now !== undefined && (!isShared || isDeepStrictEqual(now, before))) return parseContents(now, folder);
    before = now;
  }
  throw new StoreError({ kind: 'busy', path: folder });
}

type Contents = readonly (readonly [file: string, bytes: Uint8Array])[];

/** `undefined` where a file went away after it was listed. */
async function readContents(files: FileSystem, folder: string): Promise<Contents | undefined> {
  const names = await files.list(folder);
  if (names === undefined) throw new StoreError({ kind: 'not-found', path: folder });
  const contents: [string, Uint8Array][] = [];
  for (const file of names.filter(isRecordFile).toSorted()) {
    const bytes = await files.read(join(folder, file));
    if (bytes === undefined) return undefined;
    contents.push([file, bytes]);
  }
  return contents;
}

function parseContents(contents: Contents, folder: string): readonly CheckpointRecord[] {
  const records = contents.map(([file, bytes]) => parseRecord(file, join(folder, file), bytes));
  try {
    storedCheckpoints(records);
  } catch (cause) {
    if (!isCheckpointError(cause)) throw cause;
    const [problem] = cause.problems;
    const name = problem !== undefined && 'checkpoint' in problem ? problem.checkpoint : undefined;
    const concerned = records.filter(({ checkpoint }) => checkpoint.name === name);
    // Of two files of one checkpoint the one that is not called like it is more likely the copy.
    const { file = '' } =
      concerned.find((record) => record.file !== fileOf(record.checkpoint.name)) ?? concerned[0] ?? {};
    throw new StoreError({ kind: 'damaged', path: join(folder, file), reason: statementOf(cause) }, { cause });
  }
  return records;
}
