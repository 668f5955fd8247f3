import * as z from 'zod';
import { type BackupChain, verifyBackupChain } from '../check/backup-chain.js';
import { throwProblems } from '../error.js';
import { type BackupManifest, parseBackupManifests } from '../model/backup-manifest.js';
import { repeated } from '../model/disk-integrity.js';
import { parseWith } from '../model/parse-with.js';
import { type Problem, problem } from '../problem.js';

/** What is to be restored, and where to. */
export interface RestoreRequest {
  /** Name of the backup. */
  readonly point: string;
  /** Default: all disks of that backup. */
  readonly diskTargets?: readonly string[];
  /** Where the files of the backups lie, from the root on. */
  readonly folder: string;
  /** The folder where the images are to be made, from the root on: `vda.qcow2` for disk vda. */
  readonly output: string;
  /** Default: `qcow2`. */
  readonly format?: 'qcow2' | 'raw';
}

/** How disks are restored: plain JSON, like every plan. */
export interface RestorePlan {
  readonly point: string;
  /** Of the instant that the images show, in seconds since the epoch. */
  readonly timeSeconds: number;
  /** To be run in this order. */
  readonly commands: readonly ImageCommand[];
}

/** One run of a program that makes an image. */
export interface ImageCommand {
  readonly program: 'qemu-img';
  readonly args: readonly string[];
  /** One sentence for people. */
  readonly why: string;
  readonly diskTarget: string;
  /** The file that it makes; one that is there is overwritten. */
  readonly output: string;
  /** Only later commands need it. */
  readonly temporary?: true;
}

/**
 * Plans to restore disks as they were at one point, by `qemu-img convert` from the files of the backups.
 *
 * The files of the backups are opened for reading only: which one stands on which is told to qemu-img in the command, with the
 * format of each, and whatever their headers say does not count. `qemu-img rebase -u`, which is often advised, writes to them
 * instead: that fails where they are read-only, and one that is interrupted, or two restores at once, leave a chain that restores
 * wrong bytes.
 *
 * An image has the size that the disk had at that point. What lies beyond the end of an older backup reads as zeros.
 *
 * qemu-img needs a time that grows with the cube of the number of files in one command (0.5 s for 100, 46 s for 400): a longer chain
 * is put together in parts, each an image of its own until the next one is made.
 *
 * @param manifests - Of all backups that lie in the folder.
 * @returns The commands. Nothing is run, and whether the files are there is not known.
 *
 * @throws {@link CheckpointError} with every applicable problem:
 * - `backup-not-found`, `backup-disk-not-found`, `disk-asked-twice`: there is no such point, or it has no such disk;
 * - the problems of {@link verifyBackupChain} for the chains that are needed, and of {@link parseBackupManifest};
 * - `backup-overwritten`: an image would take the place of a file of a backup;
 * - `invalid-input`: the arguments are not manifests and a request at all, or a folder is not named from the root on.
 *
 * @example
 * ```ts
 * const { commands } = planRestore([monday], { point: 'monday', folder: '/backup', output: '/images' });
 * commands[0]?.args;
 * // [
 * //   'convert', '-O', 'qcow2',
 * //   'json:{"driver":"qcow2","file":{"driver":"file","filename":"/backup/monday-vda.qcow2"},"backing":null}',
 * //   '/images/vda.qcow2',
 * // ]
 * ```
 *
 * @see `qemu-img convert`; QEMU's `json:` pseudo-protocol
 */
export function planRestore(manifests: readonly BackupManifest[], request: RestoreRequest): RestorePlan {
  const read = parseBackupManifests(manifests);
  const asked = parseWith<RestoreRequest>(requestSchema, request, 'request');
  const { chains, problems } = examineRestore(read, asked);
  throwProblems(problems);
  const { point } = asked;
  const timeSeconds = read.find(({ name }) => name === point)?.timeSeconds ?? 0;
  return { point, timeSeconds, commands: chains.flatMap((chain) => commandsFor(chain, asked)) };
}

const pathSchema = z.string().refine((path) => path.startsWith('/'), { error: 'must be named from the root on' });

