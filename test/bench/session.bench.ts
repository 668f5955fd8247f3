import { once } from 'node:events';
import { createConnection, type Socket } from 'node:net';
import { connect } from '../../src/qmp/session.js';
import { type Qemu, qemuVersions } from '../support/qemu/find-qemu.js';
import { startStorageDaemon } from '../support/qemu/start-qemu.js';
import { compare, type Figure } from './compare.js';

const commandCount = 2_000;

/** What a session costs on a real daemon; no figures where QEMU is not installed. */
export async function benchSession(): Promise<readonly Figure[]> {
  const figures: Figure[] = [];
  for (const qemu of qemuVersions()) {
    const name = `${commandCount} pipelined commands, QEMU ${qemu.version}: session / the same lines on a bare socket`;
    figures.push({ name, ratio: await benchPipeline(qemu), atMost: 1.5 });
  }
  return figures;
}

/** A monitor takes one client, so each way has a daemon of its own. */
async function benchPipeline(qemu: Qemu): Promise<number> {
  await using ofSession = await startStorageDaemon(qemu);
  await using ofSocket = await startStorageDaemon(qemu);
  await using session = await connect(ofSession.address);
  const socket = await negotiated(createConnection(ofSocket.address));
  let lastId = 1;

  const throughSession = () =>
    Promise.all(Array.from({ length: commandCount }, () => session.execute('query-version')));
  const overSocket = async () => {
    const answered = linesOf(socket, commandCount);
    const ids = Array.from({ length: commandCount }, (_, index) => lastId + index + 1);
    lastId += commandCount;
    socket.write(ids.map((id) => `{"execute":"query-version","id":${id}}\n`).join(''));
    await answered;
  };
  const ratio = await compare({ a: throughSession, b: overSocket }, { rounds: 9 });
  socket.destroy();
  await once(socket, 'close');
  return ratio;
}

async function negotiated(socket: Socket): Promise<Socket> {
  await linesOf(socket, 1);
  socket.write('{"execute":"qmp_capabilities","id":1}\n');
  await linesOf(socket, 1);
  return socket;
}

/** Settles when so many more lines have come. They are counted and not read. */
function linesOf(socket: Socket, count: number): Promise<void> {
  return new Promise((resolve) => {
    let left = count;
    socket.on('data', function read(bytes: Buffer) {
      for (const byte of bytes) if (byte === 0x0a) left -= 1;
      if (left > 0) return;
      socket.off('data', read);
      resolve();
    });
  });
}
