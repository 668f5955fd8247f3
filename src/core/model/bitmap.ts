import * as z from 'zod';
import { isGranularity } from './granularity.js';
import { isObservedBitmapName } from './names.js';
import { byteCountSchema } from './numbers.js';
import { readonlyType } from './readonly-type.js';

/** A dirty bitmap of a block node, as QEMU reports it. */
export interface Bitmap {
  /** 1 to 1023 bytes of UTF-8, unique on its node. */
  readonly name: string;
  /** Bytes per bit: a power of two from 512 to 2 GiB; 0 where the reply does not say. */
  readonly granularity: number;
  /** Bytes marked dirty, a multiple of the granularity (QMP `count`). */
  readonly dirtyBytes: number;
  /** Guest writes are being added. */
  readonly recording: boolean;
  /** Stored in the image when it is closed. */
  readonly persistent: boolean;
  /** Held by a job or an export; nothing may change it meanwhile. */
  readonly busy: boolean;
  /** Left in use by a QEMU that did not close the image; it can only be removed. */
  readonly inconsistent: boolean;
}

export const bitmapSchema = readonlyType(
  z.object({
    name: z.string().refine(isObservedBitmapName, { error: 'must be 1 to 1023 bytes long' }),
    granularity: z.int().refine((bytes) => bytes === 0 || isGranularity(bytes), {
      error: 'must be a power of two from 512 to 2147483648, or 0 for unknown',
    }),
    dirtyBytes: byteCountSchema,
    recording: z.boolean(),
    persistent: z.boolean(),
    busy: z.boolean(),
    inconsistent: z.boolean(),
  }),
) satisfies z.ZodType<Bitmap>;

/** Finds a bitmap by its name. */
export function findBitmap(node: { readonly bitmaps: readonly Bitmap[] }, name: string): Bitmap | undefined {
  return node.bitmaps.find((bitmap) => bitmap.name === name);
}

/** Whether a bitmap holds every write since it was made, and will go on doing so. */
export function isSound({ recording, persistent, inconsistent }: Bitmap): boolean {
  return recording && persistent && !inconsistent;
}
