import { getEventListeners, once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { type AddressInfo, createConnection, createServer } from 'node:net';
import { join } from 'node:path';
import { Duplex, duplexPair } from 'node:stream';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { isCheckpointError } from '../../../src/core/error.js';
import { QmpCommandError } from '../../../src/qmp/error.js';
import { type ConnectOptions, connect } from '../../../src/qmp/session.js';
import { type FakePeer, fakeGreeting, fakeMonitor } from '../../support/fake-monitor.js';
import { temporaryFolder } from '../../support/qemu/temporary-folder.js';
import { rejection } from '../../support/rejection.js';

const greeting = `${JSON.stringify({ QMP: fakeGreeting })}\r\n`;

describe('connect, where there is a monitor', () => {
  it('takes up the capabilities before anything else, under an id', async () => {
    await using monitor = await fakeMonitor({ greets: false });
    const opening = connect(`unix:${monitor.address}`);
    const peer = await monitor.peer;
    peer.socket.write(greeting);
    const negotiation = await peer.next();
    expect(negotiation).toEqual({ execute: 'qmp_capabilities', id: expect.any(Number) });
    peer.send({ return: {}, id: negotiation.id });
    await using session = await opening;
    expect(session.greeting).toEqual(fakeGreeting);
  });

  it('passes over answers to a client that was there before, and takes none of them for its own', async () => {
    await using monitor = await fakeMonitor({ greets: false });
    const opening = connect(`unix:${monitor.address}`);
    const peer = await monitor.peer;
    peer.send({ return: { stale: true }, id: 7 });
    peer.socket.write(greeting);
    peer.send({ error: { class: 'GenericError', desc: 'stale' }, id: 8 });
    const negotiation = await peer.next();
    peer.send({ return: {}, id: 9 });
    peer.send({ return: {}, id: negotiation.id });
    await using session = await opening;
    const answer = session.execute('query-status');
    peer.send({ return: 'mine', id: (await peer.next()).id });
    expect(await answer).toBe('mine');
  });

  it('connects over TCP', async () => {
    await using monitor = await fakeMonitor();
    const relay = createServer((socket) => socket.pipe(createConnection(monitor.address)).pipe(socket));
    relay.listen(0, '127.0.0.1');
    await once(relay, 'listening');
    const { port } = relay.address() as AddressInfo;
    for (const address of [`127.0.0.1:${port}`, { host: '127.0.0.1', port }]) {
      const session = await connect(address);
      expect(session.greeting).toEqual(fakeGreeting);
      await session.close();
    }
    relay.close();
  });

  it('speaks over a given stream, and ends it with the session', async () => {
    await using monitor = await fakeMonitor();
    const stream = createConnection(monitor.address);
    await once(stream, 'connect');
    const listeners = () => stream.eventNames().map((name) => [name, stream.listenerCount(name)]);
    const before = listeners();
    const session = await connect(stream);
    expect(session.greeting).toEqual(fakeGreeting);
    await session.close();
    expect(stream.destroyed).toBe(true);
    expect(listeners()).toEqual(before);
  });

  it('speaks over a stream that gives text, one whose greeting has come already', async () => {
    const [near, far] = duplexPair();
    near.setEncoding('utf8');
    far.write(greeting);
    far.once('data', () => far.write('{"return":{},"id":1}\r\n'));
    await using session = await connect(near);
    expect(session.greeting).toEqual(fakeGreeting);
  });

  it('tolerates what it does not know', async () => {
    await using monitor = await fakeMonitor({ greets: false });
    const opening = connect(monitor.address);
    const peer = await monitor.peer;
    peer.send(
      { event: 'EARLY', data: {}, timestamp: { seconds: 1, microseconds: 0 } },
      { QMP: { ...fakeGreeting, more: 1 }, x: 2 },
    );
    peer.send({ event: 'LATER' }, { return: { more: true }, id: (await peer.next()).id, y: 3 });
    await using session = await opening;
    expect(session.greeting).toMatchObject(fakeGreeting);
  });
});

describe('connect, where there is none', () => {
  it.each([
    ['there is nothing', 'ENOENT', async (path: string) => path],
    [
      'there is a file',
      'ECONNREFUSED',
      async (path: string) => {
        await writeFile(path, '');
        return path;
      },
    ],
    ['nobody listens', 'ECONNREFUSED', unusedPort],
  ])('says so: %s', async (_, code, addressOf) => {
    await using folder = await temporaryFolder();
    const address = await addressOf(join(folder.path, 'none'));
    const error = await rejection(connect(address));
    expect(error).toMatchObject({ name: 'QmpConnectError', kind: 'connect' });
    expect((error as Error).message).toMatch(new RegExp(`^cannot connect to ${address}: connect ${code} `));
  });

  it('says so where the given stream has ended', async () => {
    const [stream] = duplexPair();
    stream.destroy();
    await once(stream, 'close');
    expect(await rejection(connect(stream))).toMatchObject({
      kind: 'greeting',
      message: 'the given stream opened no session: QEMU closed the session',
    });
  });
});

describe('connect, where something else answers', () => {
  it.each([
    ['a human monitor', "QEMU 7.2.22 monitor - type 'help' for more information\r\n(qemu) "],
    ['a monitor that prints prettily', '{\r\n    "QMP": {\r\n'],
    ['an empty line', '\r\n'],
    ['a web server', 'HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n'],
    ['a greeting without a version', '{"QMP":{"capabilities":[]}}\n'],
    [
      'a greeting with a version that is none',
      '{"QMP":{"version":{"qemu":{"major":"10"},"package":""},"capabilities":[]}}\n',
    ],
    ['a list', '[{"QMP":{}}]\n'],
    ['bytes that are no text', Buffer.from([0xff, 0xfe, 0x0a])],
  ])('refuses %s', async (_, bytes) => {
    const error = await opened((peer) => peer.socket.write(bytes));
    expect(error).toMatchObject({ name: 'QmpGreetingError', kind: 'greeting', cause: { kind: 'malformed' } });
    expect((error as Error).message).toContain('mode=control and no pretty=on');
  });

  it('tells why a monitor did not let it in', async () => {
    const error = await opened(async (peer) => {
      peer.socket.write(greeting);
      const { id } = await peer.next();
      peer.send({ error: { class: 'GenericError', desc: 'Capability oob not available' }, id });
    });
    expect(error).toMatchObject({ kind: 'greeting', message: expect.stringContaining('Capability oob not available') });
    expect((error as Error).cause).toBeInstanceOf(QmpCommandError);
  });

  it.each([
    ['before the greeting', ''],
    ['in the middle of it', greeting.slice(0, 20)],
    ['after it', greeting],
  ])('says so when the connection is closed %s', async (_, text) => {
    const error = await opened((peer) => peer.socket.end(text));
    expect(error).toMatchObject({
      kind: 'greeting',
      cause: { message: expect.stringMatching(/^QEMU closed the session|qmp_capabilities was not answered/) },
    });
  });
});

describe('connect, where nothing comes', () => {
  it.each([
    ['the greeting', ''],
    ['the rest of the greeting', greeting.slice(0, -5)],
    ['an answer to qmp_capabilities', greeting],
  ])('waits so long for %s as it is told, no longer', async (_, text) => {
    const error = await opened((peer) => peer.socket.write(text), { greetingTimeoutSeconds: 0.05 });
    expect(error).toMatchObject({ name: 'QmpGreetingError', kind: 'greeting' });
    expect((error as Error).message).toMatch(/ did not greet within 0.05 s: another client may hold this monitor/);
  });

  it('waits ten seconds where it is not told', async () => {
    await using monitor = await fakeMonitor({ greets: false });
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    onTestFinished(() => void vi.useRealTimers());
    let settled = false;
    const opening = rejection(connect(monitor.address)).finally(() => {
      settled = true;
    });
    await monitor.peer;
    await vi.advanceTimersByTimeAsync(9_999);
    expect(settled).toBe(false);
    await vi.advanceTimersByTimeAsync(1);
    expect(((await opening) as Error).message).toMatch(/ did not greet within 10 s/);
  });

  it('gives up with the reason of the signal, at any stage', async () => {
    for (const text of ['', greeting]) {
      const controller = new AbortController();
      const error = await opened((peer) => peer.socket.write(text, () => controller.abort(new Error('enough'))), {
        signal: controller.signal,
      });
      expect(error).toEqual(new Error('enough'));
    }
    expect(await rejection(connect('/none', { signal: AbortSignal.abort(new Error('enough')) }))).toEqual(
      new Error('enough'),
    );
  });

  it('has no use for the signal once the session is open', async () => {
    await using monitor = await fakeMonitor({ onCommand: ({ id }, peer) => peer.send({ return: id, id }) });
    const controller = new AbortController();
    await using session = await connect(monitor.address, { signal: controller.signal });
    expect(getEventListeners(controller.signal, 'abort')).toEqual([]);
    controller.abort();
    expect(await session.execute('echo')).toBe(2);
  });

  it.each([0, -1, Number.NaN, '10'])('refuses a limit of %j seconds', async (greetingTimeoutSeconds) => {
    const error = await rejection(connect('/none', { greetingTimeoutSeconds: greetingTimeoutSeconds as number }));
    expect(isCheckpointError(error)).toBe(true);
  });
});

describe('connect, when it has failed', () => {
  it('leaves no connection behind', async () => {
    await using monitor = await fakeMonitor({ greets: false });
    const opening = rejection(connect(monitor.address, { greetingTimeoutSeconds: 0.05 }));
    const { socket } = await monitor.peer;
    const ended = once(socket, 'close');
    await opening;
    await ended;
  });

  it('destroys the stream it was given', async () => {
    const stream = new Duplex({ read() {}, write: (_chunk, _encoding, done) => done(), emitClose: false });
    await rejection(connect(stream, { greetingTimeoutSeconds: 0.05 }));
    expect(stream.destroyed).toBe(true);
  });
});

/** What opening a session is rejected with where a monitor behaves so. */
async function opened(behave: (peer: FakePeer) => unknown, options?: ConnectOptions): Promise<unknown> {
  await using monitor = await fakeMonitor({ greets: false });
  const error = rejection(connect(monitor.address, options));
  await behave(await monitor.peer);
  return await error;
}

async function unusedPort(): Promise<string> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return `127.0.0.1:${port}`;
}
