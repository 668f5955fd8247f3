import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { builtFile } from '../built-file.js';

/** How a command line ended. */
export interface CliExit {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** The built command line as a process of its own. */
export interface CliProcess extends AsyncDisposable {
  readonly pid: number;
  readonly ended: Promise<CliExit>;
  /** Presses Ctrl-C, and waits until it has taken notice. */
  interrupt(): Promise<void>;
  kill(signal: NodeJS.Signals): void;
}

export function startCli(...words: readonly string[]): CliProcess {
  const child = spawn(process.execPath, [builtFile('cli.js'), ...words], { stdio: ['ignore', 'pipe', 'pipe'] });
  const output = { stdout: '', stderr: '' };
  for (const stream of ['stdout', 'stderr'] as const) {
    child[stream].setEncoding('utf8').on('data', (text: string) => {
      output[stream] += text;
    });
  }
  const closed = once(child, 'close') as Promise<[number | null, NodeJS.Signals | null]>;
  const ended = closed.then(([status, signal]) => ({ status, signal, ...output }));
  return {
    pid: child.pid as number,
    ended,
    async interrupt() {
      child.kill('SIGINT');
      while (!output.stderr.includes('stopping at the next step')) {
        await Promise.race([once(child.stderr, 'data'), closed.then(() => Promise.reject(new Error(output.stderr)))]);
      }
    },
    kill: (signal) => void child.kill(signal),
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL');
      await ended;
    },
  };
}
