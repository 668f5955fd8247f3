import { parseArgs } from 'node:util';
import {
  type BackupKind,
  backupKind,
  backupMode,
  childrenMode,
  type DiskOption,
  diskOption,
  type ImageOption,
  imageFormat,
  mirrorOption,
  type OverlayOption,
  overlayOption,
  wholeNumber,
} from './option-values.js';
import { UsageError } from './usage.js';

/** The command line, read. */
export interface Options {
  readonly command: CommandName;
  /** The checkpoint it is about. */
  readonly name?: string;
  /** The disk whose layers it changes. */
  readonly target?: string;
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
  /** The socket of the guest's agent, which freezes its file systems while the instant is set. */
  readonly quiesce?: string;
  readonly children?: 'keep' | 'delete' | 'delete-only';
  readonly metadataOnly: boolean;
  readonly overlays?: readonly OverlayOption[];
  /** A checkpoint that begins with a snapshot. */
  readonly checkpoint?: string;
  readonly top?: string;
  readonly base?: string;
  readonly mirror?: ImageOption;
  readonly shallow: boolean;
  readonly endCheckpoints: boolean;
  readonly layers: boolean;
  /** What the virtual machine is called in the manifests of its backups. */
  readonly machine?: string;
  /** Which backup is made. */
  readonly kind?: BackupKind;
  /** In a pull: where QEMU listens for whoever reads. */
  readonly socket?: string;
  readonly mode?: 'push' | 'pull';
  /** Bytes a second. */
  readonly speed?: number;
  readonly compress: boolean;
  readonly fleecing: boolean;
  readonly sha256: boolean;
  readonly keepOthers: boolean;
  /** The folder that backups are in. */
  readonly directory?: string;
  /** The backup to be restored. */
  readonly point?: string;
  /** The folder for restored images. */
  readonly output?: string;
  readonly format?: 'qcow2' | 'raw';
  readonly overwrite: boolean;
  readonly json: boolean;
}

const source = ['block-nodes', 'disk', 'tree', 'domain', 'qmp', 'store', 'json'] as const;
const change = [...source, 'dry-run'] as const;
const begin = ['description', 'only', 'granularity', 'now'] as const;

/** What each command takes; `name`, `target`, or `directory` and `output` are the words after it. */
export const commands = {
  create: [...change, 'name', ...begin, 'quiesce'],
  delete: [...change, 'name', 'children', 'metadata-only'],
  snapshot: [...change, 'overlay', 'checkpoint', ...begin, 'quiesce'],
  commit: [...change, 'target', 'top', 'base', 'end-checkpoints'],
  copy: [...change, 'target', 'mirror', 'shallow', 'end-checkpoints'],
  pull: [...change, 'target', 'base', 'end-checkpoints'],
  rescue: [...change, 'name', 'only'],
  list: [...source, 'layers'],
  tree: source,
  check: [...source, 'name'],
  reconcile: change,
  backup: [
    ...['disk', 'qmp', 'store', 'json', 'dry-run', 'kind', 'directory', 'name', 'only', 'now', 'quiesce'],
    ...['machine', 'mode', 'socket', 'speed', 'compress', 'fleecing', 'sha256', 'keep-others'],
  ],
  restore: ['directory', 'output', 'point', 'only', 'format', 'overwrite', 'dry-run', 'json'],
  verify: ['directory', 'json'],
} as const satisfies Record<string, readonly string[]>;

export type CommandName = keyof typeof commands;

/** Commands that are planned and then run. */
export type ChangeName = Exclude<CommandName, 'list' | 'tree' | 'check' | 'reconcile' | 'backup' | BackupFilesName>;

/** Commands that are about files of backups, and no QEMU. */
export type BackupFilesName = 'restore' | 'verify';

export function isChange(command: CommandName): command is ChangeName {
  const taken: readonly string[] = commands[command];
  const isOther = command === 'reconcile' || command === 'backup' || isAboutBackupFiles(command);
  return !isOther && taken.includes('dry-run');
}

export function isAboutBackupFiles(command: CommandName): command is BackupFilesName {
  return command === 'restore' || command === 'verify';
}

