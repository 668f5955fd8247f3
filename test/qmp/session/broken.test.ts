import type { Socket } from 'node:net';
import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { isQmpError, type QmpError } from '../../../src/qmp/error.js';
import { connect } from '../../../src/qmp/session.js';
import { fakeMonitor } from '../../support/fake-monitor.js';
import { pairedSession } from '../../support/paired-session.js';
import { describeOnEachQemu } from '../../support/qemu/describe-on-each-qemu.js';
import { startStorageDaemon } from '../../support/qemu/start-qemu.js';
import { rejection } from '../../support/rejection.js';

const secret = 'hunter2';
const secretArguments = { qom: 'secret', id: 'key', data: secret };

describe('a session whose connection is closed', () => {
  it.each([
    ['between two messages', '', 'QEMU closed the session'],
    ['in the middle of a reply', '{"return": {"qe', 'QEMU closed the session in the middle of a message'],
    ['in the middle of a character', Buffer.from([0x22, 0xc3]), 'QEMU closed the session in the middle of a message'],
  ])('rejects what is under way, %s', async (_, last, why) => {
    await using monitor = await fakeMonitor();
    const session = await connect(monitor.address);
    const events = session.events();
    const pending = [session.execute('transaction', secretArguments), session.execute('query-jobs')].map(rejection);
    const peer = await monitor.peer;
    await peer.next();
    await peer.next();
    peer.socket.end(last);

    const [first, second] = await Promise.all(pending);
    expect(first).toMatchObject({
      name: 'QmpClosedError',
      kind: 'closed',
      command: 'transaction',
      mayHaveRun: true,
      message: `transaction was not answered: ${why}; QEMU may have run it or not, so look again`,
      cause: { kind: 'closed', message: why },
    });
    expect(second).toMatchObject({ command: 'query-jobs', mayHaveRun: true });
    const reason = await session.closed;
    expect(reason).toMatchObject({ kind: 'closed', message: why, mayHaveRun: false });
    expect(reason).not.toHaveProperty('command');
    expect(await rejection(events.next())).toBe(reason);
    expect(await rejection(session.events().next())).toBe(reason);
    expect(await rejection(session.execute('transaction', secretArguments))).toMatchObject({
      kind: 'closed',
      mayHaveRun: false,
      message: `transaction was not sent: ${why}`,
    });
    for (const error of [first, second, reason]) expect(inspect(error)).not.toContain(secret);
    await session.close();
  });

  it('tells what the system says where the connection breaks', async () => {
    const { session, near, arrived } = await pairedSession();
    const pending = rejection(session.execute('query-jobs'));
    await arrived(1);
    const cause = new Error('read ECONNRESET');
    near.destroy(cause);
    expect(await pending).toMatchObject({ kind: 'closed', mayHaveRun: true });
    expect(await session.closed).toMatchObject({ message: 'the connection broke: read ECONNRESET', cause });
    await session.close();
  });
});

