import type { Terminal } from './terminal.js';

/** Where text goes, as far as lines need it. */
export interface Output {
  readonly isTTY?: boolean;
  write(text: string): unknown;
}

/** Writes lines; on a terminal also one that the next line takes the place of, whoever writes it. */
export function writeLines(output: Output, errors: Output): Pick<Terminal, 'print' | 'complain' | 'rewrite'> {
  const clear = '\r\x1b[K';
  let isShown = false;
  const write = (to: Output, line: string) => {
    if (isShown) errors.write(clear);
    isShown = false;
    to.write(`${line}\n`);
  };
  const rewrite = (line: string) => {
    errors.write(`${clear}${line}`);
    isShown = true;
  };
  return {
    print: (line) => write(output, line),
    complain: (line) => write(errors, line),
    ...(errors.isTTY && { rewrite }),
  };
}
