import { type Problem, problem } from '../core/problem.js';
import type { QmpCommand } from './qmp-command.js';
import type { QmpSchema, SchemaType } from './qmp-schema.js';

/**
 * Says what a QEMU does not understand of a command, by its own schema, before the command is sent.
 *
 * 1. the command is there;
 * 2. every member that is sent is there, in each variant of a union;
 * 3. every member that must be sent is;
 * 4. a value is one of an enumeration's, and of the kind of its type;
 * 5. what is shown of a snapshot is right: QEMU 7.2 shows zeros where the guest has written zeros since. From 10.0 on it was seen to be
 *    right, which is told from what that QEMU understands besides.
 *
 * @returns The problems, all `command-unsupported`; none where the command is understood.
 * @see QEMU `query-qmp-schema`, `SchemaInfo`
 */
export function checkCommand({ execute: command, arguments: args }: QmpCommand, schema: QmpSchema): readonly Problem[] {
  const argType = schema.commands.get(command);
  // 1
  if (argType === undefined) return [unsupported(command)];
  const faults: Fault[] = [];
  checkValue(args, argType, undefined, { schema, faults });
  // 5
  if (args?.['driver'] === 'snapshot-access' && !isFrom10(schema)) {
    faults.push({ member: 'driver=snapshot-access', fault: 'unknown' });
  }
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
  ['snapshot-access', '10.0'],
]);

/** Whether a QEMU is 10.0 or later: it has learnt then to send away clients that are slow to greet. */
function isFrom10({ commands, types }: QmpSchema): boolean {
  const type = types.get(commands.get('nbd-server-start') ?? '');
  return type?.kind === 'object' && type.members.has('handshake-max-seconds');
}

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

/** Where a value stands; it becomes a text only where something is wrong with it. */
type Path = { readonly above: Path; readonly step: string | number } | undefined;

function textOf(path: Path): string {
  if (path === undefined) return '';
  const above = textOf(path.above);
  if (typeof path.step === 'number') return `${above}[${path.step}]`;
  return above === '' ? path.step : `${above}.${path.step}`;
}

function checkValue(value: unknown, typeName: string, path: Path, search: Search): void {
  const { types } = search.schema;
  const type = types.get(typeName);
  if (type === undefined) return;
  // 4
  if (!isOfKind(value, type, search.schema)) search.faults.push({ member: textOf(path), fault: 'invalid' });
  else if (type.kind === 'object') checkObject(value as object, type, path, search);
  else if (type.kind === 'array') {
    (value as readonly unknown[]).forEach((element, step) => {
      checkValue(element, type.elementType, { above: path, step }, search);
    });
  } else if (type.kind === 'alternate') {
    checkValue(value, type.types.find((name) => isOfType(value, name, search.schema)) ?? '', path, search);
  } else if (type.kind === 'enum' && !type.values.has(value)) {
    search.faults.push({ member: `${textOf(path)}=${String(value)}`, fault: 'unknown' });
  }
}

type ObjectType = Extract<SchemaType, { readonly kind: 'object' }>;

function checkObject(value: object, type: ObjectType, path: Path, search: Search): void {
  const parts = [type, ...variantOf(value, type, search.schema)];
  for (const [step, member] of Object.entries(value)) {
    const known = parts.find(({ members }) => members.has(step))?.members.get(step);
    const at = { above: path, step };
    // 2
    if (known === undefined) search.faults.push({ member: textOf(at), fault: 'unknown' });
    else checkValue(member, known.type, at, search);
  }
  for (const { members } of parts) {
    for (const [step, { required }] of members) {
      if (!required || Object.hasOwn(value, step)) continue;
      // 3
      search.faults.push({ member: textOf({ above: path, step }), fault: 'missing' });
    }
  }
}

/** What the variant that the tag names adds to an object, and what a variant of that adds in turn. */
function variantOf(value: object, { tag, variants }: ObjectType, schema: QmpSchema): readonly ObjectType[] {
  if (tag === undefined) return [];
  const named = (value as { readonly [member: string]: string })[tag] ?? '';
  const variant = schema.types.get(variants.get(named) ?? '');
  return variant?.kind === 'object' ? [variant, ...variantOf(value, variant, schema)] : [];
}

function isOfType(value: unknown, typeName: string, schema: QmpSchema): boolean {
  const type = schema.types.get(typeName);
  return type === undefined || isOfKind(value, type, schema);
}

function isOfKind(value: unknown, type: SchemaType, schema: QmpSchema): boolean {
  switch (type.kind) {
    case 'object':
      return typeof value === 'object' && value !== null && !Array.isArray(value);
    case 'array':
      return Array.isArray(value);
    case 'enum':
      return typeof value === 'string';
    case 'alternate':
      return type.types.some((name) => isOfType(value, name, schema));
    case 'builtin':
      return isOfJsonType(value, type.jsonType);
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
