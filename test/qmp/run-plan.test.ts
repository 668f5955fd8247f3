import { describe, expect, it } from 'vitest';
import {
  type Command,
  isCheckpointError,
  type Plan,
  planCreateCheckpoint,
  planDeleteCheckpoint,
  type Step,
} from '../../src/index.js';
import {
  formatCommand,
  type PlanError,
  QmpClosedError,
  QmpCommandError,
  type QmpSession,
  runPlan,
  type ScriptedSession,
  type StepProgress,
  scriptedSession,
} from '../../src/qmp/index.js';
import { chain, disk, domain, now } from '../support/builders.js';
import { deepFreeze } from '../support/deep-freeze.js';
import { codesOf, detailsOf, refusal } from '../support/refusal.js';
import { rejection } from '../support/rejection.js';

const bitmapOf = (kind: 'bitmap-remove' | 'bitmap-clear', bitmap: string): Command => ({
  kind: 'transaction',
  actions: [{ kind, nodeName: 'vda-active', bitmap }],
});
const adding = (bitmap: string): Command => ({
  kind: 'transaction',
  actions: [{ kind: 'bitmap-add', nodeName: 'vda-active', bitmap, persistent: true, recording: true }],
});

/** Adds a bitmap, and can put that back. */
const step = (name: string, change: Partial<Step> = {}): Step => ({
  command: adding(name),
  why: `Adds ${name}.`,
  undo: bitmapOf('bitmap-remove', name),
  ...change,
});
const lasting = (name: string): Step => ({ command: bitmapOf('bitmap-clear', name), why: `Clears ${name}.` });

const next = domain();
const planOf = (...steps: readonly Step[]): Plan => deepFreeze({ steps, next });
const abc = planOf(step('a'), step('b'), step('c'));

/** `add a`, `remove a`, `clear a`: what a command does, for those of the steps above. */
function short(name: string, args: object | undefined): string {
  const [action] = (args as { readonly actions?: readonly { type: string; data: { name: string } }[] })?.actions ?? [];
  return action === undefined ? name : `${action.type.replace('block-dirty-bitmap-', '')} ${action.data.name}`;
}

interface Script {
  readonly session: ScriptedSession;
  /** All that was sent, but for the question for the schema. */
  readonly sent: () => readonly string[];
}

/** A QEMU that takes what it is sent, but for what is named: for that it throws. */
function script(failures: Readonly<Record<string, unknown>> = {}): Script {
  const session = scriptedSession((command, args) => {
    if (command === 'query-qmp-schema') throw new QmpCommandError(command, { desc: 'not here' });
    const what = short(command, args);
    if (what in failures) throw failures[what];
    return {};
  });
  const sent = () =>
    session.calls
      .filter(({ command }) => command !== 'query-qmp-schema')
      .map((call) => short(call.command, call.arguments));
  return { session, sent };
}

const refused = new QmpCommandError('transaction', { desc: 'Bitmap already exists: b' });
const failure = async (run: Promise<unknown>): Promise<PlanError> => (await rejection(run)) as PlanError;
const whysOf = (steps: readonly Step[]) => steps.map(({ why }) => why);

