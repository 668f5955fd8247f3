import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Message } from './monitor.js';
import { temporaryFolder } from './temporary-folder.js';

/** A socket between a client and its monitor, which sees and can hold up every command. */
export interface QmpProxy extends AsyncDisposable {
  /** Path of the socket for the client. */
  readonly address: string;
  /** Every command that a client has sent, in order, without the negotiation of capabilities. */
  readonly sent: readonly SentCommand[];
}

export interface SentCommand {
  readonly execute: string;
  readonly arguments?: { readonly [name: string]: unknown };
}

/** What a hook may do to the connection it is called on. */
export interface ProxyControl {
  /** Ends the connection, so that the command never arrives, or its reply never comes. */
  cut(): void;
}

/** What happens to commands on their way. While a hook runs, nothing passes. */
export interface ProxyHooks {
  /** Before a command reaches QEMU. */
  readonly before?: (command: SentCommand, control: ProxyControl) => Promise<void> | void;
  /** When QEMU has answered, before the client knows. */
  readonly after?: (command: SentCommand, control: ProxyControl) => Promise<void> | void;
}

/** Puts one before a monitor. Clients come one after the other, as the monitor takes them. */
export async function qmpProxy(monitor: string, hooks: ProxyHooks = {}): Promise<QmpProxy> {
  const folder = await temporaryFolder();
  const address = join(folder.path, 'proxy');
  const sent: SentCommand[] = [];
  const open = new Set<Socket>();
  const server = createServer((client) => {
    const qemu = connect(monitor);
    for (const socket of [client, qemu]) {
      open.add(socket);
      // Either side may end at any moment, and then so does the other.
      socket.on('error', () => undefined).on('close', () => open.delete(socket));
    }
    client.on('close', () => qemu.destroy());
    qemu.on('close', () => client.destroy());
    pass(client, qemu, sent, hooks);
  }).listen(address);
  await once(server, 'listening');
  return {
    address,
    sent,
    async [Symbol.asyncDispose]() {
      for (const socket of open) socket.destroy();
      server.close();
      await folder[Symbol.asyncDispose]();
    },
  };
}

function pass(client: Socket, qemu: Socket, sent: SentCommand[], { before, after }: ProxyHooks): void {
  const underWay = new Map<unknown, SentCommand>();
  const control: ProxyControl = {
    cut() {
      client.destroy();
      qemu.destroy();
    },
  };
  forward(client, qemu, async (message) => {
    const { id, ...command } = message as unknown as SentCommand & { readonly id: unknown };
    if (command.execute === 'qmp_capabilities') return;
    sent.push(command);
    underWay.set(id, command);
    await before?.(command, control);
  });
  forward(qemu, client, async ({ id }) => {
    const command = underWay.get(id);
    if (command === undefined) return;
    underWay.delete(id);
    await after?.(command, control);
  });
}

/** Passes lines on, one at a time, each when it has been looked at. */
function forward(from: Socket, to: Socket, look: (message: Message) => Promise<void>): void {
  let turn = Promise.resolve();
  createInterface({ input: from })
    .on('line', (line) => {
      turn = turn.then(async () => {
        await look(JSON.parse(line) as Message);
        if (!to.destroyed) to.write(`${line}\n`);
      });
    })
    .on('error', () => undefined);
}