const requestSchema = z.object({
  point: z.string(),
  diskTargets: z.exactOptional(z.array(z.string())),
  folder: pathSchema,
  output: pathSchema,
  format: z.exactOptional(z.enum(['qcow2', 'raw'])),
});

function examineRestore(manifests: readonly BackupManifest[], request: RestoreRequest) {
  const { point, diskTargets = [] } = request;
  if (!manifests.some(({ name }) => name === point)) {
    return { chains: [], problems: [problem({ code: 'backup-not-found', backup: point })] };
  }
  const ofPoint = verifyBackupChain(manifests).chains.filter((chain) => chain.point === point);
  const wanted = new Set(diskTargets.length > 0 ? diskTargets : ofPoint.map(({ diskTarget }) => diskTarget));
  const chains = ofPoint.filter(({ diskTarget }) => wanted.has(diskTarget));
  const missing = [...wanted].filter((target) => !chains.some(({ diskTarget }) => diskTarget === target));
  const problems = [
    ...repeated(diskTargets).map((disk) => problem({ code: 'disk-asked-twice', disk })),
    ...missing.map((diskTarget) => problem({ code: 'backup-disk-not-found', backup: point, diskTarget })),
    ...chains.flatMap((chain) => chain.problems),
    ...overwritten(manifests, chains, request),
  ];
  return { chains, problems: [...new Map(problems.map((each) => [each.text, each])).values()] };
}

function overwritten(
  manifests: readonly BackupManifest[],
  chains: readonly BackupChain[],
  request: RestoreRequest,
): readonly Problem[] {
  const owners = new Map(
    manifests.flatMap(({ name, disks }) => disks.map(({ file }) => [pathIn(request.folder, file), name] as const)),
  );
  return chains.flatMap(({ diskTarget }) => {
    const filename = outputFor(diskTarget, request);
    const backup = owners.get(filename);
    return backup === undefined ? [] : [problem({ code: 'backup-overwritten', filename, backup })];
  });
}

/** At most so many files in one command. */
const mostLayers = 100;

/** One file, by the path that qemu-img opens it by. */
interface Layer {
  readonly format: 'qcow2' | 'raw';
  readonly filename: string;
}

function commandsFor({ point, diskTarget, layers }: BackupChain, request: RestoreRequest): readonly ImageCommand[] {
  const { folder, output, format = 'qcow2' } = request;
  const what = `disk ${diskTarget} as of backup "${point}"`;
  const commands: ImageCommand[] = [];
  let lowestFirst = layers
    .map(({ disk }): Layer => ({ format: disk.format, filename: pathIn(folder, disk.file) }))
    .toReversed();
  while (lowestFirst.length > mostLayers) {
    // No disk's image is called so: what stands behind a "%" there is hexadecimal.
    const filename = pathIn(output, `${encodeURIComponent(diskTarget)}%part-${commands.length + 1}.qcow2`);
    const part: Layer = { format: 'qcow2', filename };
    const why = `Put the oldest ${mostLayers} files of ${what} together.`;
    commands.push({ ...convert(lowestFirst.slice(0, mostLayers), part), why, diskTarget, temporary: true });
    lowestFirst = [part, ...lowestFirst.slice(mostLayers)];
  }
  const files = layers.length === 1 ? 'one file' : `${layers.length} files`;
  const image: Layer = { format, filename: outputFor(diskTarget, request) };
  return [...commands, { ...convert(lowestFirst, image), why: `Restore ${what} from ${files}.`, diskTarget }];
}

function convert(lowestFirst: readonly Layer[], { format, filename: output }: Layer) {
  const chain = lowestFirst.reduce<object | null>((backing, layer) => {
    const file = { driver: 'file', filename: layer.filename };
    return { driver: layer.format, file, ...(layer.format === 'qcow2' && { backing }) };
  }, null);
  const args = ['convert', '-O', format, `json:${JSON.stringify(chain)}`, output];
  return { program: 'qemu-img', args, output } as const;
}

function outputFor(diskTarget: string, { output, format = 'qcow2' }: RestoreRequest): string {
  return pathIn(output, `${encodeURIComponent(diskTarget)}.${format}`);
}

function pathIn(folder: string, file: string): string {
  return `${folder.replace(/\/+$/, '')}/${file}`;
}
