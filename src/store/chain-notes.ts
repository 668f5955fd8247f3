import { join } from 'node:path';
import * as z from 'zod';
import { isCheckpointError } from '../core/error.js';
import { parseWith } from '../core/model/parse-with.js';
import { type PendingChainChange, parsePendingChainChange } from '../core/model/pending-chain-change.js';
import { durableFiles } from './durable-files.js';
import { StoreError } from './error.js';
import type { FileSystem } from './file-system.js';
import { statementOf } from './record.js';

/** What was begun on the layers of disks, and has not ended: one file for each disk, `<disk>.change`. */
export interface ChainNotes {
  read(): Promise<readonly PendingChainChange[]>;
  write(note: PendingChainChange): Promise<void>;
  /** Does nothing where it is gone. */
  remove(note: PendingChainChange): Promise<void>;
}

const version = 1;
const extension = '.change';

/** @param readOnly - Others may write these files; otherwise what is in them is remembered. */
export function chainNotes(files: FileSystem, directory: string, readOnly: boolean): ChainNotes {
  const durable = durableFiles(files, directory);
  let known: readonly PendingChainChange[] | undefined;

  async function read(): Promise<readonly PendingChainChange[]> {
    if (known !== undefined) return known;
    const names = (await files.list(directory)) ?? [];
    const notes: PendingChainChange[] = [];
    for (const file of names.filter((name) => name.endsWith(extension)).toSorted()) {
      const path = join(directory, file);
      const bytes = await files.read(path);
      // Another process may have ended it meanwhile.
      if (bytes !== undefined) notes.push(parseNote(path, bytes));
    }
    if (!readOnly) known = notes;
    return notes;
  }

  return {
    read,
    async write(note) {
      const others = (await read()).filter(({ diskTarget }) => diskTarget !== note.diskTarget);
      known = undefined;
      await durable.replace(fileOf(note), `${JSON.stringify({ version, change: note }, undefined, 2)}\n`);
      known = [...others, note];
    },
    async remove(note) {
      const others = (await read()).filter(({ diskTarget }) => diskTarget !== note.diskTarget);
      known = undefined;
      if (await files.exists(join(directory, fileOf(note)))) await durable.remove(fileOf(note));
      known = others;
    },
  };
}

/** Whatever a disk is called, it makes a name that a file may have. */
function fileOf({ diskTarget }: PendingChainChange): string {
  return `${encodeURIComponent(diskTarget)}${extension}`;
}

function parseNote(path: string, bytes: Uint8Array): PendingChainChange {
  try {
    const content: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
    const { version: written, change } = parseWith(noteSchema, content, 'file');
    if (written !== version) throw new StoreError({ kind: 'version-unknown', path, version: JSON.stringify(written) });
    return parsePendingChainChange(change);
  } catch (cause) {
    if (cause instanceof StoreError) throw cause;
    const reason = isCheckpointError(cause) ? statementOf(cause) : (cause as Error).message;
    throw new StoreError({ kind: 'damaged', path, reason }, { cause });
  }
}

const noteSchema = z.object({ version: z.json(), change: z.unknown() });