describe('a plan that goes well', () => {
  const layered = domain({ disks: [disk('vda', chain('vda', [['tuesday', 'monday'], ['monday']]))] });

  it.each<[string, Plan]>([
    ['a create', planCreateCheckpoint(layered, { name: 'wednesday' }, { now })],
    ['a delete with reopens', planDeleteCheckpoint(layered, 'monday')],
  ])('is sent in order, word by word: %s', async (_, plan) => {
    const { session } = script();
    expect(await runPlan(session, deepFreeze(plan))).toBe(plan.next);
    const [asked, ...sent] = session.calls.map(({ command: execute, arguments: args }) => ({
      execute,
      arguments: args,
    }));
    expect(asked).toEqual({ execute: 'query-qmp-schema' });
    expect(sent.map((command) => JSON.stringify(command))).toEqual(
      plan.steps.map(({ command }) => JSON.stringify(formatCommand(command))),
    );
  });

  it('waits for each answer before it goes on', async () => {
    const answers: (() => void)[] = [];
    const waiting: (() => void)[] = [];
    const session: QmpSession = {
      execute: () =>
        new Promise((resolve) => {
          answers.push(() => resolve({}));
          waiting.shift()?.();
        }),
    };
    const arrival = () => new Promise<void>((resolve) => waiting.push(resolve));
    let arrived = arrival();
    const run = runPlan(session, abc, { schema: 'no schema' });
    for (let count = 1; count <= 3; count += 1) {
      await arrived;
      for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
      expect(answers).toHaveLength(count);
      arrived = arrival();
      answers.at(-1)?.();
    }
    expect(await run).toBe(next);
  });

  it('tells each step before and after', async () => {
    const told: StepProgress[] = [];
    await runPlan(script().session, planOf(step('a'), lasting('b')), { onStep: (progress) => told.push(progress) });
    expect(told).toEqual([
      { state: 'started', step: step('a'), index: 0, total: 2 },
      { state: 'done', step: step('a'), index: 0, total: 2 },
      { state: 'started', step: lasting('b'), index: 1, total: 2 },
      { state: 'done', step: lasting('b'), index: 1, total: 2 },
    ]);
  });

  it('sends nothing at all where it has no steps', async () => {
    const { session } = script();
    const aborted = AbortSignal.abort(new Error('enough'));
    expect(await runPlan(session, planOf(), { signal: aborted, schema: [] })).toBe(next);
    expect(session.calls).toEqual([]);
  });
});

