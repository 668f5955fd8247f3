import { throwProblems } from '../core/error.js';
import type { Domain } from '../core/model/domain.js';
import { namesIn, type PendingChange } from '../core/model/pending-change.js';
import type { Reconciliation } from '../core/plan/reconcile.js';
import { type Problem, problem } from '../core/problem.js';
import { observeDomain } from '../qmp/observe-domain.js';
import type { QmpConnection } from '../qmp/qmp-connection.js';
import { runPlan, type StepProgress } from '../qmp/run-plan.js';
import { connect } from '../qmp/session.js';
import { type CheckpointStore, checkpointStore } from '../store/checkpoint-store.js';
import { isStoreError } from '../store/error.js';
import { reconcile } from '../store/reconcile.js';
import { makePlan } from './make-plan.js';
import type { Options } from './options.js';
import { explainPlan, printResult } from './print-plan.js';
import { showCheck, showList, showTree } from './show.js';
import type { Terminal } from './terminal.js';

/** Options that name a running QEMU. */
export type LiveOptions = Options & { readonly live: NonNullable<Options['live']> };

/** What is to be known of a machine before anything is decided. */
interface Sight {
  readonly domain: Domain;
  /** What a crash has left half done. */
  readonly pending: readonly PendingChange[];
}

/** Runs a command on a running QEMU. @returns Whether all is well. */
export async function runLive(options: LiveOptions, terminal: Terminal): Promise<boolean> {
  const { command, dryRun } = options;
  const isChange = command === 'create' || command === 'delete' || command === 'reconcile';
  if (!isChange || dryRun) return await showLive(options, terminal);
  await using store = await checkpointStore(options.live.store);
  await using session = await connect(options.live.qmp, { signal: terminal.signal });
  const machine = { session, store, options, terminal };
  return command === 'reconcile' ? await settle(machine) : await change(machine);
}

/** What only looks takes no lock and sends no plan. */
async function showLive(options: LiveOptions, terminal: Terminal): Promise<boolean> {
  const { command, json, name } = options;
  await using store = await openToLook(options);
  await using session = await connect(options.live.qmp, { signal: terminal.signal });
  const { domain, pending } = await look(session, store, options);
  switch (command) {
    case 'create':
    case 'delete':
      throwProblems(pending.flatMap(interrupted));
      explainPlan(makePlan(options, domain, terminal.now()), json, terminal);
      return true;
    case 'reconcile':
      explainPlan(await reconcile(domain, store), json, terminal);
      return true;
    case 'list':
      showList(domain, options, terminal);
      break;
    case 'tree':
      showTree(domain, json, terminal);
      break;
    case 'check':
      if (!showCheck(domain, name, json, terminal)) return false;
  }
  for (const { text } of pending.flatMap(interrupted)) terminal.complain(text);
  return pending.length === 0;
}

async function look(
  session: QmpConnection,
  store: Pick<CheckpointStore, 'load'>,
  { disks }: LiveOptions,
): Promise<Sight> {
  const { checkpoints, pending } = await store.load();
  const domain = await observeDomain(session, { name: 'domain', ...(disks.length > 0 && { disks }), checkpoints });
  return { domain, pending };
}

/** A first create can be planned before there is a store; elsewhere a store that is not there is a slip. */
async function openToLook({ command, live }: LiveOptions): Promise<Pick<CheckpointStore, 'load'> & AsyncDisposable> {
  try {
    return await checkpointStore(live.store, { readOnly: true });
  } catch (error) {
    if (command !== 'create' || !isStoreError(error) || error.kind !== 'not-found') throw error;
    return {
      load: () => Promise.resolve({ checkpoints: { checkpoints: [] }, pending: [] }),
      [Symbol.asyncDispose]: () => Promise.resolve(),
    };
  }
}

interface Machine {
  readonly session: QmpConnection;
  readonly store: CheckpointStore;
  readonly options: LiveOptions;
  readonly terminal: Terminal;
}

async function change(machine: Machine): Promise<boolean> {
  const { session, store, options, terminal } = machine;
  const { domain, pending } = await look(session, store, options);
  throwProblems(pending.flatMap(interrupted));
  const plan = makePlan(options, domain, terminal.now());
  const onStep = ({ state, step, index, total }: StepProgress) => {
    if (state === 'started' && !options.json && total > 1) terminal.complain(`${index + 1}/${total} ${step.why}`);
  };
  try {
    await store.run(domain, plan, () => runPlan(session, plan, { signal: terminal.signal, onStep }));
  } catch (error) {
    await tidyUp(machine);
    throw error;
  }
  printResult(plan, options, terminal);
  return true;
}

/** What failed is told by its error; here only what it left behind is settled, where QEMU can still be reached. */
async function tidyUp(machine: Machine): Promise<void> {
  const { session, store, options, terminal } = machine;
  try {
    const { domain, pending } = await look(session, store, options);
    if (pending.length > 0) await runReconciliation(machine, await reconcile(domain, store), terminal.complain);
  } catch {
    terminal.complain('what was begun stays noted in the store; run reconcile when QEMU can be reached');
  }
}

async function settle(machine: Machine): Promise<boolean> {
  const { session, store, options, terminal } = machine;
  const { domain } = await look(session, store, options);
  const reconciliation = await reconcile(domain, store);
  await runReconciliation(machine, reconciliation, options.json ? terminal.complain : terminal.print);
  const { decisions } = reconciliation;
  if (options.json) terminal.print(JSON.stringify({ decisions }));
  else if (decisions.length === 0) terminal.print('nothing was interrupted');
  return decisions.every(({ verdict }) => verdict !== 'undecided');
}

async function runReconciliation(
  { session, store }: Machine,
  reconciliation: Reconciliation,
  tell: (line: string) => void,
): Promise<void> {
  await runPlan(session, reconciliation);
  await store.settle(reconciliation);
  for (const { checkpoint, verdict, why } of reconciliation.decisions)
    tell(`checkpoint "${checkpoint}": ${verdict}: ${why}`);
}

function interrupted(pending: PendingChange): readonly Problem[] {
  return namesIn(pending).map((checkpoint) =>
    problem({ code: 'change-interrupted', checkpoint, change: pending.kind }),
  );
}
