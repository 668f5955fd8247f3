import { getEventListeners } from 'node:events';
import { expect, it } from 'vitest';
import { isCheckpointError } from '../../src/core/error.js';
import { isQmpError, type QmpClosedError, type QmpCommandError } from '../../src/qmp/error.js';
import type { QmpConnection } from '../../src/qmp/qmp-connection.js';
import type { QmpEvent } from '../../src/qmp/qmp-event.js';
import type { QmpArguments } from '../../src/qmp/qmp-session.js';
import { rejection } from './rejection.js';

/** What every session does, whatever is at its other end. Each is given a session of its own. */
export const sessionContract: readonly {
  readonly does: string;
  readonly run: (session: QmpConnection) => Promise<void>;
}[] = [
  {
    does: 'says which QEMU it is',
    async run(session) {
      expect(await session.execute('query-version')).toEqual(session.greeting.version);
      expect(session.greeting.version.qemu.major).toBeGreaterThanOrEqual(5);
    },
  },
  {
    does: 'rejects a command that QEMU refuses with its name, its reply, its words and their meaning',
    async run(session) {
      const error = await rejection(session.execute('block-dirty-bitmap-remove', { node: 'vda', name: 'monday' }));
      expect(isQmpError(error)).toBe(true);
      expect(error).toMatchObject({
        name: 'QmpCommandError',
        kind: 'command',
        command: 'block-dirty-bitmap-remove',
        errorClass: 'GenericError',
        desc: "Node 'vda' not found",
        code: 'node-not-found',
        message: "QEMU refused block-dirty-bitmap-remove: Node 'vda' not found",
        reply: { error: { class: 'GenericError', desc: "Node 'vda' not found" } },
      });
    },
  },
  {
    does: 'rejects a command that QEMU does not know',
    async run(session) {
      const error = await rejection(session.execute('no-such-command'));
      expect(error).toMatchObject({ kind: 'command', errorClass: 'CommandNotFound', code: 'command-not-found' });
    },
  },
  {
    does: 'gives each of a thousand commands under way its own answer',
    async run(session) {
      const nodes = Array.from({ length: 1000 }, (_, index) => `node-${index}`);
      const errors = await Promise.all(
        nodes.map((node) => rejection(session.execute('block-dirty-bitmap-remove', { node, name: 'monday' }))),
      );
      expect(errors.map((error) => (error as QmpCommandError).desc)).toEqual(
        nodes.map((node) => `Node '${node}' not found`),
      );
    },
  },
  {
    does: 'tells events that a later command causes to whoever has subscribed',
    async run(session) {
      const events = session.events('BLOCK_EXPORT_DELETED');
      await exportAndRemove(session, ['one', 'two']);
      const ids = [await events.next(), await events.next()].map(({ value }) => (value as QmpEvent).data?.['id']);
      expect(ids).toEqual(['one', 'two']);
      await events.return();
      expect(await events.next()).toEqual({ value: undefined, done: true });
    },
  },
  {
    does: 'tells only the events that were asked for: by name, by one of several names, or by a function',
    async run(session) {
      const all = session.events();
      const named = session.events(['BLOCK_EXPORT_DELETED', 'RESET']);
      const chosen = session.events(({ data }) => data?.['id'] === 'two');
      const other = session.events('RESET');
      await exportAndRemove(session, ['one', 'two']);
      for (const id of ['one', 'two']) {
        expect((await all.next()).value).toMatchObject({ event: 'BLOCK_EXPORT_DELETED', data: { id } });
        expect((await named.next()).value).toMatchObject({ event: 'BLOCK_EXPORT_DELETED', data: { id } });
      }
      expect((await chosen.next()).value).toMatchObject({ data: { id: 'two' } });
      await session.close();
      expect(await other.next()).toEqual({ value: undefined, done: true });
      expect(await chosen.next()).toEqual({ value: undefined, done: true });
    },
  },
  {
    does: 'drops the oldest events of a reader that is too slow, and says how many',
    async run(session) {
      const slow = session.events('BLOCK_EXPORT_DELETED', { limit: 1 });
      const prompt = session.events('BLOCK_EXPORT_DELETED');
      await exportAndRemove(session, ['one', 'two', 'three']);
      for (const _ of ['one', 'two', 'three']) expect((await prompt.next()).value).not.toHaveProperty('droppedBefore');
      expect((await slow.next()).value).toMatchObject({ data: { id: 'three' }, droppedBefore: 2 });
    },
  },
  {
    does: 'throws the reason of a signal to whoever waits for events',
    async run(session) {
      const controller = new AbortController();
      const events = session.events(undefined, { signal: controller.signal });
      const waiting = rejection(events.next());
      controller.abort(new Error('enough'));
      expect(await waiting).toEqual(new Error('enough'));
      expect(await events.next()).toEqual({ value: undefined, done: true });
      const tooLate = session.events(undefined, { signal: controller.signal });
      expect(await rejection(tooLate.next())).toEqual(new Error('enough'));
      expect(getEventListeners(controller.signal, 'abort')).toEqual([]);
    },
  },
  {
    does: 'does not send a command whose signal is aborted already',
    async run(session) {
      const signal = AbortSignal.abort(new Error('enough'));
      expect(await rejection(session.execute('query-version', {}, { signal }))).toEqual(new Error('enough'));
      expect(await session.execute('query-version')).toEqual(session.greeting.version);
    },
  },
  {
    does: 'gives up an aborted command at once, and the next one gets its own answer',
    async run(session) {
      const controller = new AbortController();
      const { signal } = controller;
      const aborted = rejection(session.execute('query-version', undefined, { signal }));
      await Promise.resolve();
      controller.abort(new Error('enough'));
      const next = rejection(session.execute('no-such-command'));
      expect(await aborted).toEqual(new Error('enough'));
      expect(await next).toMatchObject({ code: 'command-not-found' });
    },
  },
  {
    does: 'passes over an abort after the answer, and keeps no listener on the signal',
    async run(session) {
      const controller = new AbortController();
      const { signal } = controller;
      const answers = Array.from({ length: 100 }, () => session.execute('query-version', undefined, { signal }));
      expect(getEventListeners(signal, 'abort').length).toBe(1);
      await Promise.all(answers);
      expect(getEventListeners(signal, 'abort')).toEqual([]);
      controller.abort(new Error('enough'));
      expect(await session.execute('query-version')).toEqual(session.greeting.version);
    },
  },
  {
    does: 'refuses what cannot be sent without harm to what can',
    async run(session) {
      const circle: { [member: string]: unknown } = {};
      circle['self'] = circle;
      const wrong: readonly (readonly [command: string, args: QmpArguments])[] = [
        ['', {}],
        ['query-version', circle],
        ['query-version', { size: 1n }],
        ['query-version', { name: '\ud800' }],
        ['query-version', { name: '\uffff' }],
        ['query-version', [] as unknown as QmpArguments],
      ];
      const before = session.execute('query-version');
      for (const [command, args] of wrong) {
        expect(isCheckpointError(await rejection(session.execute(command, args)))).toBe(true);
      }
      expect(() => session.events(undefined, { limit: 0 })).toThrow('options.limit must be a whole number');
      expect(await before).toEqual(session.greeting.version);
      expect(await session.execute('query-version')).toEqual(session.greeting.version);
    },
  },
  {
    does: 'rejects what is under way when it is closed, and says that QEMU may run it',
    async run(session) {
      const answered = await session.execute('query-version');
      expect(answered).toEqual(session.greeting.version);
      const pending = rejection(session.execute('query-version'));
      await Promise.resolve();
      await session.close();
      const error = (await pending) as QmpClosedError;
      expect(error).toMatchObject({ kind: 'closed', command: 'query-version', mayHaveRun: true });
    },
  },
  {
    does: 'takes no command after its end, and says that it was not sent',
    async run(session) {
      const events = session.events();
      await session.close();
      await session[Symbol.asyncDispose]();
      expect(await session.closed).toBeUndefined();
      expect(await events.next()).toEqual({ value: undefined, done: true });
      expect(await session.events().next()).toEqual({ value: undefined, done: true });
      const error = await rejection(session.execute('query-version'));
      expect(error).toMatchObject({
        name: 'QmpClosedError',
        kind: 'closed',
        command: 'query-version',
        mayHaveRun: false,
        message: 'query-version was not sent: the session was closed',
      });
    },
  },
];

/**
 * Tests what every session does.
 *
 * @param open - Opens a session for one test, which is given too, so that it can be recorded first.
 */
export function testSessionContract(
  open: (run: (session: QmpConnection) => Promise<void>) => Promise<QmpConnection>,
): void {
  it.each(sessionContract.map(({ does, run }) => [does, run] as const))('%s', async (_, run) => {
    await using session = await open(run);
    await run(session);
  });
}

async function exportAndRemove(session: QmpConnection, ids: readonly string[]): Promise<void> {
  await session.execute('blockdev-add', { driver: 'null-co', 'node-name': 'contract', size: 65536 });
  for (const id of ids) {
    const gone = session.events((event) => event.event === 'BLOCK_EXPORT_DELETED' && event.data?.['id'] === id);
    await session.execute('block-export-add', { type: 'nbd', id, 'node-name': 'contract', name: id });
    await session.execute('block-export-del', { id });
    await gone.next();
    await gone.return();
  }
  await session.execute('blockdev-del', { 'node-name': 'contract' });
}
