import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';

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
 * @throws Error with what it complained of, where it did not end well.
 * @throws The signal's reason, where it was aborted: the program is gone then.
 */
export async function runTool(program: string, args: readonly string[], options: ToolOptions = {}): Promise<void> {
  const { signal, input, onLine } = options;
  signal?.throwIfAborted();
  const child = spawn(program, args, {
    stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    ...(signal && { signal }),
  });
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
  if (input !== undefined && child.stdin !== null) {
    // It may end before it has read all, and says why itself.
    Readable.from(input)
      .on('error', () => undefined)
      .pipe(child.stdin.on('error', () => undefined));
  }
  try {
    const [code, killedBy] = (await once(child, 'close')) as [number | null, string | null];
    signal?.throwIfAborted();
    if (code === 0) return;
    const why = complaint.trim() || printed.join('; ') || (killedBy ?? `status ${code}`);
    throw new Error(`${program} failed: ${why}`);
  } catch (error) {
    signal?.throwIfAborted();
    throw isMissing(error)
      ? new Error(`there is no program "${program}"; install QEMU's tools, or say where it is`)
      : error;
  } finally {
    lines.close();
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}
