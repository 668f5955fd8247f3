import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { vi } from 'vitest';
import type { QmpGreeting } from '../../src/qmp/qmp-connection.js';
import { temporaryFolder } from './qemu/temporary-folder.js';

// Ids of a session begin at a random number; here at 1, so that a test can name them.
vi.spyOn(Math, 'random').mockReturnValue(0);

/** A command as it came over the socket. */
export interface FakeCommand {
  readonly execute: string;
  readonly arguments?: { readonly [name: string]: unknown };
  readonly id: number;
}

/** A monitor that says what a test tells it to say. */
export interface FakeMonitor extends AsyncDisposable {
  /** Path of its UNIX socket. */
  readonly address: string;
  /** Its end of the connection, once there is one. */
  readonly peer: Promise<FakePeer>;
}

/** The monitor's end of a connection. */
export interface FakePeer {
  readonly socket: Socket;
  /** The next command that came; waits for it. */
  next(): Promise<FakeCommand>;
  /** Writes messages, a line each. */
  send(...messages: readonly object[]): void;
}

export const fakeGreeting: QmpGreeting = {
  version: { qemu: { major: 10, minor: 0, micro: 2 }, package: 'fake' },
  capabilities: ['oob'],
};

/**
 * Starts one on a UNIX socket.
 *
 * @param options - `greets: false`: it keeps silent, and the test does all the talking; otherwise it greets and answers
 * `qmp_capabilities`. `onCommand`: what it does with each command after that, in place of {@link FakePeer.next}.
 */
export async function fakeMonitor(
  options: { readonly greets?: boolean; readonly onCommand?: (command: FakeCommand, peer: FakePeer) => void } = {},
): Promise<FakeMonitor> {
  const { greets = true, onCommand } = options;
  const folder = await temporaryFolder();
  const address = join(folder.path, 'monitor');
  const server = createServer().listen(address);
  await once(server, 'listening');
  const sockets = new Set<Socket>();
  const peer = new Promise<FakePeer>((resolve) => {
    server.on('connection', (socket) => {
      sockets.add(socket);
      resolve(talk(socket, greets, onCommand));
    });
  });
  return {
    address,
    peer,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await folder[Symbol.asyncDispose]();
    },
  };
}

function talk(
  socket: Socket,
  greets: boolean,
  onCommand: ((command: FakeCommand, peer: FakePeer) => void) | undefined,
): FakePeer {
  const commands: FakeCommand[] = [];
  const waiting: ((command: FakeCommand) => void)[] = [];
  const peer: FakePeer = {
    socket,
    next() {
      const command = commands.shift();
      return command === undefined ? new Promise((resolve) => waiting.push(resolve)) : Promise.resolve(command);
    },
    send(...messages) {
      socket.write(messages.map((message) => `${JSON.stringify(message)}\r\n`).join(''));
    },
  };

  // A session that is destroyed resets the connection, which is none of the monitor's business.
  socket.on('error', () => undefined);
  const lines = createInterface({ input: socket });
  lines.on('error', () => undefined);
  lines.on('line', (line) => {
    const command = JSON.parse(line) as FakeCommand;
    if (greets && command.execute === 'qmp_capabilities') peer.send({ return: {}, id: command.id });
    else if (onCommand !== undefined) onCommand(command, peer);
    else if (waiting.length > 0) waiting.shift()?.(command);
    else commands.push(command);
  });
  if (greets) peer.send({ QMP: fakeGreeting });
  return peer;
}
