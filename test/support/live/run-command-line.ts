import { runCommandLine } from '../../../src/cli/command-line.js';
import type { Outcome } from '../run-on-files.js';

/** Runs a command line as `main` does, in this process: what it prints is kept, the time stands still. */
export async function runLine(
  words: readonly string[],
  options: { readonly now?: number; readonly signal?: AbortSignal } = {},
): Promise<Outcome> {
  const { now = 1700000000, signal = new AbortController().signal } = options;
  const printed: string[] = [];
  const complained: string[] = [];
  const status = await runCommandLine(words, {
    read: (file) => Promise.reject(new Error(`${file} is not to be read`)),
    print: (line) => printed.push(line),
    complain: (line) => complained.push(line),
    now: () => now,
    signal,
  });
  return { status, printed, complained };
}
