import { once } from 'node:events';
import { connect } from 'node:net';
import type { Qemu } from '../support/qemu/find-qemu.js';
import { startGuestAgent } from '../support/qemu/start-guest-agent.js';

/**
 * What was sent to a guest agent, and what came back before the next was sent; bytes as characters of the same number. Its version
 * is scrubbed.
 */
export interface AgentExchange {
  readonly sent: string;
  readonly received: string;
}

const commandOf = (execute: string, args?: object) => `${JSON.stringify({ execute, arguments: args })}\n`;

/** What one client leaves half said, and what the next one says. */
const clients: readonly (readonly string[])[] = [
  ['{"execute":"guest-'],
  [
    `\xff${commandOf('guest-sync-delimited', { id: 7 })}${commandOf('guest-ping')}`,
    commandOf('guest-fsfreeze-status'),
    commandOf('guest-info'),
    commandOf('guest-fsfreeze-freeze'),
  ],
];

/** Asks a real guest agent, which may not freeze. */
export async function recordAgent(qemu: Qemu): Promise<readonly AgentExchange[]> {
  await using agent = await startGuestAgent(qemu);
  const exchanges: AgentExchange[] = [];
  for (const client of clients) {
    const socket = connect(agent.address);
    await once(socket, 'connect');
    for (const sent of client) {
      socket.write(sent, 'latin1');
      // A byte that is no JSON is answered by an error of its own.
      const answers = sent.split(/[\n\xff]/).length - 1;
      let received = '';
      while (received.split('\n').length <= answers) {
        const [bytes] = (await once(socket, 'data')) as [Buffer];
        received += bytes.toString('latin1');
      }
      exchanges.push({ sent, received: received.replace(/"version": "[^"]+"/, '"version": "0"') });
    }
    socket.end();
    await once(socket.resume(), 'close');
  }
  return exchanges;
}
