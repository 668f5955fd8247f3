import * as z from 'zod';
import { isNodeName, isObservedBitmapName } from '../core/model/names.js';
import { byteCountSchema } from '../core/model/numbers.js';
import { parseWith } from '../core/model/parse-with.js';

/** What is needed of QEMU's `BlockDeviceInfo`; whatever else a reply holds is passed over. */
export interface NodeReply {
  readonly 'node-name': string;
  readonly drv: string;
  readonly file: string;
  readonly ro: boolean;
  readonly backing_file?: string;
  readonly detect_zeroes?: string;
  readonly cache?: { readonly direct: boolean; readonly 'no-flush': boolean };
  /** Since QEMU 10.1. */
  readonly children?: readonly { readonly child: string; readonly 'node-name'?: string }[];
  readonly image: {
    readonly 'virtual-size': number;
    readonly 'cluster-size'?: number;
    readonly 'backing-filename'?: string;
    readonly 'full-backing-filename'?: string;
    readonly 'format-specific'?: { readonly type: string; readonly data?: { readonly compat?: string } };
    readonly snapshots?: readonly { readonly name: string; readonly 'vm-state-size'?: number }[];
  };
  readonly 'dirty-bitmaps'?: readonly BitmapReply[];
}

/** A dirty bitmap. One without a name is a running job's; `inconsistent` is there only where it is true. */
export interface BitmapReply {
  readonly name?: string;
  readonly count?: number;
  readonly granularity?: number;
  readonly recording?: boolean;
  readonly busy?: boolean;
  readonly persistent?: boolean;
  readonly inconsistent?: boolean;
}

/** Reads a reply of `query-named-block-nodes`, with or without its envelope. */
export function readNodeReplies(reply: unknown): readonly NodeReply[] {
  const schemas = compiledSchemas();
  return Array.isArray(reply)
    ? parseWith(schemas.list, reply, 'reply')
    : parseWith(schemas.envelope, reply, 'reply').return;
}

const flag = z.exactOptional(z.boolean());
const text = z.exactOptional(z.string());
const bytes = z.exactOptional(byteCountSchema);

const bitmapReplySchema = z.object({
  name: z.exactOptional(z.string().refine(isObservedBitmapName, { error: 'must be 1 to 1023 bytes long' })),
  count: bytes,
  granularity: bytes,
  recording: flag,
  busy: flag,
  persistent: flag,
  inconsistent: flag,
}) satisfies z.ZodType<BitmapReply>;

const imageReplySchema = z.object({
  'virtual-size': byteCountSchema,
  'cluster-size': bytes,
  'backing-filename': text,
  'full-backing-filename': text,
  'format-specific': z.exactOptional(z.object({ type: z.string(), data: z.exactOptional(z.object({ compat: text })) })),
  snapshots: z.exactOptional(z.array(z.object({ name: z.string(), 'vm-state-size': bytes }))),
});

const nodeReplySchema = z.object({
  'node-name': z.string().refine(isNodeName, { error: 'must be 1 to 31 bytes long' }),
  drv: z.string(),
  file: z.string(),
  ro: z.boolean(),
  backing_file: text,
  detect_zeroes: text,
  cache: z.exactOptional(z.object({ direct: z.boolean(), 'no-flush': z.boolean() })),
  children: z.exactOptional(z.array(z.object({ child: z.string(), 'node-name': text }))),
  image: imageReplySchema,
  'dirty-bitmaps': z.exactOptional(z.array(bitmapReplySchema)),
}) satisfies z.ZodType<NodeReply>;

interface Schemas {
  readonly list: z.ZodType<readonly NodeReply[]>;
  readonly envelope: z.ZodType<{ readonly return: readonly NodeReply[] }>;
}

let compiled: Schemas | undefined;

/** Replies can be megabytes: zod's generated parser takes an eighth of the time, and some milliseconds to be made. */
function compiledSchemas(): Schemas {
  const list = z.array(nodeReplySchema);
  compiled ??= { list: z.compile(list), envelope: z.compile(z.object({ return: list })) };
  return compiled;
}
