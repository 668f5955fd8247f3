import * as z from 'zod';

/** A snapshot kept inside a qcow2 image. Going back to one is refused by QEMU while its disk has bitmaps. */
export interface InternalSnapshot {
  readonly name: string;
  /** The snapshot holds the state of the running machine too. */
  readonly hasVmState: boolean;
}

export const internalSnapshotSchema = z
  .object({ name: z.string(), hasVmState: z.boolean() })
  .readonly() satisfies z.ZodType<InternalSnapshot>;
