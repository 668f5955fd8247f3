import { join } from 'node:path';
import type { FileSystem } from './file-system.js';

/** Files of one folder that are replaced as a whole, each change lasting before it is done. */
export interface DurableFiles {
  replace(file: string, text: string): Promise<void>;
  remove(file: string): Promise<void>;
  /** Removes what a crash left of a file that was being written. */
  tidy(): Promise<void>;
}

/** @param temporaryFile - What a file is called while it is being written. */
export function durableFiles(files: FileSystem, directory: string, temporaryFile = '.writing.tmp'): DurableFiles {
  const temporary = join(directory, temporaryFile);

  async function remove(file: string): Promise<void> {
    await files.remove(join(directory, file));
    await files.sync(directory);
  }

  return {
    async replace(file, text) {
      await files.write(temporary, text);
      await files.sync(temporary);
      await files.rename(temporary, join(directory, file));
      await files.sync(directory);
    },
    remove,
    async tidy() {
      if (await files.exists(temporary)) await remove(temporaryFile);
    },
  };
}
