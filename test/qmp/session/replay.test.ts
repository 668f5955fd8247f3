import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isCheckpointError } from '../../../src/core/error.js';
import { isQmpError, QmpCommandError, type QmpDivergedError } from '../../../src/qmp/error.js';
import type { QmpConnection } from '../../../src/qmp/qmp-connection.js';
import type { QmpArguments } from '../../../src/qmp/qmp-session.js';
import { recordSession } from '../../../src/qmp/record-session.js';
import { replaySession } from '../../../src/qmp/replay-session.js';
import { scriptedSession } from '../../../src/qmp/scripted-session.js';
import { fakeGreeting } from '../../support/fake-monitor.js';
import { rejection } from '../../support/rejection.js';

describe('recordSession', () => {
  it('writes what passed, a line for each message, in the order in which it was seen', async () => {
    const { session, controller } = recorded();
    await session.execute('query-version');
    await rejection(session.execute('fail', { node: 'vda' }));
    await rejection(session.execute('query-version', {}, { signal: AbortSignal.abort() }));
    const aborted = rejection(session.execute('stay', {}, { signal: controller.signal }));
    controller.abort();
    await aborted;
    await rejection(session.execute('', {}));
    await session.execute('nothing');
    await session.close();
    expect(session.transcript().split('\n').map(parse)).toEqual([
      { QMP: fakeGreeting },
      { execute: 'query-version', id: 1 },
      { event: 'ASKED', data: { command: 'query-version' } },
      { return: { major: 10 }, id: 1 },
      { execute: 'fail', arguments: { node: 'vda' }, id: 2 },
      { event: 'ASKED', data: { command: 'fail' } },
      { error: { class: 'GenericError', desc: "Node 'vda' not found" }, id: 2 },
      { execute: 'stay', arguments: {}, id: 3 },
      { event: 'ASKED', data: { command: 'stay' } },
      { execute: 'nothing', id: 4 },
      { event: 'ASKED', data: { command: 'nothing' } },
      { return: null, id: 4 },
      undefined,
    ]);
  });
});

