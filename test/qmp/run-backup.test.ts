import { describe, expect, it } from 'vitest';
import type { BackupJob, Command, Plan, Step } from '../../src/index.js';
import {
  type PlanError,
  QmpCommandError,
  runPlan,
  type ScriptedSession,
  scriptedSession,
} from '../../src/qmp/index.js';
import { jobWaker } from '../../src/qmp/job-waker.js';
import { runCommand } from '../../src/qmp/run-command.js';
import { chain, disk } from '../support/builders.js';
import { rejection } from '../support/rejection.js';

const jobOf = (jobId: string): BackupJob => ({
  kind: 'backup',
  jobId,
  diskTarget: 'vda',
  nodeName: 'n',
  targetNodeName: 't',
  sync: 'full',
});

interface World {
  readonly session: ScriptedSession;
  /** What there is, to be changed while a command runs. */
  readonly exports: Set<string>;
  readonly jobs: Map<string, string>;
  isServing: boolean;
  /** The commands that change something, in their order. */
  done(): readonly string[];
  /** Settles when the exports have been asked for this many times more. */
  asked(times: number): Promise<void>;
}

/** A QEMU with backups, exports and a server; `lingers`: an export is gone only when the test says so. */
function world({ lingers = false, refuse = '', desc = 'refused' } = {}): World {
  const exports = new Set<string>();
  const jobs = new Map<string, string>();
  let waiting: { left: number; resolve: () => void }[] = [];
  const fail = (command: string, desc: string) => {
    throw new QmpCommandError(command, { desc });
  };
  const session = scriptedSession((command, args) => {
    if (command === refuse) fail(command, desc);
    const id = String(args['id']);
    switch (command) {
      case 'query-block-exports':
        for (const each of waiting) {
          each.left -= 1;
          if (each.left === 0) each.resolve();
        }
        waiting = waiting.filter(({ left }) => left > 0);
        return [...exports].map((each) => ({ id: each, type: 'nbd', 'node-name': 'n', 'shutting-down': false }));
      case 'query-jobs':
        return [...jobs].map(([jobId, status]) => ({
          id: jobId,
          type: 'backup',
          status,
          'current-progress': 0,
          'total-progress': 1,
        }));
      case 'block-export-del':
        if (!exports.has(id)) fail(command, `Export '${id}' is not found`);
        if (!lingers) exports.delete(id);
        return {};
      case 'nbd-server-stop':
        if (!self.isServing) fail(command, 'NBD server not running');
        self.isServing = false;
        return {};
      case 'job-cancel':
        jobs.set(id, 'concluded');
        return {};
      case 'job-dismiss':
        jobs.delete(id);
        return {};
      default:
        return {};
    }
  });
  const self: World = {
    session,
    exports,
    jobs,
    isServing: false,
    done: () =>
      session.calls
        .filter(({ command }) => !command.startsWith('query-'))
        .map(({ command, arguments: args }) =>
          [command, ...(args?.['id'] === undefined ? [] : [args['id']])].join(' '),
        ),
    asked: (left) => new Promise((resolve) => waiting.push({ left, resolve })),
  };
  return self;
}

async function run({ session }: World, command: Command): Promise<void> {
  const waker = jobWaker(session);
  try {
    await runCommand(session, command, { waker });
  } finally {
    waker.close();
  }
}

describe('the end of an export', () => {
  const remove = { kind: 'export-remove', exportId: 'e' } as const;

  it('sends its clients away', async () => {
    const qemu = world();
    qemu.exports.add('e').add('other');
    await run(qemu, remove);
    const [{ arguments: args } = {}] = qemu.session.calls;
    expect(args).toEqual({ id: 'e', mode: 'hard' });
    expect([...qemu.exports]).toEqual(['other']);
  });

  it('is waited for until it is gone, told by an event', async () => {
    const qemu = world({ lingers: true });
    qemu.exports.add('e');
    let isOver = false;
    const waiting = qemu.asked(1);
    const ended = run(qemu, remove).then(() => {
      isOver = true;
    });
    await waiting;
    const again = qemu.asked(1);
    qemu.session.emit({ event: 'BLOCK_EXPORT_DELETED', data: { id: 'other' } } as never);
    await again;
    expect(isOver).toBe(false);
    qemu.exports.delete('e');
    qemu.session.emit({ event: 'BLOCK_EXPORT_DELETED', data: { id: 'e' } } as never);
    await ended;
    expect(qemu.done()).toEqual(['block-export-del e']);
  });

  it('is seen without an event too', async () => {
    const qemu = world({ lingers: true });
    qemu.exports.add('e');
    const waiting = qemu.asked(1);
    const ended = run(qemu, remove);
    await waiting;
    qemu.exports.delete('e');
    await ended;
    expect(qemu.done()).toEqual(['block-export-del e']);
  });

  it('is nothing where it is gone already', async () => {
    const qemu = world();
    await run(qemu, remove);
    expect(qemu.done()).toEqual(['block-export-del e']);
  });

  it('is waited for where someone has ended it a moment ago', async () => {
    const qemu = world({ lingers: true, refuse: 'block-export-del', desc: "Export 'e' is already shutting down" });
    qemu.exports.add('e');
    const waiting = qemu.asked(1);
    const ended = run(qemu, remove);
    await waiting;
    qemu.exports.delete('e');
    await ended;
  });

  it('fails where QEMU refuses it for another reason', async () => {
    const error = await rejection(run(world({ refuse: 'block-export-del' }), remove));
    expect(error).toMatchObject({ kind: 'command', desc: 'refused' });
  });
});

