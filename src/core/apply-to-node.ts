import type { BitmapAction, BitmapAddAction, BitmapMergeAction, NodeReopenAction } from './action.js';
import { CheckpointError } from './error.js';
import { type Bitmap, findBitmap } from './model/bitmap.js';
import type { BlockNode } from './model/block-node.js';
import { defaultGranularity } from './model/granularity.js';
import { type Problem, problem } from './problem.js';

/** An action that changes one node and leaves it where it is. */
export type NodeAction = BitmapAddAction | BitmapAction | BitmapMergeAction | NodeReopenAction;

/** What an action on one node makes of it. */
export function applyToNode(
  node: BlockNode,
  action: NodeAction,
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