/** Every option, for whichever command. */
export const known = {
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
  quiesce: { type: 'string' },
  children: { type: 'string' },
  'metadata-only': { type: 'boolean' },
  overlay: { type: 'string', multiple: true },
  checkpoint: { type: 'string' },
  top: { type: 'string' },
  base: { type: 'string' },
  mirror: { type: 'string' },
  shallow: { type: 'boolean' },
  'end-checkpoints': { type: 'boolean' },
  layers: { type: 'boolean' },
  point: { type: 'string' },
  format: { type: 'string' },
  overwrite: { type: 'boolean' },
  machine: { type: 'string' },
  mode: { type: 'string' },
  socket: { type: 'string' },
  speed: { type: 'string' },
  compress: { type: 'boolean' },
  fleecing: { type: 'boolean' },
  sha256: { type: 'boolean' },
  'keep-others': { type: 'boolean' },
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
  const [command, ...words] = positionals;
  if (command === undefined) throw new UsageError('no command is given');
  if (!isCommand(command)) throw new UsageError(`there is no command "${command}"`);
  const taken: readonly string[] = commands[command];
  const kind = taken.includes('kind') ? words.shift() : undefined;
  const [word, ...more] = words;
  const [output, stray] = taken.includes('output') ? more : [undefined, ...more];
  if (stray !== undefined) throw new UsageError(`"${stray}" is one argument too many`);
  for (const option of Object.keys(values)) {
    if (!taken.includes(option)) throw new UsageError(`${command} does not take --${option}`);
  }
  const [isTarget, isDirectory] = [taken.includes('target'), taken.includes('directory')];
  if (word !== undefined && !isTarget && !isDirectory && !taken.includes('name')) {
    throw new UsageError(`${command} takes no name`);
  }
  if (word !== undefined && !isDirectory && values.name !== undefined) throw new UsageError('the name is given twice');
  const name = isTarget || isDirectory ? values.name : (word ?? values.name);
  const target = isTarget ? word : undefined;
  const directory = isDirectory ? word : undefined;
  checkNeeds(command, { name, target, directory, output, kind, values });
  const live = liveOf(values);
  if ((command === 'reconcile' || command === 'backup') && live === undefined) {
    throw new UsageError(`${command} needs --qmp and --store`);
  }
  const useless = (['dry-run', 'quiesce'] as const).find((option) => values[option] !== undefined);
  if (useless !== undefined && live === undefined && command !== 'restore') {
    throw new UsageError(`--${useless} goes with --qmp and --store: on files nothing is ever run`);
  }
  return {
    command,
    ...(live !== undefined && { live }),
    dryRun: values['dry-run'] ?? false,
    ...(name !== undefined && { name }),
    ...(target !== undefined && { target }),
    ...(values['block-nodes'] !== undefined && { blockNodes: values['block-nodes'] }),
    disks: (values.disk ?? []).map(diskOption),
    ...(values.tree !== undefined && { tree: values.tree }),
    ...(values.domain !== undefined && { domain: values.domain }),
    ...(values.description !== undefined && { description: values.description }),
    ...(values.only !== undefined && { only: values.only }),
    ...(values.granularity !== undefined && { granularity: wholeNumber('granularity', values.granularity) }),
    ...(values.now !== undefined && { now: wholeNumber('now', values.now) }),
    ...(values.quiesce !== undefined && { quiesce: values.quiesce }),
    ...(values.children !== undefined && { children: childrenMode(values.children) }),
    metadataOnly: values['metadata-only'] ?? false,
    ...(values.overlay !== undefined && { overlays: values.overlay.map(overlayOption) }),
    ...(values.checkpoint !== undefined && { checkpoint: values.checkpoint }),
    ...(values.top !== undefined && { top: values.top }),
    ...(values.base !== undefined && { base: values.base }),
    ...(values.mirror !== undefined && { mirror: mirrorOption(values.mirror) }),
    shallow: values.shallow ?? false,
    endCheckpoints: values['end-checkpoints'] ?? false,
    layers: values.layers ?? false,
    ...(kind !== undefined && { kind: backupKind(kind) }),
    ...(values.machine !== undefined && { machine: values.machine }),
    ...(values.mode !== undefined && { mode: backupMode(values.mode) }),
    ...(values.socket !== undefined && { socket: values.socket }),
    ...(values.speed !== undefined && { speed: wholeNumber('speed', values.speed) }),
    compress: values.compress ?? false,
    fleecing: values.fleecing ?? false,
    sha256: values.sha256 ?? false,
    keepOthers: values['keep-others'] ?? false,
    ...(directory !== undefined && { directory }),
    ...(values.point !== undefined && { point: values.point }),
    ...(output !== undefined && { output }),
    ...(values.format !== undefined && { format: imageFormat(values.format) }),
    overwrite: values.overwrite ?? false,
    json: values.json ?? false,
  };
}

type Values = ReturnType<typeof parse>['values'];

function parse(argv: readonly string[]) {
  try {
    return parseArgs({ args: [...argv], options: known, allowPositionals: true, strict: true });
  } catch (error) {
    // Its text goes on to advise on dashes after a full stop; the first sentence says what is wrong.
    throw new UsageError(error instanceof Error ? (error.message.split('. ')[0] ?? '') : String(error));
  }
}

/** That a command has what it cannot do without. */
function checkNeeds(
  command: CommandName,
  given: { readonly [word in 'name' | 'target' | 'directory' | 'output' | 'kind']: string | undefined } & {
    readonly values: Values;
  },
): void {
  const { name, target, directory, output, kind, values } = given;
  if (command === 'backup' && (kind === undefined || directory === undefined)) {
    throw new UsageError('backup needs what kind of backup, full, inc or auto, and a folder');
  }
  if ((command === 'delete' || command === 'rescue') && name === undefined) {
    throw new UsageError(`${command} needs the name of a checkpoint`);
  }
  if (command === 'rescue' && values.only?.length !== 1) throw new UsageError('rescue needs one disk: --only TARGET');
  if ((commands[command] as readonly string[]).includes('target') && target === undefined) {
    throw new UsageError(`${command} needs a disk by its target`);
  }
  if (command === 'copy' && values.mirror === undefined) throw new UsageError('copy needs --mirror NODE:FILE');
  if (isAboutBackupFiles(command) && directory === undefined) {
    throw new UsageError(`${command} needs the folder that the backups are in`);
  }
  if (command === 'restore' && output === undefined) throw new UsageError('restore needs a folder for the images');
  if (command === 'restore' && values.point === undefined) throw new UsageError('restore needs --point NAME');
  if (command !== 'snapshot') return;
  if (values.overlay === undefined) throw new UsageError('snapshot needs --overlay TARGET=NODE:FILE for each disk');
  const stray = begin.find((option) => values[option] !== undefined);
  if (values.checkpoint === undefined && stray !== undefined) {
    throw new UsageError(`snapshot takes --${stray} with --checkpoint only`);
  }
}

function liveOf(values: Values): Options['live'] {
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
