import type { Duplex } from 'node:stream';
import { finished } from 'node:stream/promises';
import { QmpClosedError, type QmpError } from '../error.js';
import type { QmpGreeting } from '../qmp-connection.js';
import { lineSplitter } from './line-splitter.js';
import { parseMessage } from './message.js';
import { outbox } from './outbox.js';
import { type SessionCore, sessionCore, type Transport } from './session-core.js';

/** Ties a session to the two directions of a stream, which ends with it. */
export function speakQmp(stream: Duplex): { readonly core: SessionCore; readonly greeted: Promise<QmpGreeting> } {
  const lines = lineSplitter();
  const box = outbox((text) => stream.write(text));
  const transport: Transport = {
    send: ({ id, line }) => box.put(id, line),
    withdraw: box.withdraw,
    async close() {
      stream.destroy();
      await finished(stream, { cleanup: true }).catch(() => undefined);
      for (const [name, listener] of listeners) stream.off(name, listener);
    },
  };
  const core = sessionCore(transport, Math.floor(Math.random() * 1e9));
  let greet: ((greeting: QmpGreeting) => void) | undefined;
  const greeted = new Promise<QmpGreeting>((resolve) => {
    greet = resolve;
  });

  function read(bytes: Uint8Array | string): void {
    try {
      for (const line of lines.push(typeof bytes === 'string' ? Buffer.from(bytes) : bytes)) {
        const message = parseMessage(line);
        if (message.kind !== 'greeting' || greet === undefined) core.receive(message);
        else {
          greet(message.greeting);
          greet = undefined;
        }
      }
    } catch (error) {
      core.end(error as QmpError);
    }
  }
  function hangUp(): void {
    core.end(new QmpClosedError(`QEMU closed the session${lines.midLine ? ' in the middle of a message' : ''}`));
  }
  function fail(cause: Error): void {
    core.end(new QmpClosedError(`the connection broke: ${cause.message}`, { cause }));
  }
  const listeners = [
    ['data', read],
    ['drain', box.drained],
    ['end', hangUp],
    ['close', hangUp],
    ['error', fail],
  ] as const;
  for (const [name, listener] of listeners) stream.on(name, listener);
  if (stream.destroyed || stream.readableEnded || stream.writableEnded) hangUp();
  return { core, greeted };
}
