import * as z from 'zod';
import { type BlockNode, blockNodeSchema } from './block-node.js';
import { readonlyType } from './readonly-type.js';

/** One disk of a domain. */
export interface Disk {
  /** Guest-side name, `vda`; unique in its domain. */
  readonly diskTarget: string;
  /** Path of the active image. */
  readonly sourcePath?: string;
  /** The guest may not write to it. */
  readonly readOnly: boolean;
  /** The active layer first, the base last; empty where there is no medium. */
  readonly backingChain: readonly BlockNode[];
  /** Node-name of the topmost filter above the active layer; absent: none. QEMU begins a commit or a copy only there. */
  readonly filterNodeName?: string;
}

export const diskSchema = readonlyType(
  z.object({
    diskTarget: z.string().min(1),
    sourcePath: z.exactOptional(z.string()),
    readOnly: z.boolean(),
    backingChain: readonlyType(z.array(blockNodeSchema)),
    filterNodeName: z.exactOptional(z.string().min(1)),
  }),
) satisfies z.ZodType<Disk>;

/** The layer that takes the guest's writes; `undefined` where there is no medium. */
export function activeLayerOf(disk: Disk): BlockNode | undefined {
  return disk.backingChain[0];
}
