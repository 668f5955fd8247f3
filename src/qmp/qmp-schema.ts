import * as z from 'zod';

/** What a QEMU says it understands: the reply of `query-qmp-schema`, by the names of its types. */
export type QmpSchema = ReadonlyMap<string, SchemaInfo>;

/** One entry of the reply, with what checking a command needs. */
export interface SchemaInfo {
  readonly name: string;
  readonly 'meta-type': string;
  readonly 'arg-type'?: string;
  readonly 'element-type'?: string;
  readonly 'json-type'?: string;
  readonly tag?: string;
  readonly variants?: readonly { readonly case: string; readonly type: string }[];
  readonly values?: readonly string[];
  /** Of an object: `name` and `type`; of an enum: `name`; of an alternate: `type`. A `default` makes a member optional. */
  readonly members?: readonly { readonly name?: string; readonly type?: string; readonly default?: unknown }[];
}

/** Reads a reply of `query-qmp-schema`; `undefined` where it is not one. */
export function readQmpSchema(reply: unknown): QmpSchema | undefined {
  const result = schemaReplySchema.safeParse(reply);
  return result.success ? new Map(result.data.map((info) => [key(info), info])) : undefined;
}

/** Finds a command; types have names of their own, which QEMU makes numbers. */
export function findCommand(schema: QmpSchema, command: string): SchemaInfo | undefined {
  return schema.get(`command ${command}`);
}

function key(info: SchemaInfo): string {
  return info['meta-type'] === 'command' || info['meta-type'] === 'event'
    ? `${info['meta-type']} ${info.name}`
    : info.name;
}

const text = z.exactOptional(z.string());

const schemaReplySchema = z.array(
  z.object({
    name: z.string(),
    'meta-type': z.string(),
    'arg-type': text,
    'element-type': text,
    'json-type': text,
    tag: text,
    variants: z.exactOptional(z.array(z.object({ case: z.string(), type: z.string() }))),
    values: z.exactOptional(z.array(z.string())),
    members: z.exactOptional(z.array(z.object({ name: text, type: text, default: z.exactOptional(z.unknown()) }))),
  }),
) satisfies z.ZodType<readonly SchemaInfo[]>;
