import { throwProblems } from '../core/error.js';
import { connect } from '../qmp/session.js';
import { type CheckpointStore, checkpointStore } from '../store/checkpoint-store.js';
import { isStoreError } from '../store/error.js';
import { reconcile } from '../store/reconcile.js';
import { runBackupCommand, showBackup } from './backup.js';
import { runChange } from './change.js';
import { makePlan } from './make-plan.js';
import { isChange } from './options.js';
import { explainPlan } from './print-plan.js';
import { runReconcile } from './reconcile.js';
import { lookForChanges } from './resume.js';
import { showCheck, showList, showTree } from './show.js';
import { interrupted, type LiveOptions, look } from './sight.js';
import type { Terminal } from './terminal.js';

/** Runs a command on a running QEMU. @returns Whether all is well. */
export async function runLive(options: LiveOptions, terminal: Terminal): Promise<boolean> {
  const { command, dryRun } = options;
  const doesChange = isChange(command) || command === 'reconcile' || command === 'backup';
  if (dryRun || !doesChange) return await showLive(options, terminal);
  await using store = await checkpointStore(options.live.store);
  await using session = await connect(options.live.qmp, { signal: terminal.signal });
  const machine = { session, store, options, terminal };
  if (command === 'backup') return await runBackupCommand(machine);
  return command === 'reconcile' ? await runReconcile(machine) : await runChange(machine);
}

/** What only looks takes no lock and sends no plan. */
async function showLive(options: LiveOptions, terminal: Terminal): Promise<boolean> {
  const { command, json, name } = options;
  await using store = await openToLook(options);
  await using session = await connect(options.live.qmp, { signal: terminal.signal });
  const sight = await look(session, store, options);
  const { domain } = sight;
  if (isChange(command)) {
    throwProblems(interrupted(sight));
    explainPlan(makePlan(options, domain, terminal.now()), json, terminal);
    return true;
  }
  switch (command) {
    case 'backup':
      throwProblems(interrupted(sight));
      await showBackup(domain, options, terminal);
      return true;
    case 'reconcile': {
      const resumption = await lookForChanges(session, store, options);
      // What becomes of checkpoints is told by the layers as they will be then.
      const comesFirst = resumption.changes.length > 0 || resumption.steps.length > 0;
      explainPlan(comesFirst ? resumption : await reconcile(domain, store), json, terminal);
      return true;
    }
    case 'list':
      showList(domain, options, terminal);
      break;
    case 'tree':
      showTree(domain, json, terminal);
      break;
    case 'check':
      if (!showCheck(domain, name, json, terminal)) return false;
  }
  const problems = interrupted(sight);
  for (const { text } of problems) terminal.complain(text);
  return problems.length === 0;
}

/** What begins a first checkpoint can be planned before there is a store; elsewhere a store that is not there is a slip. */
async function openToLook({ command, live }: LiveOptions): Promise<Pick<CheckpointStore, 'load'> & AsyncDisposable> {
  try {
    return await checkpointStore(live.store, { readOnly: true });
  } catch (error) {
    const mayBegin = command === 'create' || command === 'snapshot' || command === 'backup';
    if (!mayBegin || !isStoreError(error) || error.kind !== 'not-found') throw error;
    return {
      load: () => Promise.resolve({ checkpoints: { checkpoints: [] }, pending: [], chainChanges: [] }),
      [Symbol.asyncDispose]: () => Promise.resolve(),
    };
  }
}
