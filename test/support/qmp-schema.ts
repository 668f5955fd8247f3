import { readCorpus } from './corpus.js';

/** One entry of a reply of `query-qmp-schema`. */
interface Entry {
  readonly name: string;
  readonly 'meta-type': 'builtin' | 'enum' | 'array' | 'object' | 'alternate' | 'command' | 'event';
  readonly 'json-type'?: string;
  readonly 'element-type'?: string;
  readonly 'arg-type'?: string;
  readonly tag?: string;
  readonly features?: readonly string[];
  readonly members?: readonly Member[];
  readonly variants?: readonly { readonly case: string; readonly type: string }[];
}

interface Member {
  readonly name?: string;
  readonly type?: string;
  readonly default?: unknown;
  readonly features?: readonly string[];
}

/** The schema of one QEMU: the test's own reader of it, which shares nothing with the one that checks commands at run time. */
export type QmpSchema = ReadonlyMap<string, Entry>;

/** The QEMU versions whose schema is in the corpus. */
export const schemaVersions = ['7.0', '7.2', '8.0', '8.2', '9.0', '9.2', '10.0'] as const;

export function readSchema(version: (typeof schemaVersions)[number]): QmpSchema {
  const entries = readCorpus<readonly Entry[]>(`schema/qemu-${version}.json`);
  return new Map(entries.map((entry) => [entry.name, entry]));
}

/**
 * What is wrong with a command by a schema: every member is known and of its type, those that must be there are, and
 * nothing of it is deprecated or unstable. `[]` where all is well.
 */
export function faultsOf(
  schema: QmpSchema,
  { execute, arguments: args = {} }: { readonly execute: string; readonly arguments?: unknown },
): readonly string[] {
  const command = schema.get(execute);
  if (command?.['meta-type'] !== 'command') return [`${execute}: no such command`];
  return [...frownedUpon(command, execute), ...valueFaults(schema, command['arg-type'] ?? '', args, execute)];
}

function valueFaults(schema: QmpSchema, typeName: string, value: unknown, at: string): readonly string[] {
  const type = schema.get(typeName);
  switch (type?.['meta-type']) {
    case 'builtin':
      return isBuiltin(type['json-type'], value) ? [] : [`${at}: not of type ${type['json-type']}`];
    case 'enum': {
      const chosen = type.members?.find(({ name }) => name === value);
      return chosen === undefined
        ? [`${at}: no value ${JSON.stringify(value)}`]
        : frownedUpon(chosen, `${at}=${value}`);
    }
    case 'array':
      if (!Array.isArray(value)) return [`${at}: not a list`];
      return value.flatMap((each, place) => valueFaults(schema, type['element-type'] ?? '', each, `${at}[${place}]`));
    case 'alternate': {
      const tries = (type.members ?? []).map((member) => valueFaults(schema, member.type ?? '', value, at));
      return (
        tries.find((faults) => faults.length === 0) ?? [`${at}: none of the alternatives: ${tries.flat().join(', ')}`]
      );
    }
    case 'object':
      return isObject(value) ? objectFaults(schema, type, value, at) : [`${at}: not an object`];
    default:
      return [`${at}: unknown type ${typeName}`];
  }
}

function objectFaults(schema: QmpSchema, type: Entry, value: Record<string, unknown>, at: string): readonly string[] {
  const members = allMembers(schema, type, value);
  const missing = members.filter((member) => !('default' in member) && !((member.name as string) in value));
  return [
    ...missing.map(({ name }) => `${at}.${name}: missing`),
    ...Object.entries(value).flatMap(([name, inner]) => {
      const member = members.find((each) => each.name === name);
      if (member === undefined) return [`${at}.${name}: no such member`];
      return [
        ...frownedUpon(member, `${at}.${name}`),
        ...valueFaults(schema, member.type ?? '', inner, `${at}.${name}`),
      ];
    }),
  ];
}

function allMembers(schema: QmpSchema, type: Entry, value: Record<string, unknown>): readonly Member[] {
  const chosen = type.variants?.find((variant) => variant.case === value[type.tag ?? '']);
  const variant = chosen && schema.get(chosen.type);
  return [...(type.members ?? []), ...(variant === undefined ? [] : allMembers(schema, variant, value))];
}

function frownedUpon({ features = [] }: { readonly features?: readonly string[] }, at: string): readonly string[] {
  return features.filter((feature) => /^(deprecated|unstable)$/.test(feature)).map((feature) => `${at}: ${feature}`);
}

function isBuiltin(jsonType: string | undefined, value: unknown): boolean {
  if (jsonType === 'int') return Number.isSafeInteger(value);
  if (jsonType === 'null') return value === null;
  return jsonType === 'value' || typeof value === jsonType;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
