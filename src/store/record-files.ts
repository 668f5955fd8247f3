import { join } from 'node:path';
import { durableFiles } from './durable-files.js';
import { StoreError } from './error.js';
import type { FileChanges } from './file-changes.js';
import type { FileSystem } from './file-system.js';
import { readRecords } from './read-records.js';
import { type CheckpointRecord, formatRecord } from './record.js';

/** The files of a store that is open. */
export interface RecordFiles {
  /** While they are being changed: as they were before. */
  read(): Promise<readonly CheckpointRecord[]>;
  /** Each change lasts before the next is begun. */
  apply(changes: FileChanges): Promise<void>;
}

/** @param readOnly - Others may write these files; otherwise what is in them is remembered. */
export function recordFiles(files: FileSystem, directory: string, readOnly: boolean): RecordFiles {
  const durable = durableFiles(files, directory);
  let known: readonly CheckpointRecord[] | undefined;
  let reading: Promise<readonly CheckpointRecord[]> | undefined;

  async function read(): Promise<readonly CheckpointRecord[]> {
    if (known !== undefined) return known;
    // One reading at a time: a change, which begins with it, never comes into the middle of another.
    reading ??= readRecords(files, directory, readOnly).finally(() => {
      reading = undefined;
    });
    const records = await reading;
    if (!readOnly) known = records;
    return records;
  }

  async function apply(changes: FileChanges): Promise<void> {
    const owners = new Map((await read()).map(({ file, checkpoint }) => [file, checkpoint.name]));
    try {
      for (const record of changes.writes) {
        await expectOwn(record, owners.get(record.file));
        await durable.replace(record.file, formatRecord(record));
      }
      for (const { file } of changes.removals) await durable.remove(file);
      known = changes.records;
    } catch (error) {
      // Nobody knows what is in the files until they are read again.
      known = undefined;
      throw error;
    }
  }

  /** Where case does not count, a new file may be that of a checkpoint whose name differs in case only. */
  async function expectOwn({ file, checkpoint }: CheckpointRecord, owner: string | undefined): Promise<void> {
    const path = join(directory, file);
    if (owner === checkpoint.name || !(await files.exists(path))) return;
    throw new StoreError({ kind: 'name-clash', path, checkpoint: checkpoint.name });
  }

  return { read, apply };
}
