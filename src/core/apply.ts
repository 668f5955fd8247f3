import type { Command, NodeReopenAction, TransactionAction } from './action.js';
import { CheckpointError } from './error.js';
import { guardInput } from './guard-input.js';
import { type Bitmap, findBitmap } from './model/bitmap.js';
import type { BlockNode } from './model/block-node.js';
import type { Domain } from './model/domain.js';
import { defaultGranularity } from './model/granularity.js';
import type { Step } from './plan/plan.js';
import { type Problem, problem } from './problem.js';

/**
 * What a step does to a domain: the meaning of every action, in one place.
 *
 * Only the step's command is applied, not its undo. Nodes that are no layer of a disk are not part of a domain, so actions
 * on them change nothing here. How many bytes are dirty after a merge depends on which bits overlap: the most it can be
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
  const before = new Map<string, BlockNode>();
  for (const { backingChain } of domain.disks) for (const node of backingChain) before.set(node.nodeName, node);
  const changed = new Map<string, BlockNode>();
  const nodeOf = (nodeName: string) => changed.get(nodeName) ?? before.get(nodeName);
  for (const action of command.kind === 'transaction' ? command.actions : [command]) {
    const node = nodeOf(action.nodeName);
    if (node !== undefined) changed.set(action.nodeName, applyAction(node, action, nodeOf));
  }
  const disks = domain.disks.map((disk) => {
    if (!disk.backingChain.some(({ nodeName }) => changed.has(nodeName))) return disk;
    return { ...disk, backingChain: disk.backingChain.map((node) => changed.get(node.nodeName) ?? node) };
  });
  return { ...domain, disks };
}

function applyAction(
  node: BlockNode,
  action: TransactionAction | NodeReopenAction,
  nodeOf: (nodeName: string) => BlockNode | undefined,
): BlockNode {
  switch (action.kind) {
    case 'bitmap-add': {
      const { bitmap: name, persistent, recording, granularity = defaultGranularity(node.clusterSize) } = action;
      const existing = findBitmap(node, name);
      if (existing !== undefined) {
        const { inconsistent } = existing;
        throw refused({ code: 'bitmap-exists', nodeName: node.nodeName, bitmap: name, inconsistent });
      }
      const bitmap = { name, granularity, dirtyBytes: 0, recording, persistent, busy: false, inconsistent: false };
      // QEMU lists the newest bitmap first.
      return { ...node, bitmaps: [bitmap, ...node.bitmaps] };
    }
    case 'bitmap-remove':
      expectBitmap(node, action.bitmap);
      return { ...node, bitmaps: node.bitmaps.filter(({ name }) => name !== action.bitmap) };
    case 'bitmap-clear':
      return withBitmap(node, action.bitmap, { dirtyBytes: 0 });
    case 'bitmap-enable':
      return withBitmap(node, action.bitmap, { recording: true });
    case 'bitmap-disable':
      return withBitmap(node, action.bitmap, { recording: false });
    case 'bitmap-merge': {
      const into = expectBitmap(node, action.intoBitmap);
      const sources = action.sources.flatMap(({ nodeName, bitmap }) => {
        const source = nodeOf(nodeName);
        return source === undefined ? [] : [expectBitmap(source, bitmap)];
      });
      return withBitmap(node, into.name, { dirtyBytes: mostDirtyBytes(node, into, sources) });
    }
    case 'node-reopen':
      return { ...node, readOnly: action.readOnly };
  }
}

function withBitmap(node: BlockNode, name: string, change: Partial<Bitmap>): BlockNode {
  expectBitmap(node, name);
  return { ...node, bitmaps: node.bitmaps.map((bitmap) => (bitmap.name === name ? { ...bitmap, ...change } : bitmap)) };
}

function expectBitmap(node: BlockNode, name: string): Bitmap {
  const bitmap = findBitmap(node, name);
  if (bitmap === undefined) throw refused({ code: 'bitmap-missing', nodeName: node.nodeName, bitmap: name });
  return bitmap;
}

function refused(details: Parameters<typeof problem>[0]): CheckpointError {
  const problems: readonly Problem[] = [problem(details)];
  return new CheckpointError(problems);
}

/** All bits apart from each other, each of a finer source in a granule of its own, but no more than the whole disk. */
function mostDirtyBytes(node: BlockNode, into: Bitmap, sources: readonly Bitmap[]): number {
  const granularity = into.granularity || defaultGranularity(node.clusterSize);
  const added = sources
    .filter((source) => source !== into)
    .map(({ dirtyBytes, granularity: finer }) => dirtyBytes * Math.max(1, granularity / (finer || granularity)));
  const wholeDisk = Math.ceil(node.virtualSize / granularity) * granularity;
  return Math.min(
    wholeDisk,
    added.reduce((sum, bytes) => sum + bytes, into.dirtyBytes),
  );
}