describe('the end of the NBD server', () => {
  it.each([true, false])('is nothing where there is none: %s', async (isServing) => {
    const qemu = world();
    qemu.isServing = isServing;
    await run(qemu, { kind: 'nbd-server-stop' });
    expect(qemu.isServing).toBe(false);
  });

  it('fails where QEMU refuses it for another reason', async () => {
    const error = await rejection(run(world({ refuse: 'nbd-server-stop' }), { kind: 'nbd-server-stop' }));
    expect(error).toMatchObject({ kind: 'command', desc: 'refused' });
  });
});

describe('taking a backup back', () => {
  const jobs = ['one', 'two', 'three'].map(jobOf);
  const bitmaps = [
    { nodeName: 'n', bitmap: 'tmp' },
    { nodeName: 't', bitmap: 'a' },
  ];

  it('ends each job and sees it gone, and removes the bitmaps only then: they are held until that', async () => {
    const qemu = world();
    qemu.jobs.set('one', 'running').set('two', 'concluded');
    await run(qemu, { kind: 'backup-cancel', jobs, bitmaps });
    expect(qemu.done()).toEqual(['job-cancel one', 'job-dismiss one', 'job-dismiss two', 'transaction']);
    expect(qemu.session.calls.at(-1)?.arguments).toEqual({
      actions: [
        { type: 'block-dirty-bitmap-remove', data: { node: 'n', name: 'tmp' } },
        { type: 'block-dirty-bitmap-remove', data: { node: 't', name: 'a' } },
      ],
    });
  });

  it('sends no transaction where there is no bitmap to remove', async () => {
    const qemu = world();
    qemu.jobs.set('one', 'running');
    await run(qemu, { kind: 'backup-cancel', jobs, bitmaps: [] });
    expect(qemu.done()).toEqual(['job-cancel one', 'job-dismiss one']);
  });

  it('removes no bitmap where a job does not end', async () => {
    const qemu = world({ refuse: 'job-cancel' });
    qemu.jobs.set('one', 'running');
    await rejection(run(qemu, { kind: 'backup-cancel', jobs, bitmaps }));
    expect(qemu.done()).toEqual(['job-cancel one']);
  });
});

describe('a backup that is begun by a plan', () => {
  const next = { name: 'test', disks: [disk('vda', chain('vda', [[]]))], checkpoints: { checkpoints: [] } };
  const server = { type: 'unix', path: '/run/nbd' } as const;
  const job = jobOf('one');
  const serve: Step = {
    command: { kind: 'nbd-server-start', server },
    why: 'serve',
    undo: { kind: 'nbd-server-stop' },
  };
  const begin: Step = {
    command: { kind: 'transaction', actions: [{ kind: 'backup-start', job }] },
    why: 'begin',
    undo: { kind: 'backup-cancel', jobs: [job], bitmaps: [{ nodeName: 'n', bitmap: 'tmp' }] },
  };
  const exported: Step = {
    command: { kind: 'export-add', exportId: 'e', nodeName: 't', exportName: 'vda' },
    why: 'export',
    undo: { kind: 'export-remove', exportId: 'e' },
  };
  const last: Step = { command: { kind: 'node-remove', nodeName: 'x' }, why: 'last' };
  const plan: Plan = { steps: [serve, begin, exported, last], next };

  it('is put back where a later step fails: export, jobs, bitmaps, server', async () => {
    const qemu = world({ refuse: 'blockdev-del' });
    qemu.isServing = true;
    qemu.jobs.set('one', 'running');
    qemu.exports.add('e');
    const error = (await rejection(runPlan(qemu.session, plan, { schema: [] }))) as PlanError;
    expect(error).toMatchObject({ outcome: 'undone', undone: [exported, begin, serve], notUndone: [] });
    expect(qemu.done().slice(4)).toEqual([
      'block-export-del e',
      'job-cancel one',
      'job-dismiss one',
      'transaction',
      'nbd-server-stop',
    ]);
  });

  it('says what it could not put back, and puts back the rest', async () => {
    const qemu = world({ refuse: 'block-export-del' });
    const session = scriptedSession((command, args) => {
      if (command === 'blockdev-del') throw new QmpCommandError(command, { desc: 'no' });
      return qemu.session.execute(command, args);
    });
    const run = runPlan(session, plan, { schema: [] });
    const error = (await rejection(run)) as PlanError;
    expect(error).toMatchObject({ outcome: 'partly', undone: [begin, serve] });
    expect(error.notUndone.map(({ step }) => step)).toEqual([exported]);
  });
});