describe('a plan whose step fails', () => {
  it.each<[string, readonly string[], readonly string[], number]>([
    ['the first', ['add a'], [], 0],
    ['the second', ['add a', 'add b', 'remove a'], ['Adds a.'], 1],
    ['the third', ['add a', 'add b', 'add c', 'remove b', 'remove a'], ['Adds b.', 'Adds a.'], 2],
  ])('puts back what was done, the newest first: %s', async (_, sent, undone, index) => {
    const name = 'abc'[index] as string;
    const cause = new QmpCommandError('transaction', { desc: 'Something else' });
    const { session, sent: all } = script({ [`add ${name}`]: cause });
    const told: string[] = [];
    const onStep = ({ state, step: { why } }: StepProgress) => told.push(`${state}: ${why}`);
    const error = await failure(runPlan(session, abc, { onStep }));
    expect(error).toMatchObject({ kind: 'plan', outcome: 'undone', notUndone: [] });
    expect(error.failed).toStrictEqual({ step: abc.steps[index], index, cause });
    expect(error.cause).toBe(cause);
    expect(whysOf(error.undone)).toEqual(undone);
    expect(all()).toEqual(sent);
    expect(told.filter((each) => each.startsWith('undone'))).toEqual(undone.map((why) => `undone: ${why}`));
    expect(told).not.toContain(`done: Adds ${name}.`);
  });

  it('sends the undo word by word', async () => {
    const { session } = script({ 'add b': refused });
    await failure(runPlan(session, abc));
    const { command, arguments: args } = session.calls.at(-1) ?? {};
    expect(JSON.stringify({ execute: command, arguments: args })).toBe(
      '{"execute":"transaction","arguments":{"actions":[{"type":"block-dirty-bitmap-remove","data":{"node":"vda-active","name":"a"}}]}}',
    );
  });

  it('goes on putting back where one undo fails, and says so', async () => {
    const why = new QmpCommandError('transaction', { desc: 'Block node is read-only' });
    const { session, sent } = script({ 'add c': refused, 'remove b': why });
    const error = await failure(runPlan(session, abc));
    expect(error).toMatchObject({
      outcome: 'partly',
      undone: [step('a')],
      notUndone: [{ step: step('b'), cause: why }],
    });
    expect(sent()).toEqual(['add a', 'add b', 'add c', 'remove b', 'remove a']);
  });

  it('passes over a step that cannot be put back, and says so', async () => {
    const { session, sent } = script({ 'add c': refused });
    const error = await failure(runPlan(session, planOf(step('a'), lasting('b'), step('c'))));
    expect(error.outcome).toBe('partly');
    expect(error.notUndone).toStrictEqual([{ step: lasting('b') }]);
    expect(sent()).toEqual(['add a', 'clear b', 'add c', 'remove a']);
  });

  const closed = (mayHaveRun: boolean) => new QmpClosedError('the monitor has gone', { mayHaveRun });

  it.each<[string, unknown, PlanError['outcome']]>([
    ['is refused', refused, 'partly'],
    ['was sent and not answered', closed(true), 'unknown'],
    ['was not sent', closed(false), 'undone'],
    ['fails in a way that is not known', new Error('socket hang up'), 'unknown'],
  ])('tells how things stand where an irreversible step %s', async (_, cause, outcome) => {
    const { session } = script({ 'remove x': cause });
    const plan = planOf({ command: bitmapOf('bitmap-remove', 'x'), why: 'Removes x.', irreversible: true });
    const error = await failure(runPlan(session, plan));
    expect(error).toMatchObject({ outcome, notUndone: [] });
    expect(error.cause).toBe(cause);
  });

  it('tells that an irreversible step was not begun where onStep stopped it', async () => {
    const { session, sent } = script();
    const plan = planOf({ command: bitmapOf('bitmap-remove', 'x'), why: 'Removes x.', irreversible: true });
    const onStep = () => {
      throw new Error('enough');
    };
    expect(await failure(runPlan(session, plan, { onStep }))).toMatchObject({ outcome: 'undone' });
    expect(sent()).toEqual([]);
  });

  it('does not know how things stand where the session has ended, and tries to put back all the same', async () => {
    const gone = closed(true);
    const { session, sent } = script({ 'add b': gone, 'remove a': gone });
    const error = await failure(runPlan(session, abc));
    expect(error).toMatchObject({ outcome: 'unknown', undone: [], notUndone: [{ step: step('a'), cause: gone }] });
    expect(error.cause).toBe(gone);
    expect(sent()).toEqual(['add a', 'add b', 'remove a']);
  });

  it('ends with a session that was closed meanwhile', async () => {
    const { session, sent } = script();
    const onStep = ({ state, index }: StepProgress) => {
      if (state === 'done' && index === 1) void session.close();
    };
    const error = await failure(runPlan(session, abc, { onStep }));
    expect(error).toMatchObject({ outcome: 'partly', failed: { index: 2, cause: { kind: 'closed' } }, undone: [] });
    expect(error.notUndone.map(({ step: { why } }) => why)).toEqual(['Adds b.', 'Adds a.']);
    expect(sent()).toEqual(['add a', 'add b']);
  });
});

