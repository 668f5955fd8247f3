import type { Terminal } from '../../src/cli/terminal.js';

/** A terminal that keeps what it is given. */
export interface CapturedTerminal {
  readonly terminal: Terminal;
  /** Lines of standard output. */
  readonly printed: readonly string[];
  /** Lines of standard error. */
  readonly complained: readonly string[];
}

/** A terminal on files that are only values; a text stands for itself. */
export function capturedTerminal(
  files: { readonly [name: string]: unknown } = {},
  signal: AbortSignal = new AbortController().signal,
): CapturedTerminal {
  const printed: string[] = [];
  const complained: string[] = [];
  const terminal: Terminal = {
    read(file) {
      if (!Object.hasOwn(files, file)) return Promise.reject(new Error('no such file'));
      const content = files[file];
      return Promise.resolve(typeof content === 'string' ? content : JSON.stringify(content));
    },
    print: (line) => printed.push(line),
    complain: (line) => complained.push(line),
    now: () => 1700000000,
    signal,
  };
  return { terminal, printed, complained };
}
