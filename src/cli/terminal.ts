/** All that the command line has of the world: handed in, so that tests hand in theirs. */
export interface Terminal {
  /** Gives the text of a file, or of standard input for `-`. */
  readonly read: (file: string) => Promise<string>;
  /** Writes a line to standard output. */
  readonly print: (line: string) => void;
  /** Writes a line to standard error. */
  readonly complain: (line: string) => void;
  /** Shows a line on standard error that the next one takes the place of; absent where that is no terminal. */
  readonly rewrite?: (line: string) => void;
  /** Seconds since the epoch. */
  readonly now: () => number;
  /** Aborted when the user wants to stop. */
  readonly signal: AbortSignal;
}
