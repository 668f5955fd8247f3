import { join } from 'node:path';
import { type Backup, parseBackup } from '../core/model/backup.js';
import { durableFiles } from './durable-files.js';
import type { FileSystem } from './file-system.js';
import { noteText, parseNote } from './note.js';

/** The backup that was begun and has not ended, in a file of its own. */
export interface BackupNote {
  read(): Promise<Backup | undefined>;
  write(backup: Backup): Promise<void>;
  /** Does nothing where it is gone. */
  remove(): Promise<void>;
}

/** No name of a checkpoint begins with a dot. */
const file = '.backup';

/** @param readOnly - Others may write the file; otherwise what is in it is remembered. */
export function backupNote(files: FileSystem, directory: string, readOnly: boolean): BackupNote {
  const durable = durableFiles(files, directory);
  const path = join(directory, file);
  let known: { readonly backup: Backup | undefined } | undefined;
  return {
    async read() {
      if (known !== undefined) return known.backup;
      const bytes = await files.read(path);
      const backup = bytes === undefined ? undefined : parseNote(path, bytes, 'backup', parseBackup);
      if (!readOnly) known = { backup };
      return backup;
    },
    async write(backup) {
      known = undefined;
      await durable.replace(file, noteText({ backup }));
      known = { backup };
    },
    async remove() {
      known = undefined;
      if (await files.exists(path)) await durable.remove(file);
      known = { backup: undefined };
    },
  };
}
