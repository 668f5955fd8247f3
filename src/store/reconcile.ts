import type { Domain } from '../core/model/domain.js';
import { planReconcile, type ReconcileOptions, type Reconciliation } from '../core/plan/reconcile.js';
import type { CheckpointStore } from './checkpoint-store.js';

/**
 * Plans how what a store has noted as begun comes to an end: {@link planReconcile} on what is kept.
 *
 * Nothing is changed. Run the steps, then {@link CheckpointStore.settle} the result; where the process dies in between, do
 * the same again.
 *
 * @param domain - As observed just now; for its checkpoints those of the store are taken.
 * @throws {@link CheckpointError} as {@link planReconcile}.
 * @throws {@link StoreError} as {@link CheckpointStore.load}.
 * @example
 * ```ts
 * // A process died after it had noted that it makes wednesday, and before it sent anything.
 * const reconciliation = await reconcile(domain, store);
 * reconciliation.decisions.map(({ checkpoint, verdict }) => `${checkpoint}: ${verdict}`); // ['wednesday: drop']
 * await runPlan(session, reconciliation);
 * await store.settle(reconciliation);
 * (await store.load()).pending; // []
 * ```
 */
export async function reconcile(
  domain: Domain,
  store: Pick<CheckpointStore, 'load'>,
  options: ReconcileOptions = {},
): Promise<Reconciliation> {
  const { checkpoints, pending } = await store.load();
  return planReconcile({ ...domain, checkpoints }, pending, options);
}
