import * as z from 'zod';
import { type Bitmap, bitmapSchema } from './bitmap.js';
import { frozen } from './frozen.js';
import { type InternalSnapshot, internalSnapshotSchema } from './internal-snapshot.js';
import { jsonSchema } from './json.js';
import { isNodeName } from './names.js';
import { byteCountSchema } from './numbers.js';
import { readonlyType } from './readonly-type.js';

/** One node of QEMU's block graph: an image, as one layer of a disk's backing chain. */
export interface BlockNode {
  /** At most 31 bytes. Names that start with `#` are QEMU's own. */
  readonly nodeName: string;
  /** The block driver: `qcow2`, `raw`, … */
  readonly format: string;
  /** Size the guest sees, in bytes. */
  readonly virtualSize: number;
  /** The node is open for reading only. */
  readonly readOnly: boolean;
  /** File name of the image, as QEMU spells it. */
  readonly filename?: string;
  /** File name of the backing image; absent at the base. */
  readonly backingFilename?: string;
  /** Node-name of what is directly below it, an image or a filter, where the reply says so (QEMU 10.1 and later). */
  readonly backingNodeName?: string;
  /** A filter stands between it and its backing image. A reopen must name that filter, or it would be put out of the chain. */
  readonly backingFiltered?: true;
  /** Node-name of its protocol layer, which a reopen must repeat; absent where it is not known for certain. */
  readonly fileNodeName?: string;
  /** The protocol layer is open for reading only, so a reopen of this node for writing is refused. */
  readonly fileReadOnly?: true;
  /** Bytes per cluster of the image, where the format has clusters. */
  readonly clusterSize?: number;
  /** Version of the qcow2 format; only version 3 can store bitmaps. */
  readonly qcow2Version?: 2 | 3;
  /** Snapshots inside the image, by name; absent where the reply lists none. */
  readonly internalSnapshots?: readonly InternalSnapshot[];
  /**
   * What else a reopen of this node must repeat, in QMP's spelling: QEMU resets its cache mode and its zero detection where
   * they are not repeated, which are here from the reply, and refuses to reopen an encrypted image without its `encrypt`
   * options, which you must add. The core passes it on unread.
   */
  readonly reopenOptions?: { readonly [option: string]: unknown };
  /** In the order QEMU reports them, the newest first; nameless ones are left out. */
  readonly bitmaps: readonly Bitmap[];
}

export const blockNodeSchema = readonlyType(
  z.object({
    nodeName: z.string().refine(isNodeName, { error: 'must be 1 to 31 bytes long' }),
    format: z.string().min(1),
    virtualSize: byteCountSchema,
    readOnly: z.boolean(),
    filename: z.exactOptional(z.string()),
    backingFilename: z.exactOptional(z.string()),
    backingNodeName: z.exactOptional(z.string()),
    backingFiltered: z.exactOptional(z.literal(true)),
    fileNodeName: z.exactOptional(z.string()),
    fileReadOnly: z.exactOptional(z.literal(true)),
    clusterSize: z.exactOptional(byteCountSchema),
    qcow2Version: z.exactOptional(z.literal([2, 3])),
    internalSnapshots: z.exactOptional(readonlyType(z.array(internalSnapshotSchema))),
    reopenOptions: z.exactOptional(frozen(z.record(z.string(), jsonSchema))),
    bitmaps: readonlyType(z.array(bitmapSchema)),
  }),
) satisfies z.ZodType<BlockNode>;
