import type { Command } from '../action.js';
import { guardInput } from '../guard-input.js';
import { type Bitmap, findBitmap } from '../model/bitmap.js';
import type { BlockNode } from '../model/block-node.js';
import type { Domain } from '../model/domain.js';
import type { Plan } from './plan.js';

/**
 * Whether all that a plan does is there already: its process may have died after the commands, before it saved that.
 *
 * Every node and bitmap that the steps name is as `plan.next` has it: there or not, recording, persistent, and well; nodes
 * read-only or not. How many bytes are dirty says nothing, for the guest goes on writing; so a plan that merges, clears,
 * or runs jobs cannot be recognised, and neither can one without steps.
 *
 * @param domain - As observed just now.
 * @throws {@link CheckpointError} with `invalid-input` where the arguments are not a domain and a plan at all.
 * @example
 * ```ts
 * const plan = planCreateCheckpoint(domain, { name: 'wednesday' }, { now: 1700000000 });
 * isPlanDone(domain, plan); // false
 * isPlanDone(plan.next, plan); // true
 * ```
 */
export function isPlanDone(domain: Domain, plan: Plan): boolean {
  return guardInput({ domain }, () => {
    const targets = plan.steps.map(({ command }) => targetsOf(command));
    if (targets.length === 0) return false;
    const now = nodesOf(domain);
    const then = nodesOf(plan.next);
    return targets.every((ofStep) =>
      ofStep?.every(({ nodeName, bitmap }) => isSame(now.get(nodeName), then.get(nodeName), bitmap)),
    );
  });
}

interface Target {
  readonly nodeName: string;
  readonly bitmap?: string;
}

/** What a command names; `undefined` where its effect cannot be seen. */
function targetsOf(command: Command): readonly Target[] | undefined {
  if (command.kind === 'node-reopen') return [{ nodeName: command.nodeName }];
  if (command.kind !== 'transaction') return undefined;
  const targets: Target[] = [];
  for (const action of command.actions) {
    if (!visible.has(action.kind)) return undefined;
    targets.push(action as Target);
  }
  return targets;
}

const visible: ReadonlySet<string> = new Set(['bitmap-add', 'bitmap-remove', 'bitmap-enable', 'bitmap-disable']);

function nodesOf({ disks }: Domain): ReadonlyMap<string, BlockNode> {
  return new Map(disks.flatMap(({ backingChain }) => backingChain.map((node) => [node.nodeName, node])));
}

function isSame(now: BlockNode | undefined, then: BlockNode | undefined, bitmapName: string | undefined): boolean {
  if (now === undefined || then === undefined) return false;
  if (bitmapName === undefined) return now.readOnly === then.readOnly;
  return isSameState(findBitmap(now, bitmapName), findBitmap(then, bitmapName));
}

function isSameState(now: Bitmap | undefined, then: Bitmap | undefined): boolean {
  return (
    now?.recording === then?.recording &&
    now?.persistent === then?.persistent &&
    now?.inconsistent === then?.inconsistent
  );
}
