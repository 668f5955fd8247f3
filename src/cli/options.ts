import { parseArgs } from 'node:util';
import { UsageError } from './usage.js';

/** The command line, read. */
export interface Options {
  readonly command: CommandName;
  readonly name?: string;
  readonly blockNodes?: string;
  readonly disks: readonly DiskOption[];
  readonly tree?: string;
  readonly domain?: string;
  /** A running QEMU and where its checkpoints are kept; absent: files are read and nothing is run. */
  readonly live?: { readonly qmp: string; readonly store: string };
  readonly dryRun: boolean;
  readonly description?: string;
  readonly only?: readonly string[];
  readonly granularity?: number;
  readonly now?: number;
  readonly children?: 'keep' | 'delete' | 'delete-only';
  readonly metadataOnly: boolean;
  readonly layers: boolean;
  readonly json: boolean;
}

/** A disk of the domain by the node of its active layer. */
export interface DiskOption {
  readonly diskTarget: string;
  readonly nodeName: string;
}

const source = ['block-nodes', 'disk', 'tree', 'domain', 'qmp', 'store', 'json'] as const;

/** What each command takes. */
const commands = {
  create: [...source, 'dry-run', 'name', 'description', 'only', 'granularity', 'now'],
  delete: [...source, 'dry-run', 'name', 'children', 'metadata-only'],
  list: [...source, 'layers'],
  tree: source,
  check: [...source, 'name'],
  reconcile: [...source, 'dry-run'],
} as const satisfies Record<string, readonly string[]>;

export type CommandName = keyof typeof commands;

const known = {
  'block-nodes': { type: 'string' },
  disk: { type: 'string', multiple: true },
  tree: { type: 'string' },
  domain: { type: 'string' },
  qmp: { type: 'string' },
  store: { type: 'string' },
  'dry-run': { type: 'boolean' },
  name: { type: 'string' },
  description: { type: 'string' },
  only: { type: 'string', multiple: true },
  granularity: { type: 'string' },
  now: { type: 'string' },
  children: { type: 'string' },
  'metadata-only': { type: 'boolean' },
  layers: { type: 'boolean' },
  json: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
  version: { type: 'boolean' },
} as const;

/**
 * Reads the command line.
 *
 * @returns What is asked for; or `help` or `version`, where that is all.
 * @throws {@link UsageError} that says what is wrong with it.
 */
export function readOptions(argv: readonly string[]): Options | 'help' | 'version' {
  const { values, positionals } = parse(argv);
  if (values.help) return 'help';
  if (values.version) return 'version';
  const [command, positionalName, ...more] = positionals;
  if (command === undefined) throw new UsageError('no command is given');
  if (!isCommand(command)) throw new UsageError(`there is no command "${command}"`);
  if (more.length > 0) throw new UsageError(`"${more[0]}" is one argument too many`);
  const taken: readonly string[] = commands[command];
  for (const option of Object.keys(values)) {
    if (!taken.includes(option)) throw new UsageError(`${command} does not take --${option}`);
  }
  if (positionalName !== undefined && !taken.includes('name')) throw new UsageError(`${command} takes no name`);
  if (positionalName !== undefined && values.name !== undefined) throw new UsageError('the name is given twice');
  const name = positionalName ?? values.name;
  if (command === 'delete' && name === undefined) throw new UsageError('delete needs the name of a checkpoint');
  const live = liveOf(values);
  if (command === 'reconcile' && live === undefined) throw new UsageError('reconcile needs --qmp and --store');
  if (values['dry-run'] && live === undefined) {
    throw new UsageError('--dry-run goes with --qmp and --store: on files nothing is ever run');
  }
  return {
    command,
    ...(live !== undefined && { live }),
    dryRun: values['dry-run'] ?? false,
    ...(name !== undefined && { name }),
    ...(values['block-nodes'] !== undefined && { blockNodes: values['block-nodes'] }),
    disks: (values.disk ?? []).map(diskOption),
    ...(values.tree !== undefined && { tree: values.tree }),
    ...(values.domain !== undefined && { domain: values.domain }),
    ...(values.description !== undefined && { description: values.description }),
    ...(values.only !== undefined && { only: values.only }),
    ...(values.granularity !== undefined && { granularity: wholeNumber('granularity', values.granularity) }),
    ...(values.now !== undefined && { now: wholeNumber('now', values.now) }),
    ...(values.children !== undefined && { children: childrenMode(values.children) }),
    metadataOnly: values['metadata-only'] ?? false,
    layers: values.layers ?? false,
    json: values.json ?? false,
  };
}

function parse(argv: readonly string[]) {
  try {
    return parseArgs({ args: [...argv], options: known, allowPositionals: true, strict: true });
  } catch (error) {
    // Its text goes on to advise on dashes after a full stop; the first sentence says what is wrong.
    throw new UsageError(error instanceof Error ? (error.message.split('. ')[0] ?? '') : String(error));
  }
}

function liveOf(values: ReturnType<typeof parse>['values']): Options['live'] {
  const { qmp, store } = values;
  if (qmp === undefined && store === undefined) return undefined;
  if (qmp === undefined || store === undefined) throw new UsageError('--qmp and --store go together');
  for (const file of ['block-nodes', 'tree', 'domain'] as const) {
    if (values[file] !== undefined) throw new UsageError(`--${file} goes without --qmp and --store`);
  }
  return { qmp, store };
}

function isCommand(word: string): word is CommandName {
  return Object.hasOwn(commands, word);
}

function diskOption(text: string): DiskOption {
  const at = text.indexOf('=');
  if (at < 1 || at === text.length - 1) throw new UsageError(`--disk takes TARGET=NODE, not "${text}"`);
  return { diskTarget: text.slice(0, at), nodeName: text.slice(at + 1) };
}

function wholeNumber(option: string, text: string): number {
  const number = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(number)) {
    throw new UsageError(`--${option} takes a whole number, not "${text}"`);
  }
  return number;
}

function childrenMode(text: string): 'keep' | 'delete' | 'delete-only' {
  if (text === 'keep' || text === 'delete' || text === 'delete-only') return text;
  throw new UsageError(`--children takes keep, delete or delete-only, not "${text}"`);
}
