import * as z from 'zod';
import { frozen } from './frozen.js';
import { isCheckpointName, isObservedBitmapName } from './names.js';
import { byteCountSchema } from './numbers.js';
import { parseWith } from './parse-with.js';

/** A moment of a domain since which the changes of its disks are known: one independent bitmap on each disk that takes part. */
export interface Checkpoint {
  /** Letters, digits, `_`, `-` and `.`, not starting with a dot; unique in its domain. */
  readonly name: string;
  readonly description?: string;
  /** Name of the checkpoint that was current when this one was made; for people, never an input to bitmap work. */
  readonly parent?: string;
  /** Seconds since the epoch. */
  readonly creationTimeSeconds: number;
  /** It began with a backup that is not complete yet: no backup may be based on it. */
  readonly provisional?: true;
  /** Every disk the domain had, in its order. */
  readonly disks: readonly CheckpointDisk[];
}

/** The part of a checkpoint that concerns one disk. */
export interface CheckpointDisk {
  /** Guest-side name, `vda`. */
  readonly diskTarget: string;
  /** Name of the checkpoint's bitmap there; absent where the disk does not take part. */
  readonly bitmap?: string;
  /**
   * File name of the active image when the checkpoint was made. With it a chain whose lower bitmaps were lost is seen;
   * plans that change the chain keep it true.
   */
  readonly madeOn?: string;
}

const checkpointDiskSchema = frozen(
  z.object({
    diskTarget: z.string().min(1),
    bitmap: z.exactOptional(z.string().refine(isObservedBitmapName, { error: 'must be 1 to 1023 bytes long' })),
    madeOn: z.exactOptional(z.string()),
  }),
) satisfies z.ZodType<CheckpointDisk>;

export const checkpointNameSchema = z.string().refine(isCheckpointName, {
  error: 'must consist of letters, digits, "_", "-" and ".", and not start with a dot',
});

export const checkpointSchema = frozen(
  z.object({
    name: checkpointNameSchema,
    description: z.exactOptional(z.string()),
    parent: z.exactOptional(checkpointNameSchema),
    creationTimeSeconds: byteCountSchema,
    provisional: z.exactOptional(z.literal(true)),
    disks: frozen(z.array(checkpointDiskSchema)),
  }),
) satisfies z.ZodType<Checkpoint>;

/**
 * Reads one checkpoint's metadata from a value of any kind.
 *
 * @returns A frozen copy; members it does not know are left out.
 * @throws {@link CheckpointError} with `invalid-input` for each fault, its path included.
 * @example
 * ```ts
 * parseCheckpoint({ name: 'monday', creationTimeSeconds: 1700000000, disks: [{ diskTarget: 'vda', bitmap: 'monday' }] }).name; // 'monday'
 * ```
 */
export function parseCheckpoint(input: unknown): Checkpoint {
  return parseWith(checkpointSchema, input, 'checkpoint');
}

/** Reads the metadata of many checkpoints; their paths start with the place in the list. */
export function parseCheckpoints(input: readonly unknown[]): readonly Checkpoint[] {
  return parseWith(frozen(z.array(checkpointSchema)), input, 'checkpoints');
}
