import * as z from 'zod';

/** What a QEMU says it understands: the reply of `query-qmp-schema`, made ready for checking commands. */
export interface QmpSchema {
  /** The type of each command's arguments, by the command's name. */
  readonly commands: ReadonlyMap<string, string>;
  /** By their names, which QEMU makes numbers. */
  readonly types: ReadonlyMap<string, SchemaType>;
}

/** A type of QMP's. */
export type SchemaType =
  | {
      readonly kind: 'object';
      readonly members: ReadonlyMap<string, SchemaMember>;
      /** Name of the member that says which variant there is. */
      readonly tag?: string;
      /** The type that has the members of each variant. */
      readonly variants: ReadonlyMap<string, string>;
    }
  | { readonly kind: 'array'; readonly elementType: string }
  | { readonly kind: 'enum'; readonly values: ReadonlySet<unknown> }
  | { readonly kind: 'alternate'; readonly types: readonly string[] }
  | { readonly kind: 'builtin'; readonly jsonType: string };

/** A member of an object. */
export interface SchemaMember {
  readonly type: string;
  readonly required: boolean;
}

/** Reads a reply of `query-qmp-schema`; `undefined` where it is not one, or an empty one. */
export function readQmpSchema(reply: unknown): QmpSchema | undefined {
  const result = schemaReplySchema.safeParse(reply);
  if (!result.success) return undefined;
  const commands = new Map<string, string>();
  const types = new Map<string, SchemaType>();
  for (const info of result.data) {
    if (info['meta-type'] === 'command') commands.set(info.name, info['arg-type'] ?? '');
    const type = typeOf(info);
    if (type !== undefined) types.set(info.name, type);
  }
  // Every QEMU has commands: what has none is the answer of a session that does not know.
  return commands.size === 0 ? undefined : { commands, types };
}

function typeOf(info: SchemaInfo): SchemaType | undefined {
  const { members = [], variants = [], tag, values = [] } = info;
  switch (info['meta-type']) {
    case 'object':
      return {
        kind: 'object',
        // A member that may be left out has a default, which is `null` as a rule.
        members: new Map(members.map((of) => [of.name ?? '', { type: of.type ?? '', required: !('default' in of) }])),
        ...(tag !== undefined && { tag }),
        variants: new Map(variants.map((variant) => [variant.case, variant.type])),
      };
    case 'array':
      return { kind: 'array', elementType: info['element-type'] ?? '' };
    case 'enum':
      // Before QEMU 6.2 only the names were told.
      return { kind: 'enum', values: new Set<unknown>(info.members?.map(({ name }) => name) ?? values) };
    case 'alternate':
      return { kind: 'alternate', types: members.map(({ type = '' }) => type) };
    case 'builtin':
      return { kind: 'builtin', jsonType: info['json-type'] ?? 'value' };
    default:
      return undefined;
  }
}

const text = z.exactOptional(z.string());

const schemaInfoSchema = z.object({
  name: z.string(),
  'meta-type': z.string(),
  'arg-type': text,
  'element-type': text,
  'json-type': text,
  tag: text,
  variants: z.exactOptional(z.array(z.object({ case: z.string(), type: z.string() }))),
  values: z.exactOptional(z.array(z.string())),
  members: z.exactOptional(z.array(z.object({ name: text, type: text, default: z.exactOptional(z.unknown()) }))),
});

type SchemaInfo = z.infer<typeof schemaInfoSchema>;

const schemaReplySchema = z.array(schemaInfoSchema);