describe('a plan that is stopped', () => {
  const enough = new Error('enough');

  it('before it began is not asked for anything, and rejects with the reason', async () => {
    const { session } = script();
    expect(await rejection(runPlan(session, abc, { signal: AbortSignal.abort(enough) }))).toBe(enough);
    expect(session.calls).toEqual([]);
  });

  it('while the schema is asked for has sent nothing, and rejects with the reason', async () => {
    const stop = new AbortController();
    const session = scriptedSession(() => stop.abort(enough));
    expect(await rejection(runPlan(session, abc, { signal: stop.signal }))).toBe(enough);
    expect(session.calls).toEqual([{ command: 'query-qmp-schema' }]);
  });

  it.each<[StepProgress['state'], number, readonly string[], number]>([
    ['started', 0, ['add a', 'remove a'], 1],
    ['done', 0, ['add a', 'remove a'], 1],
    ['done', 1, ['add a', 'add b', 'remove b', 'remove a'], 2],
  ])(
    'by a signal once it has %s step %i is put back, and no command is cut off',
    async (state, index, sent, failed) => {
      const stop = new AbortController();
      const { session, sent: all } = script();
      const onStep = (progress: StepProgress) => {
        if (progress.state === state && progress.index === index) stop.abort(enough);
      };
      const error = await failure(runPlan(session, abc, { signal: stop.signal, onStep }));
      expect(error).toMatchObject({ kind: 'plan', outcome: 'undone', failed: { index: failed } });
      expect(error.cause).toBe(enough);
      expect(all()).toEqual(sent);
    },
  );

  it('by a signal after its last step is done all the same', async () => {
    const stop = new AbortController();
    const onStep = ({ state, index }: StepProgress) => {
      if (state === 'done' && index === 2) stop.abort(enough);
    };
    expect(await runPlan(script().session, abc, { signal: stop.signal, onStep })).toBe(next);
  });

  it.each<[StepProgress['state'], number, readonly string[], number]>([
    ['started', 0, [], 0],
    ['started', 1, ['add a', 'remove a'], 1],
    ['done', 0, ['add a', 'remove a'], 1],
    ['done', 2, ['add a', 'add b', 'add c', 'remove c', 'remove b', 'remove a'], 2],
  ])('by what onStep throws when told of %s %i is put back', async (state, index, sent, failed) => {
    const { session, sent: all } = script();
    const onStep = (progress: StepProgress) => {
      if (progress.state === state && progress.index === index) throw enough;
    };
    const error = await failure(runPlan(session, abc, { onStep }));
    expect(error).toMatchObject({ kind: 'plan', outcome: 'undone', failed: { index: failed }, notUndone: [] });
    expect(error.cause).toBe(enough);
    expect(all()).toEqual(sent);
  });

  it('is put back to its end, whatever onStep throws meanwhile', async () => {
    const { session, sent } = script({ 'add c': refused });
    const onStep = ({ state }: StepProgress) => {
      if (state === 'undone') throw enough;
    };
    const error = await failure(runPlan(session, abc, { onStep }));
    expect(error).toMatchObject({ kind: 'plan', outcome: 'undone' });
    expect(error.cause).toBe(refused);
    expect(sent()).toEqual(['add a', 'add b', 'add c', 'remove b', 'remove a']);
  });
});

