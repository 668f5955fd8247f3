import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Domain, Plan } from '../../src/index.js';
import {
  GuestAgentError,
  type GuestAgentOptions,
  type GuestFreeze,
  guestAgent,
  isQmpError,
  type PlanError,
  QmpClosedError,
  QmpCommandError,
  type RunOptions,
  runPlan,
  scriptedSession,
} from '../../src/qmp/index.js';
import { domain } from '../support/builders.js';
import { deepFreeze } from '../support/deep-freeze.js';
import { type FakeAgent, type FakeAgentOptions, type FakeAnswer, fakeAgent } from '../support/fake-agent.js';
import { fixtureVersions, readAgent } from '../support/fixtures.js';
import { temporaryFolder } from '../support/qemu/temporary-folder.js';
import { detailsOf, refusal } from '../support/refusal.js';
import { rejection } from '../support/rejection.js';

const named = { nodeName: 'vda-active', bitmap: 'a' };
const next = domain();
const plan: Plan = deepFreeze({
  steps: [
    {
      command: {
        kind: 'transaction',
        actions: [{ kind: 'bitmap-add', ...named, persistent: true, recording: true }],
      },
      why: 'Begins a.',
      undo: { kind: 'transaction', actions: [{ kind: 'bitmap-remove', ...named }] },
    },
  ],
  next,
});

/** Runs the plan with an agent; the transaction notes in the agent's list when it was sent, and does what it is told. */
async function run(
  agent: FakeAgent,
  options: GuestAgentOptions & Pick<RunOptions, 'signal'> & { readonly transaction?: () => unknown } = {},
): Promise<{ readonly value?: Domain; readonly error?: PlanError; readonly lastFreeze: GuestFreeze | undefined }> {
  const { transaction, signal, ...limits } = options;
  const quick = { answerTimeoutSeconds: 20, freezeTimeoutSeconds: 20, longestFreezeSeconds: 20, ...limits };
  const hooks = guestAgent(agent.address, quick);
  const session = scriptedSession(() => {
    (agent.seen as string[]).push(agent.isFrozen ? 'transaction, frozen' : 'transaction');
    return transaction?.();
  });
  const running = runPlan(session, plan, { schema: [], ...hooks, ...(signal !== undefined && { signal }) });
  const result = await running.then(
    (value) => ({ value }),
    (error: PlanError) => ({ error }),
  );
  return { ...result, lastFreeze: hooks.lastFreeze() };
}

/** An agent that answers one command in a way of its own, each time or the first time only. */
const on = (command: string, ...answers: readonly FakeAnswer[]): FakeAgentOptions => ({
  on: (given, before) => (given === command ? answers[Math.min(before, answers.length - 1)] : undefined),
});

const asked = ['sync-delimited', 'fsfreeze-status', 'info'];
const toFreeze = [...asked, 'fsfreeze-freeze'];
const whole = [...toFreeze, 'transaction, frozen', 'fsfreeze-thaw'];
const resynced = ['sync-delimited', 'fsfreeze-thaw'];
const short = { freezeTimeoutSeconds: 0.05 };

