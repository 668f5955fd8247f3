import { recoverBackup } from '../backup/recover-backup.js';
import type { Backup } from '../core/model/backup.js';
import type { Decision, Reconciliation } from '../core/plan/reconcile.js';
import type { ResumedChange } from '../core/plan/resume-job.js';
import { runPlan } from '../qmp/run-plan.js';
import { reconcile } from '../store/reconcile.js';
import type { Machine } from './machine.js';
import type { DiskOption } from './option-values.js';
import { movedText } from './print-plan.js';
import { movedDisks, resume, withMoved } from './resume.js';
import { look } from './sight.js';
import { tellJob, tellProgress } from './tell-progress.js';

/** Ends what a crash has left half done. @returns Whether all of it could be decided. */
export async function runReconcile(machine: Machine): Promise<boolean> {
  const { options, terminal } = machine;
  const { changes, decisions, backup, hasSwept, isDecided } = await settle(
    machine,
    options.json ? terminal.complain : terminal.print,
  );
  if (options.json) terminal.print(JSON.stringify({ changes, decisions, ...(backup !== undefined && { backup }) }));
  else if (changes.length === 0 && decisions.length === 0 && backup === undefined) {
    terminal.print(hasSwept ? 'what was left behind is removed' : 'nothing was interrupted');
  }
  return isDecided;
}

/** What was settled, and whether nothing is left. */
export interface Settled {
  readonly changes: readonly ResumedChange[];
  readonly decisions: readonly Decision[];
  /** One that was taken back. */
  readonly backup?: Backup;
  readonly hasSwept: boolean;
  readonly isDecided: boolean;
  /** The disks that go by another layer now. */
  readonly moved: readonly DiskOption[];
}

/** Ends changes of layers, then those of checkpoints, then a backup, whose checkpoint may be one of them. */
export async function settle(machine: Machine, tell: (line: string) => void): Promise<Settled> {
  const { session, store, options, terminal } = machine;
  const { signal } = terminal;
  const onStep = options.json ? () => {} : tellProgress(terminal);
  const onProgress = options.json ? () => {} : tellJob(terminal);
  const resumption = await resume(session, store, options, { signal, onStep, onProgress });
  const { changes, steps } = resumption;
  for (const { diskTarget, verdict, why } of changes) tell(`disk ${diskTarget}: ${verdict}: ${why}`);
  const goneOn = changes.filter(({ verdict }) => verdict === 'go-on').map(({ diskTarget }) => diskTarget);
  const named = options.disks.filter(({ diskTarget }) => goneOn.includes(diskTarget));
  const moved = movedDisks(named, resumption.next);
  for (const disk of moved) tell(movedText(disk));
  const seen = { ...options, disks: withMoved(options.disks, moved) };
  const reconciliation = await reconcile((await look(session, store, seen)).domain, store);
  await end(machine, reconciliation, tell);
  const { decisions } = reconciliation;
  const isDecided = [...changes, ...decisions].every(({ verdict }) => verdict !== 'undecided');
  const settled = { changes, decisions, moved, hasSwept: steps.length > 0, isDecided };
  if (!isDecided) return settled;
  const backup = await recoverBackup(session, (await look(session, store, seen)).domain, store, { signal, onStep });
  if (backup === undefined) return settled;
  tell(`a backup of ${backup.disks.map(({ diskTarget }) => diskTarget).join(', ')} was taken back: it had not ended`);
  return { ...settled, backup };
}

/** Runs what a reconciliation says, and saves it. */
export async function end(
  { session, store }: Machine,
  reconciliation: Reconciliation,
  tell: (line: string) => void,
): Promise<void> {
  await runPlan(session, reconciliation);
  await store.settle(reconciliation);
  for (const { checkpoint, verdict, why } of reconciliation.decisions) {
    tell(`checkpoint "${checkpoint}": ${verdict}: ${why}`);
  }
}
