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

/**
 * Reads a reply of `query-named-block-nodes`, with or without its envelope, one node after the other: a reply can be
 * megabytes, and what is made of a node should not wait in memory until all are read.
 */
export function readNodeReplies<T>(reply: unknown, use: (node: NodeReply) => T): readonly T[] {
  compiled ??= z.compile(nodeReplySchema);
  const used: T[] = [];
  for (const node of nodesOf(reply) ?? []) {
    const result = compiled.safeParse(node);
    if (!result.success) break;
    used.push(use(result.data));
  }
  if (used.length === nodesOf(reply)?.length) return used;
  // Something is wrong with it: read it as a whole, to tell everything that is.
  const list = z.array(nodeReplySchema);
  return Array.isArray(reply)
    ? parseWith(list, reply, 'reply').map(use)
    : parseWith(z.object({ return: list }), reply, 'reply').return.map(use);
}

function nodesOf(reply: unknown): readonly unknown[] | undefined {
  const nodes = Array.isArray(reply) ? reply : (reply as { readonly return?: unknown } | undefined)?.return;
  return Array.isArray(nodes) ? nodes : undefined;
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

/** zod's generated parser takes an eighth of the time, and some milliseconds to be made. */
let compiled: z.ZodType<NodeReply> | undefined;