describe('a guest with an agent', () => {
  it('is frozen while the transaction runs, and no longer; how long that was is told', async () => {
    await using agent = await fakeAgent();
    const { value, lastFreeze } = await run(agent);
    expect(value).toBe(next);
    expect(agent.seen).toEqual(whole);
    expect(agent.isFrozen).toBe(false);
    expect(lastFreeze).toEqual({
      fileSystems: 2,
      freezingMilliseconds: expect.any(Number),
      frozenMilliseconds: expect.any(Number),
    });
    expect(lastFreeze?.freezingMilliseconds).toBeGreaterThan(0);
    expect(lastFreeze?.frozenMilliseconds).toBeGreaterThan(0);
  });

  it.each<[string, FakeAgentOptions]>([
    ['has no file system that can be frozen', { fileSystems: 0 }],
    ['does not say what its agent allows', on('info', new Error('Command guest-info has been disabled'))],
    ['says it in a way that is not known', on('info', { value: { supported_commands: 'all' } })],
    ['thaws more than was frozen', on('fsfreeze-thaw', { value: 3 })],
    ['loses the connection before it is thawed, which is opened anew', on('fsfreeze-thaw', 'hang-up', undefined)],
    [
      'still has for us what others had asked',
      { stale: Buffer.from('"}\n{"return": 2}\n\xff{"return": 5}\nrubbish\n{"return": {}}\n{"ret', 'latin1') },
    ],
  ])('is frozen and thawed where it %s', async (_, options) => {
    await using agent = await fakeAgent(options);
    const { lastFreeze, ...result } = await run(agent);
    expect(result).toEqual({ value: next });
    expect(lastFreeze?.fileSystems).toBe(options.fileSystems ?? 2);
    expect(agent.seen).toContain('transaction, frozen');
    expect(agent.isFrozen).toBe(false);
  });

  it('is not asked for anything where the plan begins nothing', async () => {
    const hooks = guestAgent('/nowhere/agent');
    const session = scriptedSession(() => ({}));
    expect(await runPlan(session, { steps: [], next }, { ...hooks })).toBe(next);
    expect(hooks.lastFreeze()).toBeUndefined();
  });
});

const tooSlow = 'nothing came within 0.05 s; it may not run, be busy, or serve another client';

