import { throwProblems } from '../core/error.js';
import type { Backup } from '../core/model/backup.js';
import type { Domain } from '../core/model/domain.js';
import { planEndBackup } from '../core/plan/end-backup.js';
import { problem } from '../core/problem.js';
import type { QmpSession } from '../qmp/qmp-session.js';
import { type RunOptions, runPlan } from '../qmp/run-plan.js';
import type { CheckpointStore } from '../store/checkpoint-store.js';
import { reconcile } from '../store/reconcile.js';
import { isRunning } from './running.js';

/**
 * Takes back the backup that a store has noted as begun, because the process that ran it is gone, or its QEMU.
 *
 * Jobs, exports, temporary bitmaps and nodes of it are removed where they are still there, and so is the checkpoint that began
 * with it; the older ones are as good as before. Its files stay. Whether that checkpoint had begun at all is found out first, as
 * {@link reconcile} does it, and with it what else was begun on checkpoints. What was begun on layers comes before all that:
 * {@link planResumeJob}.
 *
 * @param domain - As observed just now; for its checkpoints those of the store are taken.
 * @returns What was taken back; `undefined` where no backup is noted.
 * @throws {@link PlanError}, {@link QmpError}, {@link StoreError}; the note stays then, and to do the same again is right.
 * @throws {@link CheckpointError} as {@link planEndBackup}; `change-interrupted`, where it cannot be said whether its checkpoint
 * has begun; `backup-running`, where it is one of this process that runs.
 * @example
 * ```ts
 * await recoverBackup(session, domain, store); // undefined: nothing was left
 * ```
 */
export async function recoverBackup(
  session: QmpSession,
  domain: Domain,
  store: Pick<CheckpointStore, 'load' | 'run' | 'settle'>,
  options: Omit<RunOptions, 'observed'> = {},
): Promise<Backup | undefined> {
  const { backup } = await store.load();
  if (backup === undefined) return undefined;
  if (isRunning(store)) throwProblems([problem({ code: 'backup-running' })]);
  await settleCheckpoints(session, domain, store);
  const seen = { ...domain, checkpoints: (await store.load()).checkpoints };
  const plan = planEndBackup(seen, backup);
  await store.run(seen, plan, () => runPlan(session, plan, options));
  return backup;
}

/** What was begun and not saved is no part of the tree, so it would not be taken back. */
async function settleCheckpoints(
  session: QmpSession,
  domain: Domain,
  store: Pick<CheckpointStore, 'load' | 'settle'>,
): Promise<void> {
  if ((await store.load()).pending.length === 0) return;
  const reconciliation = await reconcile(domain, store);
  await runPlan(session, reconciliation);
  await store.settle(reconciliation);
  const open = reconciliation.decisions.filter(({ verdict }) => verdict === 'undecided');
  throwProblems(open.map(({ checkpoint, change }) => problem({ code: 'change-interrupted', checkpoint, change })));
}
