import type { BitmapAction } from '../action.js';
import { guardInput } from '../guard-input.js';
import type { Checkpoint } from '../model/checkpoint.js';
import type { Domain } from '../model/domain.js';
import type { PendingChange, PendingRemoval } from '../model/pending-change.js';
import { inTopologicalOrder } from '../tree/topological-order.js';
import type { Plan, Step } from './plan.js';

/**
 * What is to be noted before a plan is run, so that {@link planReconcile} can tell afterwards whether it was.
 *
 * @param domain - The one the plan was made from.
 * @returns The checkpoint that the plan makes, or those that it deletes; `undefined` where it makes and deletes none, or where
 * it has no steps: then nothing can be half done.
 * @throws {@link CheckpointError} with `invalid-input` where the arguments are not a domain and a plan at all.
 * @example
 * ```ts
 * pendingChangeOf(domain, planDeleteCheckpoint(domain, 'tuesday'));
 * // {
 * //   kind: 'delete',
 * //   checkpoints: ['tuesday'],
 * //   bitmaps: [{ checkpoint: 'tuesday', diskTarget: 'vda', bitmap: 'tuesday', layers: 1 }],
 * //   reopenedNodes: [],
 * // }
 * ```
 */
export function pendingChangeOf(domain: Domain, plan: Plan): PendingChange | undefined {
  return guardInput({ domain }, () => {
    const { steps, next } = plan;
    if (steps.length === 0) return undefined;
    const before = new Set(domain.checkpoints.checkpoints.map(({ name }) => name));
    const after = new Set(next.checkpoints.checkpoints.map(({ name }) => name));
    const made = next.checkpoints.checkpoints.find(({ name }) => !before.has(name));
    if (made !== undefined) return { kind: 'create', checkpoint: made };
    const gone = inTopologicalOrder(domain.checkpoints).filter(({ name }) => !after.has(name));
    if (gone.length === 0) return undefined;
    const checkpoints = gone.map(({ name }) => name);
    return {
      kind: 'delete',
      checkpoints,
      bitmaps: removalsIn(domain, gone, steps),
      reopenedNodes: reopenedNodes(steps),
    };
  });
}

function removalsIn(domain: Domain, gone: readonly Checkpoint[], steps: readonly Step[]): readonly PendingRemoval[] {
  const removed = new Set(steps.flatMap(({ command }) => removalsOf(command)).map(keyOf));
  const chains = new Map(domain.disks.map(({ diskTarget, backingChain }) => [diskTarget, backingChain]));
  return gone.flatMap(({ name: checkpoint, disks }) =>
    disks.flatMap(({ diskTarget, bitmap }): PendingRemoval[] => {
      if (bitmap === undefined) return [];
      const chain = chains.get(diskTarget) ?? [];
      const layers = chain.filter(({ nodeName }) => removed.has(keyOf({ nodeName, bitmap }))).length;
      return layers === 0 ? [] : [{ checkpoint, diskTarget, bitmap, layers }];
    }),
  );
}

function removalsOf(command: Step['command']): readonly BitmapAction[] {
  if (command.kind !== 'transaction') return [];
  return command.actions.filter((action): action is BitmapAction => action.kind === 'bitmap-remove');
}

function keyOf({ nodeName, bitmap }: { readonly nodeName: string; readonly bitmap: string }): string {
  return JSON.stringify([nodeName, bitmap]);
}

function reopenedNodes(steps: readonly Step[]): readonly string[] {
  return steps.flatMap(({ command }) =>
    command.kind === 'node-reopen' && !command.readOnly ? [command.nodeName] : [],
  );
}
