import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { builtFile } from '../support/built-file.js';

/** A process of its own that works through the built package. */
export interface ManagerProcess extends AsyncDisposable {
  /** The next line it says; `undefined` when it has ended. */
  nextLine(): Promise<string | undefined>;
  /** Waits for its next line, which is to be this one. */
  expectLine(expected: string): Promise<void>;
  /** Lets it go on where it waits for a word. */
  go(): void;
  kill(): void;
  /** Settles when it has ended. */
  readonly ended: Promise<{ readonly signal: NodeJS.Signals | null; readonly complaint: string }>;
}

/** @param script - A file of this folder. */
export function startManager(script: string, words: readonly string[], env: NodeJS.ProcessEnv = {}): ManagerProcess {
  builtFile('qmp.js');
  const child = spawn(process.execPath, [join(import.meta.dirname, script), ...words], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const ended = endOf(child);
  // A process that was killed does not read any more.
  child.stdin.on('error', () => undefined);
  const nextLine = async (): Promise<string | undefined> => (await lines.next()).value;
  return {
    nextLine,
    async expectLine(expected) {
      const line = await nextLine();
      if (line === expected) return;
      const end = line === undefined ? `it ended: ${(await ended).complaint}` : `it said "${line}"`;
      throw new Error(`${script} did not come to "${expected}": ${end}`);
    },
    go: () => child.stdin.write('go\n'),
    kill: () => void child.kill('SIGKILL'),
    ended,
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL');
      await ended;
    },
  };
}

async function endOf(child: ChildProcess) {
  let complaint = '';
  child.stderr?.on('data', (text) => {
    complaint += text;
  });
  const [, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
  return { signal, complaint };
}
