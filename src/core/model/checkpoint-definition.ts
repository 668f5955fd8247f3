import * as z from 'zod';
import { checkpointNameSchema } from './checkpoint.js';
import { frozen } from './frozen.js';
import { isGranularity } from './granularity.js';
import { isBitmapName } from './names.js';
import { parseWith } from './parse-with.js';

/** What a caller asks for when a checkpoint is to be made. */
export interface CheckpointDefinition {
  /** Default: the creation time in seconds. */
  readonly name?: string;
  readonly description?: string;
  /** Absent or empty: every writable disk that has a medium. Otherwise disks that are not named do not take part. */
  readonly disks?: readonly CheckpointDiskDefinition[];
}

/** What a caller asks for on one disk. */
export interface CheckpointDiskDefinition {
  /** Disk target, or the path of the active image where only one disk has it. */
  readonly disk: string;
  /** Default: `bitmap`. */
  readonly checkpoint?: 'bitmap' | 'no';
  /** Default: the name of the checkpoint. */
  readonly bitmap?: string;
  /** Bytes per bit, a power of two from 512 to 2 GiB; default: QEMU's choice. */
  readonly granularity?: number;
}

const checkpointDiskDefinitionSchema = frozen(
  z
    .object({
      disk: z.string().min(1),
      checkpoint: z.exactOptional(z.enum(['bitmap', 'no'])),
      bitmap: z.exactOptional(
        z.string().refine(isBitmapName, { error: 'must be 1 to 1023 bytes long, without control characters' }),
      ),
      granularity: z.exactOptional(
        z.int().refine(isGranularity, { error: 'must be a power of two from 512 to 2147483648' }),
      ),
    })
    .refine((disk) => disk.checkpoint !== 'no' || (disk.bitmap === undefined && disk.granularity === undefined), {
      error: 'asks for no bitmap and describes one',
    }),
) satisfies z.ZodType<CheckpointDiskDefinition>;

const checkpointDefinitionSchema = frozen(
  z.object({
    name: z.exactOptional(checkpointNameSchema),
    description: z.exactOptional(z.string()),
    disks: z.exactOptional(frozen(z.array(checkpointDiskDefinitionSchema))),
  }),
) satisfies z.ZodType<CheckpointDefinition>;

/**
 * Reads what is asked for from a value of any kind, a request body for example.
 *
 * @returns A frozen copy; members it does not know are left out.
 * @throws {@link CheckpointError} with `invalid-input` for each fault, its path included.
 * @example
 * ```ts
 * parseCheckpointDefinition({ name: 'monday', disks: [{ disk: 'vda' }] }).disks; // [{ disk: 'vda' }]
 * ```
 * @see libvirt `virDomainCheckpointDefParse`
 */
export function parseCheckpointDefinition(input: unknown): CheckpointDefinition {
  return parseWith(checkpointDefinitionSchema, input, 'definition');
}
