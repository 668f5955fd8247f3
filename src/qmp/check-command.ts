import { type Problem, problem } from '../core/problem.js';
import type { QmpCommand } from './qmp-command.js';
import { findCommand, type QmpSchema, type SchemaInfo } from './qmp-schema.js';

/**
 * Says what a QEMU does not understand of a command, by its own schema, before the command is sent.
 *
 * 1. the command is there;
 * 2. every member that is sent is there, in each variant of a union;
 * 3. every member that must be sent is;
 * 4. a value is one of an enumeration's, and of the kind of its type.
 *
 * @returns The problems, all `command-unsupported`; none where the command is understood.
 * @see QEMU `query-qmp-schema`, `SchemaInfo`
 */
export function checkCommand({ execute: command, arguments: args }: QmpCommand, schema: QmpSchema): readonly Problem[] {
  const info = findCommand(schema, command);
  // 1
  if (info === undefined) return [unsupported(command)];
  const faults: Fault[] = [];
  checkValue(args, info['arg-type'] ?? '', '', { schema, faults });
  return faults.map((fault) => unsupported(command, fault));
}

/** The QEMU that has what may be lacking, where it is known. */
const since: ReadonlyMap<string, string> = new Map([
  ['transaction', '1.1'],
  ['blockdev-reopen', '6.1'],
  ['block-dirty-bitmap-enable', '4.0'],
  ['block-dirty-bitmap-disable', '4.0'],
  ['block-dirty-bitmap-merge', '4.0'],
  ['block-dirty-bitmap-remove', '4.2'],
  ['persistent', '2.10'],
  ['disabled', '4.0'],
]);

interface Fault {
  readonly member: string;
  readonly fault: 'unknown' | 'missing' | 'invalid';
}

function unsupported(command: string, fault?: Fault): Problem {
  const lacking = fault === undefined ? command : fault.member.split(/[.=]/).at(-1);
  const version = fault === undefined || fault.fault === 'unknown' ? since.get(lacking ?? '') : undefined;
  return problem({ code: 'command-unsupported', command, ...fault, ...(version !== undefined && { since: version }) });
}

interface Search {
  readonly schema: QmpSchema;
  readonly faults: Fault[];
}

function checkValue(value: unknown, typeName: string, path: string, search: Search): void {
  const type = search.schema.get(typeName);
  if (type === undefined) return;
  switch (type['meta-type']) {
    case 'object':
      if (isObject(value)) checkObject(value, type, path, search);
      else search.faults.push({ member: path, fault: 'invalid' });
      return;
    case 'array':
      if (Array.isArray(value)) {
        value.forEach(
          (element, place) => void checkValue(element, type['element-type'] ?? '', `${path}[${place}]`, search),
        );
      } else search.faults.push({ member: path, fault: 'invalid' });
      return;
    case 'enum':
      // 4
      if (!enumValues(type).includes(String(value)))
        search.faults.push({ member: `${path}=${String(value)}`, fault: 'unknown' });
      return;
    case 'alternate': {
      const chosen = type.members?.find((member) => isOfKind(value, member.type ?? '', search.schema));
      if (chosen === undefined) search.faults.push({ member: path, fault: 'invalid' });
      else checkValue(value, chosen.type ?? '', path, search);
      return;
    }
    default:
      if (!isOfKind(value, typeName, search.schema)) search.faults.push({ member: path, fault: 'invalid' });
  }
}

function checkObject(value: Record<string, unknown>, type: SchemaInfo, path: string, search: Search): void {
  const members = membersOf(value, type, search.schema);
  const at = (name: string) => (path === '' ? name : `${path}.${name}`);
  for (const [name, member] of Object.entries(value)) {
    const known = members.find((candidate) => candidate.name === name);
    // 2
    if (known === undefined) search.faults.push({ member: at(name), fault: 'unknown' });
    else checkValue(member, known.type ?? '', at(name), search);
  }
  for (const { name = '', ...member } of members) {
    // 3
    const optional = 'default' in member;
    if (!optional && !Object.hasOwn(value, name)) search.faults.push({ member: at(name), fault: 'missing' });
  }
}

/** The members of an object and of the variant that its tag names. */
function membersOf(
  value: Record<string, unknown>,
  type: SchemaInfo,
  schema: QmpSchema,
): NonNullable<SchemaInfo['members']> {
  const own = type.members ?? [];
  const variant = type.variants?.find((candidate) => type.tag !== undefined && candidate.case === value[type.tag]);
  const info = variant === undefined ? undefined : schema.get(variant.type);
  return info === undefined ? own : [...own, ...membersOf(value, info, schema)];
}

function enumValues(type: SchemaInfo): readonly string[] {
  return type.members?.map(({ name = '' }) => name) ?? type.values ?? [];
}

function isOfKind(value: unknown, typeName: string, schema: QmpSchema): boolean {
  const type = schema.get(typeName);
  switch (type?.['meta-type']) {
    case 'object':
      return isObject(value);
    case 'array':
      return Array.isArray(value);
    case 'enum':
      return typeof value === 'string';
    case 'builtin':
      return isOfJsonType(value, type['json-type'] ?? 'value');
    default:
      return true;
  }
}

function isOfJsonType(value: unknown, jsonType: string): boolean {
  switch (jsonType) {
    case 'string':
    case 'boolean':
      return typeof value === jsonType;
    case 'int':
      return Number.isInteger(value);
    case 'number':
      return typeof value === 'number';
    case 'null':
      return value === null;
    default:
      return true;
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
