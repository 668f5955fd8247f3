import * as z from 'zod';
import { readonlyType } from './readonly-type.js';

/** A snapshot kept inside a qcow2 image. Going back to one is refused by QEMU while its disk has bitmaps. */
export interface InternalSnapshot {
  readonly name: string;
  /** The snapshot holds the state of the running machine too. */
  readonly hasVmState: boolean;
}

export const internalSnapshotSchema = readonlyType(
  z.object({ name: z.string(), hasVmState: z.boolean() }),
) satisfies z.ZodType<InternalSnapshot>;
