import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { pairedSession } from '../../support/paired-session.js';
import { rejection } from '../../support/rejection.js';

describe('an answer', () => {
  it('may be any value of JSON: what counts is that it is there', async () => {
    const { session, arrived, send } = await pairedSession();
    const values = ['', 0, false, null, [], {}, 'text', { return: '', error: 1, event: 'no' }];
    const answers = values.map(() => session.execute('human-monitor-command'));
    await arrived(values.length);
    values.forEach((value, index) => {
      send({ return: value, id: index + 2 });
    });
    expect(await Promise.all(answers)).toEqual(values);
    await session.close();
  });

  it('may come in pieces, cut at any byte, in the middle of a character too', async () => {
    const { session, far } = await pairedSession();
    const value = { name: 'größe – 容量 😀' };
    const length = Buffer.byteLength(JSON.stringify({ return: value, id: 1000 })) + 2;
    for (let cut = 1; cut < length; cut += 1) {
      const answer = session.execute('query-name');
      const line = Buffer.from(`${JSON.stringify({ return: value, id: cut + 1 })}\r\n`);
      far.write(line.subarray(0, cut));
      far.write(line.subarray(cut));
      expect(await answer, `cut at ${cut}`).toEqual(value);
    }
    await session.close();
  });

  it('finds its command in whatever order and pieces answers and events come', async () => {
    const item = fc.record({ value: fc.jsonValue(), refused: fc.boolean(), rank: fc.nat(), event: fc.boolean() });
    const sizes = fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1 });
    await fc.assert(
      fc.asyncProperty(fc.array(item, { maxLength: 12 }), sizes, async (items, pieceSizes) => {
        const { session, far, arrived } = await pairedSession();
        const events = session.events();
        const answers = items.map(({ refused }) =>
          refused ? descOf(session.execute('fail')) : session.execute('echo'),
        );
        await arrived(items.length);

        const answered = items.map((one, index) => ({ ...one, id: index + 2 })).toSorted((a, b) => a.rank - b.rank);
        const messages = answered.flatMap(({ value, refused, event, id }) => [
          ...(event ? [{ event: 'COMING', data: { id } }] : []),
          refused ? { error: { class: 'GenericError', desc: `no ${id}` }, id } : { return: value, id },
        ]);
        for (const piece of cut(messages, pieceSizes)) far.write(piece);

        const expected = items.map(({ value, refused }, index) => (refused ? `no ${index + 2}` : value));
        expect(await Promise.all(answers)).toEqual(JSON.parse(JSON.stringify(expected)));
        await session.close();
        const told: unknown[] = [];
        for await (const { data } of events) told.push(data?.['id']);
        expect(told).toEqual(answered.filter(({ event }) => event).map(({ id }) => id));
      }),
      { numRuns: 300 },
    );
  });

  it('may be a refusal without an id: of the only command under way', async () => {
    const { session, arrived, send } = await pairedSession();
    const answer = rejection(session.execute('query-version'));
    await arrived(1);
    send({ error: { class: 'GenericError', desc: 'JSON parse error' } });
    expect(await answer).toMatchObject({ kind: 'command', command: 'query-version', desc: 'JSON parse error' });
    const next = session.execute('query-version');
    send({ return: 1, id: 3 });
    expect(await next).toBe(1);
    await session.close();
  });

  it('comes for thousands of commands that are under way at once', async () => {
    const { session, arrived, sent, send } = await pairedSession();
    const count = 20_000;
    const answers = Array.from({ length: count }, (_, index) => session.execute('echo', { index }));
    await arrived(count);
    send(...sent.map(({ id, arguments: args }) => ({ return: args?.['index'], id })).reverse());
    expect(await Promise.all(answers)).toEqual(Array.from({ length: count }, (_, index) => index));
    await session.close();
  });
});

describe('a request', () => {
  it('is one line without a byte too many, and is written when the command is given', async () => {
    const { session, far, arrived } = await pairedSession();
    far.removeAllListeners('data');
    const read = new Promise((resolve) => far.once('data', resolve));
    const args = { flat: true, none: undefined };
    void rejection(session.execute('query-named-block-nodes', args));
    args.flat = false;
    expect(await read).toBe('{"execute":"query-named-block-nodes","arguments":{"flat":true},"id":2}\n');
    await arrived(0);
    await session.close();
  });
});

async function descOf(answer: Promise<unknown>): Promise<unknown> {
  return ((await rejection(answer)) as { readonly desc?: string }).desc;
}

/** The lines of messages as bytes, in pieces of these sizes, over and over. */
function cut(messages: readonly object[], sizes: readonly number[]): readonly Buffer[] {
  const bytes = Buffer.from(messages.map((message) => `${JSON.stringify(message)}\r\n`).join(''));
  const pieces: Buffer[] = [];
  for (let start = 0; start < bytes.length; ) {
    const size = sizes[pieces.length % sizes.length] ?? 1;
    pieces.push(bytes.subarray(start, start + size));
    start += size;
  }
  return pieces;
}
