import { describe, expect, it } from 'vitest';
import { type CommitJob, type FillJob, isCheckpointError, type Plan, type Step } from '../../src/index.js';
import {
  isQmpError,
  type PlanError,
  QmpCommandError,
  type QmpSession,
  runPlan,
  type StepProgress,
  scriptedSession,
} from '../../src/qmp/index.js';
import { chain, disk } from '../support/builders.js';
import { nodeRow } from '../support/node-row.js';
import { rejection } from '../support/rejection.js';
import { type ScriptedJob, type ScriptedJobs, scriptedJobs } from '../support/scripted-jobs.js';

const job: CommitJob = {
  kind: 'commit',
  jobId: 'j',
  diskTarget: 'vda',
  activeNodeName: 'vda-active',
  topNodeName: 'vda-active',
  baseNodeName: 'vda-1',
};
const next = { name: 'test', disks: [disk('vda', chain('vda', [[], []]))], checkpoints: { checkpoints: [] } };
const add = { kind: 'bitmap-add', nodeName: 'vda-1', bitmap: 'c', persistent: true, recording: true } as const;

const start: Step = { command: { kind: 'job-start', job }, why: 'start', undo: { kind: 'job-cancel', job } };
const ready: Step = { command: { kind: 'job-wait', job, until: 'ready' }, why: 'ready' };
const twin: Step = {
  command: { kind: 'transaction', actions: [add] },
  why: 'twin',
  undo: { kind: 'transaction', actions: [{ kind: 'bitmap-remove', nodeName: 'vda-1', bitmap: 'c' }] },
};
const complete: Step = { command: { kind: 'job-complete', job }, why: 'complete', pointOfNoReturn: true };
const concluded: Step = { command: { kind: 'job-wait', job, until: 'concluded' }, why: 'concluded' };
const dismiss: Step = { command: { kind: 'job-dismiss', job }, why: 'dismiss' };
const gone: Step = { command: { kind: 'node-remove', nodeName: 'vda-active' }, why: 'remove' };
const commit = [start, ready, twin, complete, concluded, dismiss, gone];

const plan = (steps: readonly Step[]): Plan => ({ steps, next });

/** Starts the run and lets the job become ready once it is waited for. */
async function runToReady({ session, set, asked }: ScriptedJobs, steps: readonly Step[], options = {}) {
  const waiting = asked(1);
  const run = runPlan(session, plan(steps), options);
  run.catch(() => undefined);
  await waiting;
  set([{ id: 'j', status: 'ready' }]);
  return await run;
}

