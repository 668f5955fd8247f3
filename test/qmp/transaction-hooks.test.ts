import { describe, expect, it } from 'vitest';
import type { Command, Plan, Step, TransactionAction } from '../../src/index.js';
import {
  type Instant,
  PlanError,
  QmpClosedError,
  QmpCommandError,
  type RunOptions,
  runPlan,
  scriptedSession,
} from '../../src/qmp/index.js';
import { domain } from '../support/builders.js';
import { deepFreeze } from '../support/deep-freeze.js';
import { rejection } from '../support/rejection.js';

const transaction = (...actions: readonly TransactionAction[]): Command => ({ kind: 'transaction', actions });
const named = { nodeName: 'vda-active', bitmap: 'a' };
const removal = transaction({ kind: 'bitmap-remove', ...named });
const begin: Step = {
  command: transaction({ kind: 'bitmap-add', ...named, persistent: true, recording: true }),
  why: 'Begins a.',
  undo: removal,
};
const clear: Step = {
  command: transaction({ kind: 'bitmap-clear', ...named }),
  why: 'Clears a.',
  undo: { kind: 'node-remove', nodeName: 'x' },
};
const next = domain();
const planOf = (...steps: readonly Step[]): Plan => deepFreeze({ steps, next });

/** What happens around a plan, in order; what is named throws. */
function stage(failures: Readonly<Record<string, unknown>> = {}) {
  const seen: string[] = [];
  const instants: Instant[] = [];
  const happen = (what: string) => {
    seen.push(what);
    if (what in failures) throw failures[what];
  };
  const session = scriptedSession((command, args) => {
    const [action] = (args as { readonly actions?: readonly { readonly type: string }[] })?.actions ?? [];
    happen(action?.type.replace('block-dirty-bitmap-', '') ?? command);
  });
  const hooks = {
    beforeTransaction: async (instant: Instant) => {
      instants.push(instant);
      await Promise.resolve();
      happen('before');
    },
    afterTransaction: async (instant: Instant) => {
      instants.push(instant);
      await Promise.resolve();
      happen('after');
    },
  };
  const run = (plan: Plan, options: RunOptions = {}) => runPlan(session, plan, { schema: [], ...hooks, ...options });
  return { run, hooks, seen, instants };
}

describe('hooks around a transaction', () => {
  it('are called around the one that sets an instant, and around no other command', async () => {
    const { run, seen, instants } = stage();
    const plan = planOf(clear, begin, { command: { kind: 'node-remove', nodeName: 'x' }, why: 'Closes x.' });
    expect(await run(plan)).toBe(next);
    expect(seen).toEqual(['clear', 'before', 'add', 'after', 'blockdev-del']);
    expect(instants[0]).toEqual({ step: begin, index: 1, total: 3 });
    expect(instants[1]).toBe(instants[0]);
  });

  it.each<[string, RunOptions, readonly string[]]>([
    ['before', { afterTransaction: undefined as never }, ['before', 'add']],
    ['after', { beforeTransaction: undefined as never }, ['add', 'after']],
  ])('may be one alone: %s', async (_, without, expected) => {
    const { run, seen } = stage();
    await run(planOf(begin), without);
    expect(seen).toEqual(expected);
  });

  it('may be plain functions', async () => {
    const { run, seen } = stage();
    const tell = (what: string) => () => void seen.push(what);
    await run(planOf(begin), { beforeTransaction: tell('hold'), afterTransaction: tell('let go') });
    expect(seen).toEqual(['hold', 'add', 'let go']);
  });

  it('are not called where the plan is done already, and where it begins nothing', async () => {
    const { run, seen } = stage();
    await run(planOf());
    await run(planOf(clear));
    expect(seen).toEqual(['clear']);
  });

  it('see the signal, but not after a point of no return', async () => {
    const { run, instants } = stage();
    const { signal } = new AbortController();
    await run(planOf(begin, { ...clear, pointOfNoReturn: true }, begin), { signal });
    expect(instants.map((instant) => instant.signal)).toEqual([signal, signal, undefined, undefined]);
    expect(instants[2]).not.toHaveProperty('signal');
  });
});

const refused = new QmpCommandError('transaction', { desc: 'no' });
const lost = new QmpClosedError('the monitor has gone', { mayHaveRun: true });
const hung = new Error('the guest hangs');
const enough = new Error('enough');

