import { throwProblems } from '../core/error.js';
import type { Backup } from '../core/model/backup.js';
import type { Domain } from '../core/model/domain.js';
import { planEndBackup } from '../core/plan/end-backup.js';
import { problem } from '../core/problem.js';
import type { QmpSession } from '../qmp/qmp-session.js';
import { type RunOptions, runPlan } from '../qmp/run-plan.js';
import type { CheckpointStore } from '../store/checkpoint-store.js';
import { isRunning } from './running.js';

/**
 * Takes back the backup that a store has noted as begun, because the process that ran it is gone, or its QEMU.
 *
 * Jobs, exports, temporary bitmaps and nodes of it are removed where they are still there, and so is the checkpoint that began
 * with it; the older ones are as good as before. Its files stay. End what else a crash has left first: {@link planResumeJob},
 * {@link reconcile}.
 *
 * @param domain - As observed just now; for its checkpoints those of the store are taken.
 * @returns What was taken back; `undefined` where no backup is noted.
 * @throws {@link PlanError}, {@link QmpError}, {@link StoreError}; the note stays then, and to do the same again is right.
 * @throws {@link CheckpointError} as {@link planEndBackup}; `backup-running`, where it is one of this process that runs.
 * @example
 * ```ts
 * await recoverBackup(session, domain, store); // undefined: nothing was left
 * ```
 */
export async function recoverBackup(
  session: QmpSession,
  domain: Domain,
  store: Pick<CheckpointStore, 'load' | 'run'>,
  options: Omit<RunOptions, 'observed'> = {},
): Promise<Backup | undefined> {
  const { backup, checkpoints } = await store.load();
  if (backup === undefined) return undefined;
  if (isRunning(store)) throwProblems([problem({ code: 'backup-running' })]);
  const seen = { ...domain, checkpoints };
  const plan = planEndBackup(seen, backup);
  await store.run(seen, plan, () => runPlan(session, plan, options));
  return backup;
}