describe('what a QEMU does not understand', () => {
  /** A schema whose transactions know these actions. */
  const knowing = (...types: readonly string[]) => [
    { name: 'transaction', 'meta-type': 'command', 'arg-type': '0' },
    { name: '0', 'meta-type': 'object', members: [{ name: 'actions', type: '[1]' }] },
    { name: '[1]', 'meta-type': 'array', 'element-type': '1' },
    {
      name: '1',
      'meta-type': 'object',
      tag: 'type',
      members: [{ name: 'type', type: '2' }],
      variants: types.map((type) => ({ case: type, type: '3' })),
    },
    { name: '2', 'meta-type': 'enum', values: types },
    { name: '3', 'meta-type': 'object', members: [{ name: 'data', type: 'any' }] },
    { name: 'any', 'meta-type': 'builtin', 'json-type': 'value' },
  ];
  const all = knowing('block-dirty-bitmap-add', 'block-dirty-bitmap-remove');

  const asked = (session: ScriptedSession) =>
    session.calls.filter(({ command }) => command === 'query-qmp-schema').length;
  const saying = (schema: unknown) => scriptedSession((command) => (command === 'query-qmp-schema' ? schema : {}));

  it.each<[string, unknown, readonly string[]]>([
    [
      'a command',
      [{ name: 'stop', 'meta-type': 'command', 'arg-type': '0' }],
      ['transaction', 'transaction', 'transaction', 'transaction', 'transaction', 'transaction'],
    ],
    [
      'an undo',
      knowing('block-dirty-bitmap-add'),
      Array.from({ length: 3 }, () => ['actions[0].type=block-dirty-bitmap-remove', 'actions[0].data']).flat(),
    ],
  ])('is refused before anything is sent: %s', async (_, schema, lacking) => {
    const sessions = [saying(schema), saying({})] as const;
    const errors = [await rejection(runPlan(sessions[0], abc)), await rejection(runPlan(sessions[1], abc, { schema }))];
    for (const error of errors) {
      const problems = isCheckpointError(error) ? error.problems : [];
      expect(new Set(codesOf(problems))).toEqual(new Set(['command-unsupported']));
      expect(problems.map((each) => ('member' in each ? each.member : 'command' in each && each.command))).toEqual(
        lacking,
      );
    }
    expect(sessions[0].calls).toEqual([{ command: 'query-qmp-schema' }]);
    expect(sessions[1].calls).toEqual([]);
  });

  it('is asked for once a session', async () => {
    const session = saying(all);
    await Promise.all([runPlan(session, abc), runPlan(session, abc)]);
    await runPlan(session, abc);
    expect(asked(session)).toBe(1);
    const other = saying(all);
    await runPlan(other, abc);
    expect(asked(other)).toBe(1);
  });

  it('is not asked for where it is given', async () => {
    const session = saying(all);
    expect(await runPlan(session, abc, { schema: all })).toBe(next);
    expect(asked(session)).toBe(0);
  });

  it.each<[string, (command: string) => unknown]>([
    [
      'refuses',
      (command) => {
        throw new QmpCommandError(command, { desc: 'no' });
      },
    ],
    [
      'fails in its own way',
      () => {
        throw new TypeError('no');
      },
    ],
    ['answers with something else', () => ({})],
  ])('is left to QEMU where the session %s', async (_, answer) => {
    const session = scriptedSession((command) => (command === 'query-qmp-schema' ? answer(command) : {}));
    expect(await runPlan(session, abc)).toBe(next);
    expect(session.calls.map(({ command, arguments: args }) => short(command, args))).toEqual([
      'query-qmp-schema',
      'add a',
      'add b',
      'add c',
    ]);
  });

  it('is told of where the session has ended, and asked for again by the next run', async () => {
    const closed = new QmpClosedError('the monitor has gone');
    let isOpen = false;
    const session = scriptedSession(() => {
      if (!isOpen) throw closed;
      return {};
    });
    expect(await rejection(runPlan(session, abc))).toBe(closed);
    expect(session.calls).toEqual([{ command: 'query-qmp-schema' }]);
    isOpen = true;
    await runPlan(session, abc);
    expect(asked(session)).toBe(2);
  });
});

describe('a plan that was run before', () => {
  const before = domain();
  const create = planCreateCheckpoint(before, { name: 'wednesday' }, { now });
  const removal = planDeleteCheckpoint(before, 'monday');

  it.each<[string, Plan]>([
    ['a create', create],
    ['a delete', removal],
  ])('is recognised by what is observed, and nothing is sent: %s', async (_, plan) => {
    const { session } = script();
    const aborted = AbortSignal.abort(new Error('enough'));
    expect(await runPlan(session, plan, { observed: deepFreeze(plan.next), signal: aborted })).toBe(plan.next);
    expect(session.calls).toEqual([]);
  });

  it.each<[string, Plan]>([
    ['a create', create],
    ['a delete', removal],
  ])('is run where it was not: %s', async (_, plan) => {
    const { session, sent } = script();
    expect(await runPlan(session, plan, { observed: deepFreeze(before) })).toBe(plan.next);
    expect(sent()).toHaveLength(plan.steps.length);
  });

  it('is refused where what is observed is no domain', async () => {
    const { session } = script();
    const error = await rejection(runPlan(session, create, { observed: 5 as never }));
    const problems = refusal(() => {
      throw error;
    });
    expect(detailsOf(problems)[0]).toMatchObject({ code: 'invalid-input', subject: 'domain' });
    expect(session.calls).toEqual([]);
  });
});