describe('afterTransaction is called before anything is put back', () => {
  it.each<[string, Readonly<Record<string, unknown>>, readonly string[], PlanError['outcome'], unknown]>([
    ['where the transaction is refused', { add: refused }, ['before', 'add', 'after'], 'undone', refused],
    ['where the session is lost', { add: lost }, ['before', 'add', 'after'], 'unknown', lost],
    ['where beforeTransaction has thrown', { before: hung }, ['before', 'after'], 'undone', hung],
    [
      'where a later step fails',
      { 'blockdev-add': refused },
      ['before', 'add', 'after', 'blockdev-add'],
      'undone',
      refused,
    ],
  ])('%s', async (_, failures, expected, outcome, cause) => {
    const { run, seen } = stage(failures);
    const later: Step = {
      command: { kind: 'node-add', nodeName: 'y', format: 'raw', virtualSize: 1 },
      why: 'Opens y.',
    };
    const error = (await rejection(run(planOf(clear, begin, later)))) as PlanError;
    expect(error).toBeInstanceOf(PlanError);
    expect(error).toMatchObject({ outcome, cause });
    expect(error).not.toHaveProperty('hookFailure');
    const undos = expected.includes('blockdev-add') ? ['remove', 'blockdev-del'] : ['blockdev-del'];
    expect(seen).toEqual(['clear', ...expected, ...undos]);
  });

  it('where the run is aborted while beforeTransaction is under way, and the transaction is not sent', async () => {
    const { run, seen } = stage();
    const stop = new AbortController();
    const beforeTransaction = () => {
      seen.push('before');
      stop.abort(enough);
    };
    const error = await rejection(run(planOf(clear, begin), { beforeTransaction, signal: stop.signal }));
    expect(error).toMatchObject({ outcome: 'undone', cause: enough, failed: { index: 1 } });
    expect(seen).toEqual(['clear', 'before', 'after', 'blockdev-del']);
  });

  it('where the run is aborted while the transaction is under way, which is not cut off', async () => {
    const stop = new AbortController();
    const seen: string[] = [];
    const session = scriptedSession(async () => {
      stop.abort(enough);
      await Promise.resolve();
      seen.push('add');
    });
    const afterTransaction = () => void seen.push('after');
    const options = { schema: [], signal: stop.signal, afterTransaction };
    expect(await runPlan(session, planOf(begin), options)).toBe(next);
    expect(seen).toEqual(['add', 'after']);
  });
});

describe('what afterTransaction throws', () => {
  it('puts nothing back where nothing else fails: the run goes on, and its error says that all is done', async () => {
    const { run, seen } = stage({ after: hung });
    const told: string[] = [];
    const onStep: RunOptions['onStep'] = ({ state, index }) => told.push(`${state} ${index}`);
    const error = (await rejection(run(planOf(begin, clear), { onStep }))) as PlanError;
    expect(error).toBeInstanceOf(PlanError);
    expect(error).toMatchObject({ outcome: 'done', cause: hung, undone: [], notUndone: [] });
    expect(error.failed).toStrictEqual({ step: begin, index: 0, cause: hung });
    expect(error).not.toHaveProperty('hookFailure');
    expect(error.message).toBe(
      'all 2 steps are done, but after the transaction of step 1 this failed: the guest hangs\nthe step was: Begins a.',
    );
    expect(seen).toEqual(['before', 'add', 'after', 'clear']);
    expect(told).toEqual(['started 0', 'done 0', 'started 1', 'done 1']);
  });

  it('is told in the singular of a single step', async () => {
    const error = await rejection(stage({ after: hung }).run(planOf(begin)));
    expect(error).toMatchObject({ outcome: 'done' });
    expect((error as Error).message).toContain('the step is done, but after the transaction of step 1');
  });

  it.each<[string, Readonly<Record<string, unknown>>, PlanError['outcome'], unknown]>([
    ['the transaction', { add: refused }, 'undone', refused],
    ['beforeTransaction', { before: enough }, 'undone', enough],
    ['a later step', { clear: lost }, 'unknown', lost],
  ])('does not hide the failure of %s', async (_, failures, outcome, cause) => {
    const { run } = stage({ ...failures, after: hung });
    const error = (await rejection(run(planOf(begin, clear)))) as PlanError;
    expect(error).toMatchObject({ outcome, cause, hookFailure: hung });
    expect(error.message.split('\n')).toContain('after the transaction this failed too: the guest hangs');
  });

  it('is told for the first transaction where it fails for several', async () => {
    const failures = [hung, enough];
    const afterTransaction = () => {
      throw failures.shift();
    };
    const error = await rejection(stage().run(planOf(begin, begin), { afterTransaction }));
    expect(error).toMatchObject({ outcome: 'done', cause: hung, failed: { index: 0 } });
  });
});
