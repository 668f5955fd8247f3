import { runCommandLine } from '../../src/cli/command-line.js';

/** What a command line printed, and how it ended. */
export interface Outcome {
  readonly status: number;
  /** Lines of standard output. */
  readonly printed: readonly string[];
  /** Lines of standard error. */
  readonly complained: readonly string[];
}

/**
 * Runs a command line on files that are only values; a text stands for itself.
 *
 * @param line - Words, parted by blanks.
 */
export async function runOnFiles(line: string, files: { readonly [name: string]: unknown } = {}): Promise<Outcome> {
  const printed: string[] = [];
  const complained: string[] = [];
  const status = await runCommandLine(line.split(' ').filter(Boolean), {
    read(file) {
      if (!Object.hasOwn(files, file)) return Promise.reject(new Error('no such file'));
      const content = files[file];
      return Promise.resolve(typeof content === 'string' ? content : JSON.stringify(content));
    },
    print: (text) => printed.push(text),
    complain: (text) => complained.push(text),
    now: () => 1700000000,
    signal: new AbortController().signal,
  });
  return { status, printed, complained };
}
