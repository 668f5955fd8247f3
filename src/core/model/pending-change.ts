import * as z from 'zod';
import { type Checkpoint, checkpointNameSchema, checkpointSchema } from './checkpoint.js';
import { frozen } from './frozen.js';
import { isNodeName, isObservedBitmapName } from './names.js';
import { parseWith } from './parse-with.js';

/** A change of a domain's checkpoints that was begun: noted before QEMU is told, so that after a crash one knows what to look for. */
export type PendingChange = PendingCreate | PendingDelete;

/** A checkpoint that was to be made. */
export interface PendingCreate {
  readonly kind: 'create';
  readonly checkpoint: Checkpoint;
}

/** Checkpoints that were to be deleted, in one transaction. */
export interface PendingDelete {
  readonly kind: 'delete';
  /** Their names, each after its parent. At least one. */
  readonly checkpoints: readonly string[];
  /** What was to be removed: their bitmaps that were there. */
  readonly bitmaps: readonly PendingRemoval[];
  /** Node-names of the layers that it was to open for writing, and for reading only afterwards. */
  readonly reopenedNodes: readonly string[];
}

/** A bitmap that was to be removed from every layer of a disk that has it. */
export interface PendingRemoval {
  readonly checkpoint: string;
  readonly diskTarget: string;
  readonly bitmap: string;
  /** On how many layers it was. Node-names are not kept: they differ after a restart of QEMU. */
  readonly layers: number;
}

const pendingCreateSchema = frozen(
  z.object({ kind: z.literal('create'), checkpoint: checkpointSchema }),
) satisfies z.ZodType<PendingCreate>;

const pendingRemovalSchema = frozen(
  z.object({
    checkpoint: checkpointNameSchema,
    diskTarget: z.string().min(1),
    bitmap: z.string().refine(isObservedBitmapName, { error: 'must be 1 to 1023 bytes long' }),
    layers: z.int().positive(),
  }),
) satisfies z.ZodType<PendingRemoval>;

export const pendingDeleteSchema = frozen(
  z.object({
    kind: z.literal('delete'),
    checkpoints: frozen(
      z.array(checkpointNameSchema).refine(({ length }) => length > 0, { error: 'must name at least one checkpoint' }),
    ),
    bitmaps: frozen(z.array(pendingRemovalSchema)),
    reopenedNodes: frozen(z.array(z.string().refine(isNodeName, { error: 'must be 1 to 31 bytes long' }))),
  }),
) satisfies z.ZodType<PendingDelete>;

const pendingChangeSchemas = { create: pendingCreateSchema, delete: pendingDeleteSchema };

/**
 * Reads a pending change from a value of any kind.
 *
 * @returns A frozen copy; members it does not know are left out.
 * @throws {@link CheckpointError} with `invalid-input` for each fault, its path included.
 * @example
 * ```ts
 * parsePendingChange({ kind: 'delete', checkpoints: ['monday'], bitmaps: [], reopenedNodes: [] }).kind; // 'delete'
 * ```
 */
export function parsePendingChange(input: unknown): PendingChange {
  const { kind } = parseWith(kindSchema, input, 'change');
  return parseWith<PendingChange>(pendingChangeSchemas[kind], input, 'change');
}

const kindSchema = z.object({ kind: z.enum(['create', 'delete']) });

/** The names of the checkpoints that a pending change is about. */
export function namesIn(change: PendingChange): readonly string[] {
  return change.kind === 'create' ? [change.checkpoint.name] : change.checkpoints;
}
