import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { temporaryFolder } from './qemu/temporary-folder.js';

/** A guest agent that does as `qemu-ga` does, but for what a test tells it. */
export interface FakeAgent extends AsyncDisposable {
  /** Path of its UNIX socket. */
  readonly address: string;
  /** The commands that came, without `guest-`, in their order; those of all connections. */
  readonly seen: readonly string[];
  readonly isFrozen: boolean;
  /** Settles when a command has come, though it may have to wait for its turn. */
  heard(command: string): Promise<void>;
}

/**
 * What it does with a command: answers with a value, with an error of that text, or with bytes as they are; keeps silent from
 * there on; hangs up; or does as usual, once a promise has settled where it is given one.
 */
export type FakeAnswer =
  | { readonly value: unknown }
  | Error
  | Buffer
  | 'silent'
  | 'hang-up'
  | Promise<unknown>
  | undefined;

export interface FakeAgentOptions {
  /** Asked at each command, by its name without `guest-` and how often it came before. */
  readonly on?: (command: string, before: number) => FakeAnswer;
  /** What a client is sent when it has connected, meant for another. */
  readonly stale?: Buffer;
  /** File systems that it freezes; default 2. */
  readonly fileSystems?: number;
}

const strayByte = `{"error": {"class": "GenericError", "desc": "JSON parse error, stray '\\uFFFD'"}}\n`;

/** Starts one on a UNIX socket. Like the real one it does one thing after another, and never says who is meant. */
export async function fakeAgent({ on, stale, fileSystems = 2 }: FakeAgentOptions = {}): Promise<FakeAgent> {
  const folder = await temporaryFolder();
  const address = join(folder.path, 'agent');
  const seen: string[] = [];
  const heard: string[] = [];
  const listeners: (() => void)[] = [];
  const sockets = new Set<Socket>();
  let isFrozen = false;

  function usual(command: string, args: { readonly id?: number } | undefined): unknown {
    if (command === 'sync-delimited') return args?.id;
    if (command === 'fsfreeze-status') return isFrozen ? 'frozen' : 'thawed';
    if (command === 'info')
      return { version: '0', supported_commands: [{ name: 'guest-fsfreeze-thaw', enabled: true }] };
    const count = command === 'fsfreeze-freeze' || isFrozen ? fileSystems : 0;
    isFrozen = command === 'fsfreeze-freeze';
    return count;
  }

  async function answer(socket: Socket, line: string): Promise<void> {
    const { execute, arguments: args } = JSON.parse(line) as { execute: string; arguments?: { id: number } };
    const command = execute.replace('guest-', '');
    const before = seen.filter((each) => each === command).length;
    seen.push(command);
    const given = on?.(command, before);
    if (given === 'hang-up') socket.destroy();
    if (given === 'silent') sockets.delete(socket);
    await (given instanceof Promise ? given : undefined);
    if (!sockets.has(socket) || socket.destroyed) return;
    if (given instanceof Buffer) {
      socket.write(given);
      return;
    }
    const value = given instanceof Error ? undefined : usual(command, args);
    const reply =
      given instanceof Error
        ? { error: { class: 'GenericError', desc: given.message } }
        : { return: isValue(given) ? given.value : value };
    if (command === 'sync-delimited') socket.write(Buffer.of(0xff));
    socket.write(`${JSON.stringify(reply)}\n`);
  }

  const server = createServer((socket) => {
    sockets.add(socket);
    // A client that is gone resets the connection, which is no fault of the agent's.
    socket.on('error', () => undefined);
    let rest = '';
    let turn = Promise.resolve();
    socket.on('data', (bytes: Buffer) => {
      const lines = `${rest}${bytes.toString('latin1')}`.split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) {
        const [stray, command = stray] = line.split('\xff') as [string, string?];
        if (stray !== command && sockets.has(socket)) socket.write(strayByte);
        heard.push(command);
        for (const listener of listeners) listener();
        turn = turn.then(() => answer(socket, command));
      }
    });
    if (stale !== undefined) socket.write(stale);
  }).listen(address);
  await once(server, 'listening');
  const all = new Set<Socket>();
  server.on('connection', (socket) => all.add(socket));

  return {
    address,
    seen,
    get isFrozen() {
      return isFrozen;
    },
    heard: (command) =>
      new Promise((resolve) => {
        const look = () => {
          if (heard.some((line) => line.includes(`"guest-${command}"`))) resolve();
        };
        listeners.push(look);
        look();
      }),
    async [Symbol.asyncDispose]() {
      for (const socket of all) socket.destroy();
      server.close();
      await folder[Symbol.asyncDispose]();
    },
  };
}

function isValue(given: FakeAnswer): given is { readonly value: unknown } {
  return typeof given === 'object' && 'value' in given;
}
