import * as z from 'zod';
import type { CommitJob, CopyJob, PullJob } from '../job.js';
import type { BlockNode } from './block-node.js';
import { frozen } from './frozen.js';
import { isNodeName, isObservedBitmapName } from './names.js';
import { parseWith } from './parse-with.js';

/** A job that changes the layers of a disk. */
export type ChainJob = CommitJob | CopyJob | PullJob;

/** A change of a disk's layers that was begun: noted before QEMU is told, so that after a crash one knows what is left to do. */
export interface PendingChainChange {
  /** The disk whose layers tell whether it has happened; a snapshot may be of others too. */
  readonly diskTarget: string;
  /** What does it; absent: a snapshot, which is one transaction. */
  readonly job?: ChainJob;
  /** The layer that takes the data, or the guest's writes. */
  readonly receiver: LayerReference;
  /** The layers that are no part of the disk afterwards, from above. */
  readonly dropped: readonly LayerReference[];
  /** Names of their bitmaps that go on on the receiver. */
  readonly carried: readonly string[];
  /** Those of them that it gets for that. */
  readonly added: readonly string[];
  /** Names of the disk's bitmaps that end. */
  readonly ended: readonly string[];
  /** Node-names of what is opened for it, in that order. */
  readonly openedNodes: readonly string[];
}

/** A layer, so that it is known again: by its file, or by its node where QEMU does not tell a file. */
export interface LayerReference {
  readonly nodeName: string;
  readonly filename?: string;
  readonly fileNodeName?: string;
}

const text = z.string().min(1);
const nodeName = z.string().refine(isNodeName, { error: 'must be 1 to 31 bytes long' });
const bitmaps = frozen(z.array(z.string().refine(isObservedBitmapName, { error: 'must be 1 to 1023 bytes long' })));
const ofDisk = { jobId: text, diskTarget: text, activeNodeName: nodeName };
const ofRoot = { ...ofDisk, filterNodeName: z.exactOptional(nodeName) };

const jobSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('commit'), ...ofRoot, topNodeName: nodeName, baseNodeName: nodeName }),
  z.object({ kind: z.literal('copy'), ...ofRoot, targetNodeName: nodeName, shallow: z.boolean() }),
  z.object({ kind: z.literal('pull'), ...ofDisk, baseNodeName: z.exactOptional(nodeName) }),
]);

const layerSchema = frozen(
  z.object({ nodeName, filename: z.exactOptional(text), fileNodeName: z.exactOptional(nodeName) }),
) satisfies z.ZodType<LayerReference>;

const pendingChainChangeSchema = frozen(
  z.object({
    diskTarget: text,
    job: z.exactOptional(frozen(jobSchema)),
    receiver: layerSchema,
    dropped: frozen(z.array(layerSchema)),
    carried: bitmaps,
    added: bitmaps,
    ended: bitmaps,
    openedNodes: frozen(z.array(nodeName)),
  }),
) satisfies z.ZodType<PendingChainChange>;

/**
 * Reads a pending change of a disk's layers from a value of any kind.
 *
 * @returns A frozen copy; members it does not know are left out.
 * @throws {@link CheckpointError} with `invalid-input` for each fault, its path included.
 * @example
 * ```ts
 * const receiver = { nodeName: 'vda-2', filename: '/images/vda-2.qcow2' };
 * const none = { dropped: [], carried: [], added: [], ended: [], openedNodes: [] };
 * parsePendingChainChange({ diskTarget: 'vda', receiver, ...none }).receiver.nodeName; // 'vda-2'
 * ```
 */
export function parsePendingChainChange(input: unknown): PendingChainChange {
  return parseWith<PendingChainChange>(pendingChainChangeSchema, input, 'change');
}

/** A layer, so that it is known again. */
export function referenceTo({ nodeName, filename, fileNodeName }: BlockNode): LayerReference {
  return {
    nodeName,
    ...(filename !== undefined && { filename }),
    ...(fileNodeName !== undefined && { fileNodeName }),
  };
}

/** Whether a layer is the one that is referred to: by its file, where both are known. */
export function isLayer(layer: LayerReference, { nodeName, filename }: LayerReference): boolean {
  if (layer.filename !== undefined && filename !== undefined) return layer.filename === filename;
  return layer.nodeName === nodeName;
}
