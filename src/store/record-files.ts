import { join } from 'node:path';
import { StoreError } from './error.js';
import type { FileChanges } from './file-changes.js';
import type { FileSystem } from './file-system.js';
import { readRecords } from './read-records.js';
import { type CheckpointRecord, formatRecord } from './record.js';

/** The files of a store that is open. */
export interface RecordFiles {
  read(): Promise<readonly CheckpointRecord[]>;
  /** Each change lasts before the next is begun. */
  apply(changes: FileChanges): Promise<void>;
  /** Removes what a crash left of a file that was being written. */
  tidy(): Promise<void>;
}

const temporaryFile = '.writing.tmp';

/** @param readOnly - Others may write these files; otherwise what is in them is remembered. */
export function recordFiles(files: FileSystem, directory: string, readOnly: boolean): RecordFiles {
  const temporary = join(directory, temporaryFile);
  let known: readonly CheckpointRecord[] | undefined;
  let writes = 0;

  async function read(): Promise<readonly CheckpointRecord[]> {
    if (known !== undefined) return known;
    const before = writes;
    const records = await readRecords(files, directory);
    if (!readOnly && writes === before) known = records;
    return records;
  }

  async function apply(changes: FileChanges): Promise<void> {
    const present = new Set((await read()).map(({ file }) => file));
    // After a failure in between nobody knows what is in the files until they are read again.
    known = undefined;
    writes += 1;
    for (const record of changes.writes) {
      const path = join(directory, record.file);
      // Where case does not count, it may be the file of a checkpoint whose name differs in case only.
      if (!present.has(record.file) && (await files.exists(path))) {
        throw new StoreError({ kind: 'name-clash', path, checkpoint: record.checkpoint.name });
      }
      await replace(path, formatRecord(record));
    }
    for (const { file } of changes.removals) await remove(join(directory, file));
    known = changes.records;
    writes += 1;
  }

  async function replace(path: string, text: string): Promise<void> {
    await files.write(temporary, text);
    await files.sync(temporary);
    await files.rename(temporary, path);
    await files.sync(directory);
  }

  async function remove(path: string): Promise<void> {
    await files.remove(path);
    await files.sync(directory);
  }

  async function tidy(): Promise<void> {
    if (await files.exists(temporary)) await remove(temporary);
  }

  return { read, apply, tidy };
}
