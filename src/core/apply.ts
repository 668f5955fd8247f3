import type { Action, Command } from './action.js';
import { fillBitmap } from './apply-fill.js';
import {
  addNode,
  finishActiveCommit,
  finishCopy,
  finishInactiveCommit,
  finishPull,
  removeNode,
  takeSnapshot,
} from './apply-to-chain.js';
import { applyToNode, type NodeAction } from './apply-to-node.js';
import { guardInput } from './guard-input.js';
import type { Job } from './job.js';
import type { BlockNode } from './model/block-node.js';
import type { Domain } from './model/domain.js';
import type { Step } from './plan/plan.js';

/**
 * What a step does to a domain: the meaning of every action, in one place.
 *
 * Only the step's command is applied, not its undo. Actions on nodes that the domain does not know change nothing here. A job
 * changes the chain where its guest's writes go elsewhere: an active commit and a copy when they are completed, an inactive
 * commit when it is finalized, a pull when it has ended; a fill marks its bitmap when it is cancelled. How many bytes are dirty after a merge depends on which bits overlap: the most it can be
 * is shown.
 *
 * @returns The domain after the step; what it does not touch is shared with the given one, which is not modified.
 * @throws {@link CheckpointError} where QEMU would refuse:
 * - `bitmap-exists`: a bitmap of that name is on the node;
 * - `bitmap-missing`: the bitmap is not on the node;
 * - `invalid-input`: the arguments are not a domain and a step at all.
 * @example
 * ```ts
 * const { steps } = planCreateCheckpoint(domain, { name: 'wednesday' }, { now: 1700000000 });
 * steps.reduce(applyStep, domain).disks[0]?.backingChain[0]?.bitmaps[0]?.name; // 'wednesday'
 * ```
 */
export function applyStep(domain: Domain, step: Step): Domain {
  return guardInput({ domain }, () => applyCommand(domain, step.command));
}

/** What a command does to a domain. */
export function applyCommand(domain: Domain, command: Command): Domain {
  if (command.kind !== 'transaction') return applyActions(domain, [command]);
  return applyActions(domain, command.actions);
}

/** Actions on nodes are applied together, up to the next that changes a chain: a transaction may have hundreds. */
function applyActions(domain: Domain, actions: readonly Action[]): Domain {
  const cut = actions.findIndex((action) => !isNodeAction(action));
  if (cut === -1) return applyToNodes(domain, actions as readonly NodeAction[]);
  const [action, ...rest] = actions.slice(cut) as [Action, ...Action[]];
  const before = cut === 0 ? domain : applyToNodes(domain, actions.slice(0, cut) as readonly NodeAction[]);
  const after = applyToChain(before, action);
  return rest.length === 0 ? after : applyActions(after, rest);
}

function isNodeAction(action: Action): action is NodeAction {
  return action.kind === 'node-reopen' || (action.kind.startsWith('bitmap-') && action.kind !== 'bitmaps-expect');
}

function applyToNodes(domain: Domain, actions: readonly NodeAction[]): Domain {
  const before = new Map<string, BlockNode>();
  for (const { backingChain } of domain.disks) for (const node of backingChain) before.set(node.nodeName, node);
  for (const node of domain.otherNodes ?? []) before.set(node.nodeName, node);
  const changed = new Map<string, BlockNode>();
  const nodeOf = (nodeName: string) => changed.get(nodeName) ?? before.get(nodeName);
  for (const action of actions) {
    const node = nodeOf(action.nodeName);
    if (node !== undefined) changed.set(action.nodeName, applyToNode(node, action, nodeOf));
  }
  const now = (node: BlockNode) => changed.get(node.nodeName) ?? node;
  const disks = domain.disks.map((disk) => {
    if (!disk.backingChain.some(({ nodeName }) => changed.has(nodeName))) return disk;
    return { ...disk, backingChain: disk.backingChain.map(now) };
  });
  return { ...domain, disks, ...(domain.otherNodes !== undefined && { otherNodes: domain.otherNodes.map(now) }) };
}

function applyToChain(domain: Domain, action: Action): Domain {
  switch (action.kind) {
    case 'snapshot-take':
      return takeSnapshot(domain, action);
    case 'node-add':
      return addNode(domain, action);
    case 'node-remove':
      return removeNode(domain, action.nodeName);
    case 'job-complete':
      return applyCompleted(domain, action.job);
    case 'job-finalize':
      return action.job.kind === 'commit' ? finishInactiveCommit(domain, action.job) : domain;
    case 'job-cancel':
      return action.job.kind === 'fill' ? fillBitmap(domain, action.job) : domain;
    case 'job-wait':
      return action.until === 'concluded' && action.job.kind === 'pull' ? finishPull(domain, action.job) : domain;
    default:
      return domain;
  }
}

/** Only jobs that follow the guest are completed. */
function applyCompleted(domain: Domain, job: Job): Domain {
  if (job.kind === 'copy') return finishCopy(domain, job);
  return job.kind === 'commit' ? finishActiveCommit(domain, job) : domain;
}