describe('nothing is sent to QEMU, and nothing stays frozen, where the agent', () => {
  it.each<[string, FakeAgentOptions, GuestAgentError['code'], string, readonly string[], GuestAgentOptions?]>([
    [
      'does not run: its socket takes all and says nothing',
      on('sync-delimited', 'silent'),
      'guest-agent-silent',
      `guest-fsfreeze-status got no answer from the guest agent at AGENT: ${tooSlow}`,
      ['sync-delimited', 'fsfreeze-status'],
      { answerTimeoutSeconds: 0.05 },
    ],
    [
      'hangs up',
      on('fsfreeze-status', 'hang-up'),
      'guest-agent-closed',
      'guest-fsfreeze-status got no answer from the guest agent at AGENT: it closed the connection',
      ['sync-delimited', 'fsfreeze-status'],
    ],
    [
      'says what is no JSON',
      on('info', Buffer.from('rubbish\n')),
      'guest-agent-malformed',
      'guest-info got no answer from the guest agent at AGENT: a line of 7 characters came that is not JSON',
      asked,
    ],
    [
      'says what is no end',
      on('info', Buffer.alloc(2 ** 20 + 1, 'x')),
      'guest-agent-malformed',
      'guest-info got no answer from the guest agent at AGENT: a message of more than 1048576 bytes came: that is no monitor',
      asked,
    ],
    [
      'may not tell whether it is frozen',
      on('fsfreeze-status', new Error('Command guest-fsfreeze-status has been disabled')),
      'guest-agent-refused',
      'the guest agent at AGENT refused guest-fsfreeze-status: Command guest-fsfreeze-status has been disabled',
      ['sync-delimited', 'fsfreeze-status'],
    ],
    [
      'is frozen already, by someone else, whom it leaves alone',
      on('fsfreeze-status', { value: 'frozen' }),
      'guest-agent-frozen',
      'the guest of AGENT is frozen already, not by this; try again when that has ended, or thaw it where nobody is at it any more',
      ['sync-delimited', 'fsfreeze-status'],
    ],
    [
      'may freeze but not thaw',
      on('info', { value: { supported_commands: [{ name: 'guest-fsfreeze-thaw', enabled: false }] } }),
      'guest-agent-refused',
      'the guest agent at AGENT does not allow guest-fsfreeze-thaw, so nothing was frozen: allow it there',
      asked,
    ],
    [
      'may not freeze',
      on('fsfreeze-freeze', new Error('Command guest-fsfreeze-freeze has been disabled')),
      'guest-agent-refused',
      'the guest agent at AGENT refused guest-fsfreeze-freeze: Command guest-fsfreeze-freeze has been disabled',
      toFreeze,
    ],
    [
      'hangs up when it is to freeze: it is told to thaw over a new connection',
      on('fsfreeze-freeze', 'hang-up'),
      'guest-agent-closed',
      'guest-fsfreeze-freeze got no answer from the guest agent at AGENT: it closed the connection',
      [...toFreeze, ...resynced],
    ],
    [
      'answers a freeze with something else',
      on('fsfreeze-freeze', { value: {} }),
      'guest-agent-malformed',
      'what is at AGENT answers a freeze without a number',
      [...toFreeze, 'fsfreeze-thaw'],
    ],
  ])('%s', async (_, options, code, message, seen, limits) => {
    await using agent = await fakeAgent(options);
    const { error, lastFreeze } = (await run(agent, limits)) as { error: PlanError; lastFreeze: unknown };
    expect(error).toMatchObject({ outcome: 'undone', cause: { name: 'GuestAgentError', kind: 'guest-agent', code } });
    expect((error.cause as GuestAgentError).message).toBe(message.replace('AGENT', agent.address));
    expect((error.cause as GuestAgentError).mayBeFrozen).toBe(false);
    expect(error).not.toHaveProperty('hookFailure');
    expect(agent.seen).toEqual(seen);
    expect(agent.isFrozen).toBe(false);
    expect(lastFreeze).toBeUndefined();
  });

  it.each(fixtureVersions)('is a real one of QEMU %s that may not freeze, as recorded', async (version) => {
    const replies = new Map(
      readAgent(version).map(({ sent, received }) => [/guest-([\w-]+)"}\n$/.exec(sent)?.[1], received]),
    );
    await using agent = await fakeAgent({
      on(command) {
        const reply = replies.get(command);
        return reply === undefined ? undefined : Buffer.from(reply, 'latin1');
      },
    });
    const { error } = await run(agent);
    expect(error).toMatchObject({ outcome: 'undone', cause: { code: 'guest-agent-refused', mayBeFrozen: false } });
    const why = version === '7.2' ? '' : ': the command is not allowed';
    expect(String(error?.cause)).toBe(
      `GuestAgentError: the guest agent at ${agent.address} refused guest-fsfreeze-freeze: Command guest-fsfreeze-freeze has been disabled${why}`,
    );
    expect(agent.seen).toEqual(toFreeze);
  });

  it('does not listen', async () => {
    await using folder = await temporaryFolder();
    const address = join(folder.path, 'agent');
    const error = await rejection(
      runPlan(
        scriptedSession(() => ({})),
        plan,
        { schema: [], ...guestAgent(address) },
      ),
    );
    expect(error).toMatchObject({ outcome: 'undone', cause: { code: 'guest-agent-unreachable', mayBeFrozen: false } });
    const text = `cannot connect to the guest agent at ${address}: connect ENOENT ${address}`;
    expect((error as PlanError).cause).toMatchObject({ message: text });
  });

  it('is a QMP monitor', async () => {
    await using agent = await fakeAgent({ stale: Buffer.from('{"QMP": {"version": {}, "capabilities": []}}\n') });
    const { error } = await run(agent);
    expect(error).toMatchObject({ outcome: 'undone', cause: { code: 'guest-agent-malformed' } });
    expect((error as Error).message).toContain(`from the guest agent at ${agent.address}: a QMP monitor listens there`);
  });

  it('is slow to freeze: a thaw is waiting when it has', async () => {
    const agent: FakeAgent = await fakeAgent({
      on: (command) => (command === 'fsfreeze-freeze' ? agent.heard('fsfreeze-thaw') : undefined),
    });
    await using _ = agent;
    const { error, lastFreeze } = await run(agent, { freezeTimeoutSeconds: 0.3 });
    expect(error).toMatchObject({ outcome: 'undone', cause: { code: 'guest-agent-silent', mayBeFrozen: false } });
    expect(error).not.toHaveProperty('hookFailure');
    expect(agent.seen).toEqual([...toFreeze, ...resynced]);
    expect(agent.isFrozen).toBe(false);
    expect(lastFreeze).toBeUndefined();
  });

  it.each(['fsfreeze-status', 'fsfreeze-freeze'])('is stopped by a signal while it does %s', async (command) => {
    const stop = new AbortController();
    const enough = new Error('enough');
    const agent: FakeAgent = await fakeAgent({
      on(given) {
        if (given !== command) return undefined;
        stop.abort(enough);
        return command === 'fsfreeze-freeze' ? agent.heard('fsfreeze-thaw') : undefined;
      },
    });
    await using _ = agent;
    const { error } = await run(agent, { signal: stop.signal });
    expect(error).toMatchObject({ outcome: 'undone', cause: enough });
    expect(error).not.toHaveProperty('hookFailure');
    const begun = [...toFreeze, ...resynced];
    expect(agent.seen).toEqual(command === 'fsfreeze-freeze' ? begun : ['sync-delimited', command]);
    expect(agent.isFrozen).toBe(false);
  });
});

describe('a guest that was frozen is thawed before anything is put back', () => {
  it.each<[string, Error, PlanError['outcome']]>([
    ['where the transaction is refused', new QmpCommandError('transaction', { desc: 'no' }), 'undone'],
    ['where the session is lost', new QmpClosedError('gone', { mayHaveRun: true }), 'unknown'],
  ])('%s', async (_, failure, outcome) => {
    await using agent = await fakeAgent();
    const transaction = () => {
      throw failure;
    };
    const { error, lastFreeze } = await run(agent, { transaction });
    expect(error).toMatchObject({ outcome, cause: failure });
    expect(error).not.toHaveProperty('hookFailure');
    expect(agent.seen).toEqual(whole);
    expect(agent.isFrozen).toBe(false);
    expect(lastFreeze?.fileSystems).toBe(2);
  });

  it('where QEMU does not answer in time, and the transaction is waited for all the same', async () => {
    await using agent = await fakeAgent();
    const transaction = () => agent.heard('fsfreeze-thaw');
    const { error, lastFreeze } = await run(agent, { transaction, longestFreezeSeconds: 0.05 });
    expect(error).toMatchObject({ outcome: 'done', cause: { code: 'guest-agent-thawed-early', mayBeFrozen: false } });
    expect((error as Error).message).toBe(
      `the step is done, but after the transaction of step 1 this failed: the guest of ${agent.address} was thawed when it had been frozen for 0.05 s, before QEMU had answered: what was kept of it may be as after a crash
the step was: Begins a.`,
    );
    expect(agent.seen).toEqual(whole);
    expect(lastFreeze).toBeUndefined();
  });
});

describe('what was done stays, and is told to be done, where the guest', () => {
  it.each<[string, FakeAgentOptions, GuestAgentError['code'], boolean, string, GuestAgentOptions?]>([
    [
      'is thawed, but a script of its own failed then',
      {
        on: (command, before) => {
          if (command === 'fsfreeze-thaw') return new Error('script failed');
          return command === 'fsfreeze-status' && before > 0 ? { value: 'thawed' } : undefined;
        },
      },
      'guest-agent-refused',
      false,
      'the guest agent at AGENT refused guest-fsfreeze-thaw: script failed; the guest is thawed all the same',
    ],
    [
      'cannot be thawed',
      {
        on: (command, before) => {
          if (command === 'fsfreeze-thaw') return new Error('no');
          return command === 'fsfreeze-status' && before > 0 ? { value: 'frozen' } : undefined;
        },
      },
      'guest-agent-refused',
      true,
      'the guest agent at AGENT refused guest-fsfreeze-thaw: no; the guest may still be frozen: look into it, and thaw it',
    ],
    [
      'refuses to be thawed and does not say how it is',
      {
        on: (command, before) => {
          if (command === 'fsfreeze-thaw') return new Error('no');
          return command === 'fsfreeze-status' && before > 0 ? 'hang-up' : undefined;
        },
      },
      'guest-agent-refused',
      true,
      'the guest agent at AGENT refused guest-fsfreeze-thaw: no; the guest may still be frozen: look into it, and thaw it',
    ],
    [
      'does not answer any more',
      on('fsfreeze-thaw', 'silent'),
      'guest-agent-silent',
      true,
      `guest-fsfreeze-thaw got no answer from the guest agent at AGENT: ${tooSlow}; the guest may still be frozen: look into it, and thaw it`,
      short,
    ],
    [
      'loses each connection',
      on('fsfreeze-thaw', 'hang-up'),
      'guest-agent-closed',
      true,
      'guest-fsfreeze-thaw got no answer from the guest agent at AGENT: it closed the connection; the guest may still be frozen: look into it, and thaw it',
    ],
    [
      'was thawed by someone else',
      on('fsfreeze-thaw', { value: 1 }),
      'guest-agent-thawed-early',
      false,
      'someone else had thawed 1 of the file systems of the guest of AGENT: what was kept of it may be as after a crash',
    ],
  ])('%s', async (_, options, code, mayBeFrozen, message, limits) => {
    await using agent = await fakeAgent(options);
    const { error, lastFreeze } = (await run(agent, limits)) as { error: PlanError; lastFreeze: unknown };
    expect(error).toMatchObject({ outcome: 'done', undone: [], notUndone: [], cause: { code, mayBeFrozen } });
    expect((error.cause as GuestAgentError).message).toBe(message.replace('AGENT', agent.address));
    expect(error.message).toContain((error.cause as GuestAgentError).message);
    expect(agent.seen.slice(0, whole.length)).toEqual(whole);
    expect(lastFreeze).toBeUndefined();
  });

  it('neither answers a freeze nor a thaw: both are told', async () => {
    await using agent = await fakeAgent(on('fsfreeze-freeze', 'silent'));
    const { error } = await run(agent, short);
    expect(error).toMatchObject({
      outcome: 'undone',
      cause: { code: 'guest-agent-silent', mayBeFrozen: false },
      hookFailure: { code: 'guest-agent-silent', mayBeFrozen: true },
    });
    expect((error as Error).message).toContain('after the transaction this failed too: guest-fsfreeze-thaw got no');
    await agent.heard('fsfreeze-thaw');
  });
});

describe('two runs on one guest', () => {
  it('do not disturb each other: the second is refused, and the first goes on frozen', async () => {
    await using agent = await fakeAgent();
    const hooks = guestAgent(agent.address);
    const begun = { ...plan.steps[0] } as Plan['steps'][number];
    const one = { step: begun, index: 0, total: 1 };
    const two = { step: begun, index: 0, total: 1 };
    await hooks.beforeTransaction(one);
    expect(await rejection(Promise.resolve(hooks.beforeTransaction(two)))).toMatchObject({
      code: 'guest-agent-frozen',
    });
    await hooks.afterTransaction(two);
    expect(agent.isFrozen).toBe(true);
    await hooks.afterTransaction(one);
    expect(agent.isFrozen).toBe(false);
    expect(hooks.lastFreeze()?.fileSystems).toBe(2);
    await hooks.afterTransaction(one);
    expect(agent.seen.filter((command) => command === 'fsfreeze-thaw')).toHaveLength(1);
  });
});

describe('a guest agent', () => {
  it.each<[string, () => unknown, string]>([
    ['no address', () => guestAgent('agent'), 'address'],
    ['no number', () => guestAgent('/a', { freezeTimeoutSeconds: '1' as never }), 'options.freezeTimeoutSeconds'],
    ['no time', () => guestAgent('/a', { answerTimeoutSeconds: 0 }), 'options.answerTimeoutSeconds'],
    [
      'a time that is no number',
      () => guestAgent('/a', { longestFreezeSeconds: Number.NaN }),
      'options.longestFreezeSeconds',
    ],
  ])('is refused where it is given %s', (_, make, subject) => {
    expect(detailsOf(refusal(make))).toMatchObject([{ code: 'invalid-input', subject }]);
  });

  it('may have all the time there is', async () => {
    await using agent = await fakeAgent();
    const forever = { answerTimeoutSeconds: Infinity, freezeTimeoutSeconds: 1e9, longestFreezeSeconds: Infinity };
    expect(await run(agent, forever)).toMatchObject({ value: next });
  });

  it('has errors that are told from others by their kind', () => {
    const cause = new Error('why');
    const error = new GuestAgentError('guest-agent-silent', 'what', { cause });
    expect(isQmpError(error)).toBe(true);
    expect(error).toMatchObject({ name: 'GuestAgentError', kind: 'guest-agent', mayBeFrozen: false, cause });
  });
});