describe('a session that is sent what is no QMP', () => {
  it.each<[string, string | Uint8Array, RegExp]>([
    ['garbage', `${secret} garbage\n`, /not JSON$/],
    ['half a message', `{"return": "${secret}\n`, /not JSON$/],
    ['an echo of what it sent', '{"execute":"query-jobs","id":2}\n', /neither a reply nor an event$/],
    ['an empty line', '\r\n', /not JSON$/],
    ['a list', `["${secret}"]\n`, /not an object$/],
    ['a number', '7\n', /not an object$/],
    ['nothing', 'null\n', /not an object$/],
    ['an object of no meaning', `{"id":2,"data":"${secret}"}\n`, /neither a reply nor an event$/],
    ['an answer that is both', '{"return":{},"error":{"class":"GenericError","desc":"no"},"id":2}\n', /neither/],
    ['a refusal without words', '{"error":{"class":"GenericError"},"id":2}\n', /neither a reply nor an event$/],
    ['a refusal with a number for a class', '{"error":{"class":1,"desc":"no"},"id":2}\n', /neither/],
    ['an event without a name', '{"event":1}\n', /neither a reply nor an event$/],
    ['an answer with an id that was never given', '{"return":{},"id":77}\n', /an id that no command has$/],
    ['an answer with the id as text', '{"return":{},"id":"2"}\n', /an id that no command has$/],
    ['an answer without an id', '{"return":{}}\n', /an id that no command has$/],
    ['a refusal of it knows not what', '{"error":{"desc":"JSON parse error"}}\n', /without an id$/],
    ['a second greeting', `${JSON.stringify({ QMP: greetingOf() })}\n`, /^a second greeting came/],
    ['bytes that are no text', Buffer.from([0x7b, 0xc0, 0x80, 0x7d, 0x0a]), /not UTF-8$/],
  ])('ends with a typed error: %s', async (_, bytes, message) => {
    const { session, near, far, arrived } = await pairedSession();
    const events = session.events();
    const pending = ['one', 'two'].map((command) => rejection(session.execute(command, secretArguments)));
    await arrived(2);
    far.write(bytes);
    const reason = (await session.closed) as QmpError;
    expect(reason).toMatchObject({ name: 'QmpMalformedError', kind: 'malformed' });
    expect(reason.message).toMatch(message);
    expect(await Promise.all(pending)).toEqual([reason, reason]);
    expect(await rejection(events.next())).toBe(reason);
    const later = await rejection(session.execute('three', secretArguments));
    expect(later).toMatchObject({ kind: 'closed', mayHaveRun: false, cause: reason });
    for (const error of [reason, later]) expect(inspect(error)).not.toContain(secret);
    expect(near.destroyed).toBe(true);
  });

  it('takes what came before it and nothing after it, in one piece', async () => {
    const { session, far, arrived } = await pairedSession();
    const [one, two] = [session.execute('one'), rejection(session.execute('two'))];
    await arrived(2);
    far.write('{"return":1,"id":2}\nx\n{"return":2,"id":3}\n');
    expect(await one).toBe(1);
    expect(await two).toMatchObject({ kind: 'malformed' });
  });
});

describe('a message that is too long', () => {
  it('is refused at 64 MiB, when 65 come, and none of it is kept', async () => {
    await using monitor = await fakeMonitor();
    const session = await connect(monitor.address);
    const pending = rejection(session.execute('query-named-block-nodes'));
    const { socket } = await monitor.peer;
    const written = writeMuch(socket, 65);
    expect(await pending).toMatchObject({
      kind: 'malformed',
      message: expect.stringMatching(/more than 67108864 bytes/),
    });
    await session.close();
    await written;
  });

  it('is not one of 63 MiB', async () => {
    const { session, far, arrived } = await pairedSession();
    const answer = session.execute('query-named-block-nodes');
    await arrived(1);
    const text = 'x'.repeat(63 * 2 ** 20);
    far.write(`{"return":"${text}","id":2}\n`);
    expect((await answer) === text).toBe(true);
    await session.close();
  });
});

describeOnEachQemu('a session whose QEMU is killed', (qemu) => {
  it('rejects all that is under way', async () => {
    await using daemon = await startStorageDaemon(qemu);
    const session = await connect(daemon.address);
    const pending = Array.from({ length: 500 }, () =>
      session.execute('query-named-block-nodes').then(() => 'answered', kindOf),
    );
    await session.execute('query-version').catch(() => undefined);
    const more = Array.from({ length: 500 }, () => session.execute('query-version').then(() => 'answered', kindOf));
    await daemon.kill('SIGKILL');
    const outcomes = new Set(await Promise.all([...pending, ...more]));
    outcomes.delete('answered');
    expect([...outcomes]).toEqual(['closed']);
    expect(await session.closed).toMatchObject({ kind: 'closed' });
  });
});

function greetingOf() {
  return { version: { qemu: { major: 10, minor: 0, micro: 2 }, package: '' }, capabilities: [] };
}

function kindOf(error: unknown): string {
  return isQmpError(error) ? error.kind : 'other';
}

/** Writes so many MiB without a line's end, as fast as they are taken, and stops when nobody takes them any more. */
async function writeMuch(socket: Socket, count: number): Promise<void> {
  const piece = Buffer.alloc(2 ** 20, 'x');
  const closed = new Promise((resolve) => socket.once('close', resolve));
  for (let written = 0; written < count && socket.writable; written += 1) {
    if (socket.write(piece)) continue;
    await Promise.race([new Promise((resolve) => socket.once('drain', resolve)), closed]);
  }
}
