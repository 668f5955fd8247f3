import { createConnection } from 'node:net';
import { createInterface } from 'node:readline';
import { setTimeout } from 'node:timers/promises';
import type { QmpArguments } from '../../src/qmp/index.js';

/** A command as a line of QMP has it. */
export interface Line {
  readonly execute: string;
  readonly arguments?: QmpArguments;
}

/** What a script does that knows its machine: it sends line after line, waits for each reply, and checks nothing. */
export interface BareScript extends Disposable {
  /** Sends them; before a job is dismissed it has to have ended. */
  run(lines: readonly Line[]): Promise<void>;
}

/** @param path - Of the socket of a monitor that nobody else is connected to. */
export async function bareScript(path: string): Promise<BareScript> {
  const socket = createConnection({ path });
  const received = createInterface({ input: socket })[Symbol.asyncIterator]();

  async function next(): Promise<{ readonly return?: unknown; readonly error?: unknown }> {
    const { value, done } = await received.next();
    if (done) throw new Error('the monitor closed the connection');
    return JSON.parse(value);
  }

  async function send(line: Line): Promise<unknown> {
    socket.write(`${JSON.stringify(line)}\n`);
    for (;;) {
      const message = await next();
      if ('error' in message) throw new Error(JSON.stringify({ line, message }));
      if ('return' in message) return message.return;
    }
  }

  async function untilConcluded(jobId: unknown): Promise<void> {
    for (;;) {
      const jobs = (await send({ execute: 'query-jobs' })) as readonly {
        readonly id: string;
        readonly status: string;
      }[];
      if (jobs.find(({ id }) => id === jobId)?.status === 'concluded') return;
      await setTimeout(2);
    }
  }

  // The greeting.
  await next();
  await send({ execute: 'qmp_capabilities' });
  return {
    async run(lines) {
      for (const line of lines) {
        if (line.execute === 'job-dismiss') await untilConcluded(line.arguments?.['id']);
        await send(line);
      }
    },
    [Symbol.dispose]: () => socket.destroy(),
  };
}
