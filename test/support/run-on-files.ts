import { runCommandLine } from '../../src/cli/command-line.js';
import { capturedTerminal } from './captured-terminal.js';

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
  const { terminal, printed, complained } = capturedTerminal(files);
  const status = await runCommandLine(line.split(' ').filter(Boolean), terminal);
  return { status, printed, complained };
}
