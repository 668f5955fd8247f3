import { getEventListeners } from 'node:events';
import { Duplex } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { connect } from '../../../src/qmp/session.js';
import { fakeGreeting } from '../../support/fake-monitor.js';
import { pairedSession } from '../../support/paired-session.js';
import { rejection } from '../../support/rejection.js';

const enough = new Error('enough');

describe('an aborted command', () => {
  it('keeps its id until its answer came late, which nobody gets', async () => {
    const { session, arrived, send } = await pairedSession();
    const controller = new AbortController();
    const aborted = rejection(session.execute('slow', {}, { signal: controller.signal }));
    await arrived(1);
    controller.abort(enough);
    expect(await aborted).toBe(enough);
    const next = session.execute('query-version');
    await arrived(2);
    send({ return: 'late', id: 2 }, { return: 'next', id: 3 });
    expect(await next).toBe('next');
    // Its id is known no longer.
    send({ return: 'again', id: 2 });
    expect(await session.closed).toMatchObject({ kind: 'malformed' });
  });

  it('may be refused late, or never be answered', async () => {
    const { session, arrived, send } = await pairedSession();
    const controller = new AbortController();
    const aborted = ['one', 'two'].map((name) => rejection(session.execute(name, {}, { signal: controller.signal })));
    await arrived(2);
    controller.abort(enough);
    expect(await Promise.all(aborted)).toEqual([enough, enough]);
    const next = session.execute('query-version');
    await arrived(3);
    send({ error: { class: 'GenericError', desc: 'no' }, id: 2 }, { return: 'next', id: 4 });
    expect(await next).toBe('next');
    await session.close();
  });

  it('is not sent at all where it is aborted in time', async () => {
    const { session, arrived, sent, send } = await pairedSession();
    const controller = new AbortController();
    const { signal } = controller;
    const aborted = [
      rejection(session.execute('one', {}, { signal })),
      rejection(session.execute('two', {}, { signal })),
    ];
    const kept = session.execute('three');
    controller.abort(enough);
    expect(await Promise.all(aborted)).toEqual([enough, enough]);
    await arrived(1);
    expect(sent).toEqual([{ execute: 'three', id: 4 }]);
    send({ return: 3, id: 4 });
    expect(await kept).toBe(3);
    await session.close();
  });

  it('is taken back while the stream is full', async () => {
    const { stream, written, drain } = fullStream();
    const session = await connect(stream);
    const controller = new AbortController();
    const { signal } = controller;
    const large = { text: 'x'.repeat(100_000) };
    // The first fills the stream, those behind it wait.
    const first = rejection(session.execute('first', large));
    await Promise.resolve();
    const second = rejection(session.execute('second', large, { signal }));
    const third = rejection(session.execute('third'));
    controller.abort(enough);
    expect(await second).toBe(enough);
    drain();
    expect(written().join('')).toMatch(/"first"[^\n]*\n[^\n]*"third"/);
    expect(written().join('')).not.toContain('second');
    await session.close();
    expect(await first).toMatchObject({ kind: 'closed', mayHaveRun: true });
    expect(await third).toMatchObject({ kind: 'closed', mayHaveRun: true });
  });
});

describe('a stream that is full', () => {
  it('is given no more until it has room, and what waits for it was not sent', async () => {
    const { stream, written, drain } = fullStream();
    const session = await connect(stream);
    const large = { text: 'x'.repeat(10_000) };
    const answers = Array.from({ length: 1000 }, () => rejection(session.execute('large', large)));
    await new Promise(setImmediate);
    const batch = written().length;
    expect(stream.writableLength).toBeLessThan(200_000);
    drain();
    expect(written().length).toBe(batch + 1);
    expect(stream.writableLength).toBeLessThan(200_000);
    await session.close();
    const errors = (await Promise.all(answers)) as { readonly mayHaveRun: boolean; readonly message: string }[];
    const mayHaveRun = errors.filter((error) => error.mayHaveRun).length;
    expect(mayHaveRun).toBeGreaterThan(0);
    expect(mayHaveRun).toBeLessThan(30);
    expect(errors.at(-1)?.message).toBe('large was not sent: the session was closed');
  });
});

describe('one signal for thousands of commands', () => {
  it('has one listener, and none when they are answered', async () => {
    const { session, arrived, sent, send } = await pairedSession();
    const warnings: Error[] = [];
    const onWarning = (warning: Error) => warnings.push(warning);
    process.on('warning', onWarning);
    const { signal } = new AbortController();
    const answers = Array.from({ length: 5000 }, () => session.execute('echo', {}, { signal }));
    const events = Array.from({ length: 50 }, () => session.events(undefined, { signal }));
    expect(getEventListeners(signal, 'abort').length).toBe(1);
    await arrived(5000);
    send(...sent.map(({ id }) => ({ return: {}, id })));
    await Promise.all(answers);
    await Promise.all(events.map((subscription) => subscription.return()));
    expect(getEventListeners(signal, 'abort')).toEqual([]);
    await session.close();
    process.off('warning', onWarning);
    expect(warnings).toEqual([]);
  });
});

/** A stream that greets, and takes a write only when it is told to. */
function fullStream(): {
  readonly stream: Duplex;
  readonly written: () => readonly string[];
  readonly drain: () => void;
} {
  const written: string[] = [];
  const takers: (() => void)[] = [];
  const stream = new Duplex({
    decodeStrings: false,
    read() {},
    write(text: string, _encoding, done) {
      written.push(text);
      if (!text.includes('qmp_capabilities')) takers.push(done);
      else {
        stream.push('{"return":{},"id":1}\n');
        done();
      }
    },
  });
  stream.push(`${JSON.stringify({ QMP: fakeGreeting })}\n`);
  return { stream, written: () => written.slice(1), drain: () => takers.shift()?.() };
}
