import { type Duplex, duplexPair } from 'node:stream';
import type { QmpConnection } from '../../src/qmp/qmp-connection.js';
import { connect } from '../../src/qmp/session.js';
import { type FakeCommand, fakeGreeting } from './fake-monitor.js';

/** A session over a pair of streams in memory, where each write arrives as one piece. */
export interface PairedSession {
  readonly session: QmpConnection;
  /** The session's end. */
  readonly near: Duplex;
  /** The monitor's end. */
  readonly far: Duplex;
  /** What has arrived there so far. */
  readonly sent: readonly FakeCommand[];
  /** Settles when so many commands have arrived. */
  arrived(count: number): Promise<void>;
  /** Writes messages, a line each. */
  send(...messages: readonly object[]): void;
}

/** Opens one; the first command of the test has the id 2. */
export async function pairedSession(): Promise<PairedSession> {
  const [near, far] = duplexPair();
  const sent: FakeCommand[] = [];
  const waiting: { readonly count: number; readonly resolve: () => void }[] = [];
  let unread = '';

  const send = (...messages: readonly object[]) =>
    void far.write(messages.map((message) => `${JSON.stringify(message)}\r\n`).join(''));
  const arrived = (count: number) =>
    new Promise<void>((resolve) => {
      waiting.push({ count, resolve });
      notify();
    });
  const notify = () => {
    for (const { count, resolve } of waiting) if (sent.length >= count) resolve();
  };

  far.setEncoding('utf8').on('data', (text: string) => {
    const lines = (unread + text).split('\n');
    unread = lines.pop() ?? '';
    for (const line of lines) {
      const command = JSON.parse(line) as FakeCommand;
      if (command.execute === 'qmp_capabilities') send({ return: {}, id: command.id });
      else sent.push(command);
    }
    notify();
  });
  send({ QMP: fakeGreeting });
  return { session: await connect(near), near, far, sent, arrived, send };
}
