import { join } from 'node:path';
import { type PendingChainChange, parsePendingChainChange } from '../core/model/pending-chain-change.js';
import { durableFiles } from './durable-files.js';
import type { FileSystem } from './file-system.js';
import { noteText, parseNote } from './note.js';

/** What was begun on the layers of disks, and has not ended: one file for each disk, `<disk>.change`. */
export interface ChainNotes {
  read(): Promise<readonly PendingChainChange[]>;
  write(note: PendingChainChange): Promise<void>;
  /** Does nothing where it is gone. */
  remove(note: PendingChainChange): Promise<void>;
}

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
      if (bytes !== undefined) notes.push(parseNote(path, bytes, 'change', parsePendingChainChange));
    }
    if (!readOnly) known = notes;
    return notes;
  }

  return {
    read,
    async write(note) {
      const others = (await read()).filter(({ diskTarget }) => diskTarget !== note.diskTarget);
      known = undefined;
      await durable.replace(fileOf(note), noteText({ change: note }));
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
