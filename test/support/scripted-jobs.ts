import { type QmpArguments, QmpCommandError, type ScriptedSession, scriptedSession } from '../../src/qmp/index.js';

/** A job of the script, as `query-jobs` shows it. */
export interface ScriptedJob {
  readonly id: string;
  readonly status: string;
  readonly error?: string;
  /** Default: 1 of 2. */
  readonly 'current-progress'?: number;
}

/** A session in whose QEMU jobs go on as the test says. */
export interface ScriptedJobs {
  readonly session: ScriptedSession;
  /** Changes the jobs; with `quietly`, no event tells of it. */
  readonly set: (jobs: readonly ScriptedJob[], quietly?: boolean) => void;
  /** The commands given so far, those that only ask left out. */
  readonly done: () => readonly string[];
  /** Settles when the jobs have been asked for this many times more. */
  readonly asked: (times: number) => Promise<void>;
}

/**
 * A QEMU with one job at the most: started it runs, and the test moves it on. Completing, cancelling and dismissing do what
 * they do in QEMU; `refuse` names commands that fail, `replies` has what others answer.
 */
export function scriptedJobs(
  refuse: readonly string[] = [],
  replies: { readonly [command: string]: unknown } = {},
): ScriptedJobs {
  let jobs: readonly ScriptedJob[] = [];
  let waiting: { left: number; resolve: () => void }[] = [];

  const set = (next: readonly ScriptedJob[], quietly = false) => {
    jobs = next;
    if (!quietly) for (const { id, status } of jobs) session.emit({ event: 'JOB_STATUS_CHANGE', data: { id, status } });
  };

  const session = scriptedSession((command, args: QmpArguments) => {
    if (refuse.includes(command)) throw new QmpCommandError(command, { desc: `${command} is refused` });
    const id = String(args['id'] ?? args['job-id']);
    switch (command) {
      case 'query-jobs':
        for (const each of waiting) {
          each.left -= 1;
          if (each.left === 0) each.resolve();
        }
        waiting = waiting.filter(({ left }) => left > 0);
        return jobs.map((job) => ({ type: 'commit', 'current-progress': 1, 'total-progress': 2, ...job }));
      case 'block-commit':
        set([{ id, status: 'running' }]);
        return {};
      case 'job-complete':
        set([{ id, status: 'concluded' }]);
        return {};
      case 'job-cancel':
        set([{ id, status: 'concluded', error: 'Operation canceled' }]);
        return {};
      case 'job-dismiss':
        set([]);
        return {};
      case 'query-qmp-schema':
        throw new QmpCommandError(command, { class: 'CommandNotFound', desc: 'no schema here' });
      default:
        return replies[command] ?? {};
    }
  });

  return {
    session,
    set,
    done: () => session.calls.map(({ command }) => command).filter((command) => !command.startsWith('query-')),
    asked: (left) => new Promise((resolve) => waiting.push({ left, resolve })),
  };
}
