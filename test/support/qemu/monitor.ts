import type { Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { QmpCommandError } from '../../../src/qmp/error.js';
import type { QmpArguments, QmpSession } from '../../../src/qmp/qmp-session.js';

/** One line of QMP, sent or received, as it stands on the wire. */
export type Message = { readonly [member: string]: unknown };

/** A monitor as plain as can be, to judge by and to record with; it must not share faults with the library's session. */
export interface Monitor extends QmpSession {
  execute(command: string, args?: QmpArguments): Promise<unknown>;
  /** The next event of that name which comes after this call. Call it before the command that causes the event. */
  nextEvent(name: string, matches?: (data: QmpArguments) => boolean): Promise<Message>;
  /** The last command it was given, and the last event that came: where something hangs they tell how far it was. */
  readonly last: { readonly command?: string; readonly event?: string };
  close(): void;
}

interface Waiting {
  readonly settles: (message: Message) => boolean;
  readonly resolve: (message: Message) => void;
  readonly reject: (cause: Error) => void;
}

/**
 * Waits for the greeting and takes it up, so that commands can be sent.
 *
 * @param onMessage - Called with each command, reply and event after that.
 */
export async function openMonitor(socket: Socket, onMessage?: (message: Message) => void): Promise<Monitor> {
  const waiting: Waiting[] = [];
  const last: { command?: string; event?: string } = {};
  let observer: typeof onMessage;

  const lines = createInterface({ input: socket });
  lines.on('line', (line) => {
    const message = JSON.parse(line) as Message;
    observer?.(message);
    if ('event' in message) last.event = line;
    // QEMU answers commands in the order they came, so the first that waits for a reply is the one.
    const index = waiting.findIndex(({ settles }) => settles(message));
    if (index !== -1) waiting.splice(index, 1)[0]?.resolve(message);
  });
  let failure: Error | undefined;
  // A QEMU that ends may reset the connection; readline passes the socket's errors on.
  lines.on('error', (cause: Error) => {
    failure = cause;
  });
  socket.on('close', () => {
    failure ??= new Error('the monitor closed the connection');
    for (const { reject } of waiting.splice(0)) reject(failure);
  });

  function receive(settles: Waiting['settles']): Promise<Message> {
    const message = new Promise<Message>((resolve, reject) => {
      if (failure === undefined) waiting.push({ settles, resolve, reject });
      else reject(failure);
    });
    // Whoever waits for it sees the failure; one that nobody waits for any more is none.
    message.catch(() => undefined);
    return message;
  }

  async function execute(command: string, args?: QmpArguments): Promise<unknown> {
    const request = { execute: command, ...(args !== undefined && { arguments: args }) };
    observer?.(request);
    last.command = command;
    const received = receive((message) => 'return' in message || 'error' in message);
    socket.write(`${JSON.stringify(request)}\n`);
    const reply = await received;
    if ('error' in reply) throw new QmpCommandError(command, reply['error'] as { class: string; desc: string }, reply);
    return reply['return'];
  }

  await receive((message) => 'QMP' in message);
  await execute('qmp_capabilities');
  observer = onMessage;
  return {
    execute,
    nextEvent: (name, matches = () => true) =>
      receive((message) => message['event'] === name && matches((message['data'] ?? {}) as QmpArguments)),
    last,
    close: () => socket.destroy(),
  };
}