describe('replaySession', () => {
  it.each(['7.2', '10.0'])('replays a life that was recorded from QEMU %s, without ids', async (version) => {
    const text = readFileSync(resolve(import.meta.dirname, `../../fixtures/${version}/life.jsonl`), 'utf8');
    const session = replaySession(text);
    const events = session.events();
    const commands = text
      .split('\n')
      .filter((line) => line.startsWith('{"execute"'))
      .map(parse);
    const replies: unknown[] = [];
    for (const command of commands) {
      const { execute, arguments: args } = command as { readonly execute: string; readonly arguments: QmpArguments };
      expect(session.remaining).toBe(commands.length - replies.length);
      replies.push({ return: await session.execute(execute, args) });
    }
    expect(session.remaining).toBe(0);
    expect(replies).toEqual(
      text
        .split('\n')
        .filter((line) => line.startsWith('{"return"'))
        .map(parse),
    );
    expect((await events.next()).value).toMatchObject({ event: 'BLOCK_EXPORT_DELETED', data: { id: 'guest-vda' } });
    expect((await events.next()).value).toMatchObject({ event: 'BLOCK_EXPORT_DELETED', data: { id: 'guest-vdb' } });
    await session.close();
  });

  it('gives back whatever was recorded', async () => {
    const call = fc.record({
      command: fc.constantFrom('one', 'two', 'three'),
      args: fc.option(fc.dictionary(fc.string(), fc.jsonValue()), { nil: undefined }),
      // JSON writes -0 as 0.
      answer: fc.jsonValue().map((value): unknown => JSON.parse(JSON.stringify(value))),
      refused: fc.boolean(),
      events: fc.nat({ max: 2 }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(call, { maxLength: 8 }), fc.boolean(), async (calls, together) => {
        let given = 0;
        const inner = scriptedSession((command) => {
          const { answer, refused, events } = calls[given++] ?? expect.unreachable();
          for (let event = 0; event < events; event += 1) inner.emit({ event: 'COMING', data: { given, event } });
          if (refused) throw new QmpCommandError(command, { desc: String(given) });
          return answer;
        });
        const recording = recordSession(inner);
        const seen = await outcomes(recording, calls, together);
        expect(seen.length).toBeGreaterThanOrEqual(calls.length);
        const replay = replaySession(recording.transcript());
        expect(await outcomes(replay, calls, together)).toEqual(seen);
        expect(replay.remaining).toBe(0);
      }),
    );
  });

  const transcript = [
    { execute: 'query-version', id: 'a' },
    { return: { major: 10 }, id: 'a' },
    {
      execute: 'transaction',
      arguments: { actions: [{ type: 'x', data: { node: 'vda', name: 'hunter2' } }] },
      id: 'b',
    },
    { return: {}, id: 'b' },
  ];
  const text = transcript.map((line) => `${JSON.stringify(line)}\r\n\n`).join('');
  const transaction = (data: object, more = {}) => ({ actions: [{ type: 'x', data }], ...more });

  it.each<[string, string, QmpArguments | undefined, string]>([
    ['another command', 'query-jobs', undefined, 'expected transaction, given query-jobs'],
    ['no arguments', 'transaction', undefined, 'transaction was given other values at arguments.actions'],
    [
      'another value',
      'transaction',
      transaction({ node: 'vdb', name: 'hunter2' }),
      'transaction was given other values at arguments.actions[0].data.node',
    ],
    [
      'a member less',
      'transaction',
      transaction({ node: 'vda' }),
      'transaction was given other values at arguments.actions[0].data.name',
    ],
    [
      'a member more',
      'transaction',
      transaction({ name: 'hunter2', node: 'vda' }, { properties: 'hunter3' }),
      'transaction was given other values at arguments.properties',
    ],
    [
      'a list that is longer',
      'transaction',
      { actions: [...transaction({ node: 'vda', name: 'hunter2' }).actions, {}] },
      'transaction was given other values at arguments.actions[1]',
    ],
    ['an object for a list', 'transaction', { actions: {} }, 'transaction was given other values at arguments.actions'],
  ])('says where it diverges: %s', async (_, command, args, what) => {
    const session = replaySession(text);
    await session.execute('query-version', {});
    const events = session.events();
    const error = (await rejection(session.execute(command, args))) as QmpDivergedError;
    expect(isQmpError(error)).toBe(true);
    expect(error).toMatchObject({
      name: 'QmpDivergedError',
      kind: 'diverged',
      line: 5,
      expected: 'transaction',
      given: command,
      message: `line 5 of the transcript: ${what}`,
    });
    expect(await session.closed).toBe(error);
    expect(await rejection(events.next())).toBe(error);
    expect(await rejection(session.execute('query-jobs'))).toMatchObject({ kind: 'closed', cause: error });
  });

  it('takes members in any order, and absent ones that were given as undefined', async () => {
    const session = replaySession(text);
    await session.execute('query-version', { flat: undefined });
    expect(await session.execute('transaction', transaction({ name: 'hunter2', node: 'vda' }))).toEqual({});
    await session.close();
  });

  it('says that its end is reached', async () => {
    const session = replaySession('{"execute":"stop"}\n{"return":{}}\n\n\n');
    await session.execute('stop');
    const error = await rejection(session.execute('cont'));
    expect(error).toMatchObject({
      line: 3,
      given: 'cont',
      message: 'line 3 of the transcript: expected the end, given cont',
    });
    expect(error).not.toHaveProperty('expected');
    expect(await rejection(replaySession('').execute('stop'))).toMatchObject({ line: 1 });
  });

  it('ends where the recorded session ended, in the middle of a command', async () => {
    const session = replaySession('{"execute":"stop"}\n{"return":{}}\n{"execute":"quit"}\n{"event":"SHUTDOWN"}\n');
    await session.execute('stop');
    const events = session.events();
    expect(await rejection(session.execute('quit'))).toMatchObject({
      kind: 'closed',
      command: 'quit',
      mayHaveRun: true,
      cause: { message: 'the transcript ends here' },
    });
    expect(await rejection(session.execute('cont'))).toMatchObject({ kind: 'closed', mayHaveRun: false });
    await rejection(events.next());
  });

  it('waits for the signal of a command that was aborted when it was recorded', async () => {
    const aborted = '{"execute":"slow","id":1}\n{"execute":"fast","id":2}\n{"return":2,"id":2}\n';
    const session = replaySession(aborted);
    const controller = new AbortController();
    const slow = rejection(session.execute('slow', {}, { signal: controller.signal }));
    expect(await session.execute('fast')).toBe(2);
    controller.abort(new Error('enough'));
    expect(await slow).toEqual(new Error('enough'));
    expect(await rejection(replaySession(aborted).execute('slow'))).toMatchObject({
      kind: 'diverged',
      message: 'line 1 of the transcript: slow was aborted there, and now it was given no signal',
    });
  });

  it('tells what came before the first command and after an answer when there was time to subscribe', async () => {
    const session = replaySession('{"event":"EARLY"}\n{"execute":"stop"}\n{"return":{}}\n{"event":"STOP"}\n');
    const early = session.events();
    expect((await early.next()).value).toEqual({ event: 'EARLY' });
    await session.execute('stop');
    const later = session.events();
    for (const events of [early, later]) expect((await events.next()).value).toEqual({ event: 'STOP' });
    await session.close();
  });

  it('answers by ids, in whatever order the answers came', async () => {
    const session = replaySession(
      '{"execute":"one","id":1}\n{"execute":"two","id":2}\n{"return":2,"id":2}\n{"return":1,"id":1}\n',
    );
    expect(await Promise.all([session.execute('one'), session.execute('two')])).toEqual([1, 2]);
    await session.close();
  });

  it.each([
    ['a word', '{"execute":"stop"}\nno\n', 'line 2 of the transcript: a line of 2 characters came that is not JSON'],
    ['a list', '[]', 'line 1 of the transcript: a line of JSON came that is not an object'],
    [
      'an answer too many',
      '{"execute":"stop"}\n{"return":{}}\n{"return":{}}\n',
      'line 3 of the transcript: an answer to no command',
    ],
    [
      'an answer to another',
      '{"execute":"stop","id":1}\n{"return":{},"id":2}\n',
      'line 2 of the transcript: an answer to no command',
    ],
    [
      'a command without a name',
      '{"execute":7}\n',
      'line 1 of the transcript: a line of JSON came that is neither a reply nor an event',
    ],
  ])('refuses what is no transcript: %s', (_, wrong, message) => {
    try {
      replaySession(wrong);
      expect.unreachable();
    } catch (error) {
      expect(error).toMatchObject({ kind: 'malformed', message });
    }
  });

  it('refuses what is no text', () => {
    try {
      replaySession(null as unknown as string);
      expect.unreachable();
    } catch (error) {
      expect(isCheckpointError(error)).toBe(true);
    }
  });
});

/** A recorded session of a monitor that tells an event for each command. */
function recorded() {
  const inner = scriptedSession(
    (command) => {
      inner.emit({ event: 'ASKED', data: { command } });
      if (command === 'query-version') return { major: 10 };
      if (command === 'fail') throw new QmpCommandError(command, { desc: "Node 'vda' not found" });
      return command === 'stay' ? new Promise(() => undefined) : undefined;
    },
    { greeting: fakeGreeting },
  );
  return { session: recordSession(inner), controller: new AbortController() };
}

function parse(line: string): unknown {
  return line === '' ? undefined : JSON.parse(line);
}

/** What came of each of these commands, given one after the other or all at once, and the events they caused. */
async function outcomes(
  session: QmpConnection,
  calls: readonly { readonly command: string; readonly args: QmpArguments | undefined }[],
  together: boolean,
): Promise<readonly unknown[]> {
  const events = session.events();
  const give = async ({ command, args }: (typeof calls)[number]) =>
    await session.execute(command, args).catch((error: QmpCommandError) => [error.name, error.desc]);
  const outcome: unknown[] = [];
  if (together) outcome.push(...(await Promise.all(calls.map(give))));
  else for (const call of calls) outcome.push(await give(call));
  await session.close();
  for await (const { data } of events) outcome.push(data);
  return outcome;
}
