import { runCommandLine } from '../../../src/cli/command-line.js';
import type { Terminal } from '../../../src/cli/terminal.js';
import type { Outcome } from '../run-on-files.js';

/** Runs a command line as `main` does, in this process: what it prints is kept, the time stands still. */
export async function runLine(
  words: readonly string[],
  options: Partial<Pick<Terminal, 'signal' | 'rewrite'>> & { readonly now?: number } = {},
): Promise<Outcome> {
  const { now = 1700000000, signal = new AbortController().signal, rewrite } = options;
  const printed: string[] = [];
  const complained: string[] = [];
  const status = await runCommandLine(words, {
    read: (file) => Promise.reject(new Error(`${file} is not to be read`)),
    print: (line) => printed.push(line),
    complain: (line) => complained.push(line),
    ...(rewrite !== undefined && { rewrite }),
    now: () => now,
    signal,
  });
  return { status, printed, complained };
}
