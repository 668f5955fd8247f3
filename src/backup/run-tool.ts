import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import { ToolError } from './error.js';

/** How a program of QEMU's is run. */
export interface ToolOptions {
  readonly signal?: AbortSignal | undefined;
  /** What it reads; default: nothing. Written as fast as it is read, and no faster. */
  readonly input?: Iterable<string>;
  /** Told each line that it prints. */
  readonly onLine?: (line: string) => void;
}

const mostComplaint = 4096;

/**
 * Runs a program to its end, without a shell.
 *
 * @throws {@link ToolError} with what it complained of, where it did not end well; or where it is not there.
 * @throws The signal's reason, where it was aborted: the program is gone then.
 */
export async function runTool(program: string, args: readonly string[], options: ToolOptions = {}): Promise<void> {
  const { signal, input, onLine } = options;
  signal?.throwIfAborted();
  const child = start(program, args, options);
  let complaint = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    complaint = (complaint + text).slice(0, mostComplaint);
  });
  const printed: string[] = [];
  const lines = createInterface({ input: child.stdout as Readable }).on('line', (line) => {
    // qemu-io complains where it prints.
    if (/failed|error/i.test(line) && printed.length < 8) printed.push(line);
    onLine?.(line);
  });
  if (input !== undefined && child.stdin) {
    // It may end before it has read all, and says why itself.
    Readable.from(input)
      .on('error', () => undefined)
      .pipe(child.stdin.on('error', () => undefined));
  }
  let failure: Error | undefined;
  child.on('error', (error) => {
    failure ??= error;
  });
  // Also where it is ended by the signal: what it writes to is left alone only then.
  const [code, killedBy] = await new Promise<readonly [number | null, string | null]>((resolve) => {
    child.on('close', (...ended) => resolve(ended));
  });
  lines.close();
  signal?.throwIfAborted();
  if (failure !== undefined && isMissing(failure)) {
    const message = `there is no program "${program}"; install QEMU's tools, or say where it is`;
    throw new ToolError(message, { program, missing: true });
  }
  if (failure === undefined && code === 0) return;
  const why = failure?.message ?? (complaint.trim() || printed.join('; ') || (killedBy ?? `status ${code}`));
  throw new ToolError(`${program} failed: ${why}`, { program });
}

/** Arguments that are too long for the system it says at once. */
function start(program: string, args: readonly string[], { signal, input }: ToolOptions) {
  try {
    const stdin = input === undefined ? 'ignore' : 'pipe';
    return spawn(program, args, { stdio: [stdin, 'pipe', 'pipe'], ...(signal && { signal }) });
  } catch (error) {
    throw new ToolError(`${program} cannot be started: ${(error as Error).message}`, { program });
  }
}

function isMissing(error: Error): boolean {
  return 'code' in error && error.code === 'ENOENT';
}