describe('a plan with a job', () => {
  it('goes on when the job is where it is waited for, and ends with it dismissed', async () => {
    const jobs = scriptedJobs();
    expect(await runToReady(jobs, commit)).toBe(next);
    expect(jobs.done()).toEqual(['block-commit', 'transaction', 'job-complete', 'job-dismiss', 'blockdev-del']);
  });

  it('tells how far the job is', async () => {
    const told: StepProgress[] = [];
    await runToReady(scriptedJobs(), commit, { onStep: (progress: StepProgress) => told.push(progress) });
    expect(told.find(({ state }) => state === 'progress')).toMatchObject({
      step: ready,
      index: 1,
      total: 7,
      progress: { current: 1, total: 2 },
    });
  });

  it('asks again by itself where an event was lost', async () => {
    const { session, set, asked } = scriptedJobs();
    const waiting = asked(1);
    const run = runPlan(session, plan([start, ready]));
    await waiting;
    set([{ id: 'j', status: 'ready' }], true);
    expect(await run).toBe(next);
  });

  it('asks again and again where the session has no events', async () => {
    const jobs = scriptedJobs();
    const session: QmpSession = { execute: (...command) => jobs.session.execute(...command) };
    const waiting = jobs.asked(3);
    const run = runPlan(session, plan([start, ready]));
    await waiting;
    jobs.set([{ id: 'j', status: 'ready' }], true);
    expect(await run).toBe(next);
  });

  it.each([
    ['fails', [{ id: 'j', status: 'concluded', error: 'No space left on device' }], 'failed: No space left on device'],
    ['is cancelled by someone', [{ id: 'j', status: 'concluded' }], 'was cancelled by someone'],
    ['is dismissed by someone', [], 'is gone: someone has dismissed it'],
  ])('is put back where the job %s before it is ready', async (_, state, words) => {
    const { session, set, asked, done } = scriptedJobs();
    const waiting = asked(1);
    const run = rejection(runPlan(session, plan(commit)));
    await waiting;
    set(state);
    // Where there is no job any more nothing tells of it: it is seen at the next look.
    const error = (await run) as PlanError;
    expect(error).toMatchObject({ kind: 'plan', outcome: 'undone', undone: [start], failed: { step: ready } });
    expect(error.message).toContain(`job j ${words}`);
    expect(isQmpError(error.cause) && error.cause.kind).toBe('job');
    expect(done()).toEqual(['block-commit', ...(state.length > 0 ? ['job-dismiss'] : [])]);
  });

  it('cancels the job where a later step fails, and puts back what was done meanwhile', async () => {
    const jobs = scriptedJobs(['job-complete']);
    const error = (await rejection(runToReady(jobs, commit))) as PlanError;
    expect(error).toMatchObject({
      outcome: 'undone',
      failed: { step: complete },
      undone: [twin, start],
      notUndone: [],
    });
    const sent = ['block-commit', 'transaction', 'job-complete', 'transaction', 'job-cancel', 'job-dismiss'];
    expect(jobs.done()).toEqual(sent);
  });

  it.each([
    ["Failed to find node with node-name='vda-active'", true, 'runs'],
    ["Failed to find node with node-name='vda-active'", undefined, 'partly'],
    ["Node 'vda-active' is busy: node is used as backing hd of 'x'", true, 'partly'],
  ])('where a node cannot be closed (%s, may be gone: %s) %s', async (desc, mayBeGone, result) => {
    const command = { kind: 'node-remove', nodeName: 'vda-active', ...(mayBeGone && { mayBeGone }) } as const;
    const session = scriptedSession((name) => {
      if (name === 'blockdev-del') throw new QmpCommandError(name, { desc });
      return [];
    });
    const dismissed: Step = { command: { kind: 'transaction', actions: [add] }, why: 'add', pointOfNoReturn: true };
    const run = runPlan(session, plan([dismissed, { command, why: 'close' }]), { schema: [] });
    const outcome = await run.then(
      () => 'runs',
      (error: PlanError) => error.outcome,
    );
    expect(outcome).toBe(result);
  });

  it.each([
    ["Node 'vda-active' not found", true, 'runs'],
    ["Node 'vda-active' not found", undefined, 'undone'],
    ["Dirty bitmap 'c' not found", true, 'undone'],
  ])('where a transaction names what is not there (%s, may be gone: %s) %s', async (desc, mayBeGone, result) => {
    const command = { kind: 'transaction', actions: [add], ...(mayBeGone && { mayBeGone }) } as const;
    const session = scriptedSession(() => {
      throw new QmpCommandError('transaction', { desc });
    });
    const outcome = await runPlan(session, plan([{ command, why: 'merge' }]), { schema: [] }).then(
      () => 'runs',
      (error: PlanError) => error.outcome,
    );
    expect(outcome).toBe(result);
  });

  it('puts nothing back once there is no return: what was done is needed to go on', async () => {
    const jobs = scriptedJobs(['blockdev-del']);
    const error = (await rejection(runToReady(jobs, commit))) as PlanError;
    expect(error).toMatchObject({ outcome: 'partly', failed: { step: gone }, undone: [] });
    expect(error.notUndone).toEqual([{ step: complete }]);
    expect(jobs.done()).toEqual(['block-commit', 'transaction', 'job-complete', 'job-dismiss', 'blockdev-del']);
  });

  it('is put back where it is aborted while the job is waited for', async () => {
    const { session, asked, done } = scriptedJobs();
    const stop = new AbortController();
    const waiting = asked(1);
    const run = rejection(runPlan(session, plan(commit), { signal: stop.signal }));
    await waiting;
    stop.abort(new Error('enough'));
    expect(await run).toMatchObject({ kind: 'plan', undone: [start], cause: { message: 'enough' } });
    expect(done()).toEqual(['block-commit', 'job-cancel', 'job-dismiss']);
  });

  it.each([
    ['closes a layer that the job has left open for writing', false, ['blockdev-reopen']],
    ['leaves it alone where it is read-only again', true, []],
  ])('once it is cancelled %s', async (_, ro, sent) => {
    const closing = {
      kind: 'node-reopen',
      nodeName: 'vda-1',
      format: 'qcow2',
      readOnly: true,
      fileNodeName: 'f',
    } as const;
    const jobs = scriptedJobs([], { 'query-named-block-nodes': [nodeRow('vda-1', { ro })] });
    const command = { kind: 'job-cancel', job, closing } as const;
    await runPlan(jobs.session, plan([start, { command, why: 'cancel' }]));
    expect(jobs.done()).toEqual(['block-commit', 'job-cancel', 'job-dismiss', ...sent]);
  });

  it('is not aborted once there is no return', async () => {
    const jobs = scriptedJobs();
    const stop = new AbortController();
    const onStep = ({ state, step }: StepProgress) => {
      if (state === 'done' && step === complete) stop.abort(new Error('too late'));
    };
    expect(await runToReady(jobs, commit, { signal: stop.signal, onStep })).toBe(next);
  });

  const fill: FillJob = { kind: 'fill', jobId: 'j', nodeName: 'n', bitmap: 'tmp', targetNodeName: 't' };
  const begin: Step = { command: { kind: 'job-start', job: fill }, why: 'begin' };
  const copying: Step = { command: { kind: 'job-wait', job: fill, until: 'copying', mayFail: true }, why: 'copying' };
  const cancel: Step = { command: { kind: 'job-cancel', job: fill }, why: 'cancel' };

  it.each<[string, ScriptedJob, readonly string[]]>([
    ['has copied something', { id: 'j', status: 'running', 'current-progress': 1 }, ['job-cancel', 'job-dismiss']],
    ['had nothing to copy', { id: 'j', status: 'concluded' }, ['job-dismiss']],
    ['could not copy', { id: 'j', status: 'concluded', error: 'Input/output error' }, ['job-dismiss']],
  ])('stops a job that is to begin only, where it %s', async (_, state, sent) => {
    const { session, set, asked, done } = scriptedJobs();
    const waiting = asked(2);
    set([{ id: 'j', status: 'running', 'current-progress': 0 }]);
    const run = runPlan(session, plan([copying, cancel]));
    set([{ id: 'j', status: 'running', 'current-progress': 0 }]);
    await waiting;
    set([state]);
    expect(await run).toBe(next);
    expect(done()).toEqual(sent);
  });

  it.each([
    ['has ended since it was asked', 'concluded', ['job-cancel', 'job-dismiss']],
    ['goes on', 'running', ['job-cancel']],
  ])('takes that a cancel is refused only where the job %s', async (_, status, sent) => {
    const jobs = scriptedJobs(['job-cancel']);
    const waiting = jobs.asked(1);
    jobs.set([{ id: 'j', status: 'running' }]);
    const run = rejection(runPlan(jobs.session, plan([begin, cancel])).then(() => Promise.reject('it went well')));
    await waiting;
    jobs.set([{ id: 'j', status }]);
    const error = await run;
    expect(error === 'it went well').toBe(status === 'concluded');
    expect(jobs.done()).toEqual(['blockdev-backup', ...sent]);
  });

  it('goes on where a job has ended that was meant to fail', async () => {
    const { session, set, asked } = scriptedJobs();
    const waiting = asked(1);
    const failing: Step = { command: { kind: 'job-wait', job, until: 'concluded', mayFail: true }, why: 'fail' };
    const run = runPlan(session, plan([start, failing, dismiss]));
    await waiting;
    set([{ id: 'j', status: 'concluded', error: 'Input/output error' }]);
    expect(await run).toBe(next);
  });

  it.each([
    ['is there', 'c', undefined],
    ['is missing', 'd', 'bitmap-missing'],
    ['is stopped', 'stopped', 'bitmap-not-recording'],
  ])('looks whether a bitmap that is expected %s', async (_, bitmap, code) => {
    const expecting: Step = { command: { kind: 'bitmaps-expect', nodeName: 'n', bitmaps: [bitmap] }, why: 'look' };
    const state = { count: 0, granularity: 65536, busy: false, persistent: true };
    const node = {
      'node-name': 'n',
      drv: 'qcow2',
      file: '/images/n',
      ro: false,
      image: { 'virtual-size': 65536 },
      'dirty-bitmaps': [
        { ...state, name: 'c', recording: true },
        { ...state, name: 'stopped', recording: false },
      ],
    };
    const session: QmpSession = { execute: (command) => Promise.resolve(command === 'query-qmp-schema' ? {} : [node]) };
    const run = runPlan(session, plan([expecting]));
    if (code === undefined) expect(await run).toBe(next);
    else {
      const { cause } = (await rejection(run)) as PlanError;
      expect(isCheckpointError(cause) && cause.problems.map((each) => each.code)).toEqual([code]);
    }
  });
});
