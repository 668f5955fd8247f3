import { type BackupExport, imageOptionsOf } from './export-source.js';
import { runTool } from './run-tool.js';

/** How an export is read into a file. */
export interface ReadExportOptions {
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: { readonly current: number; readonly total: number }) => void) | undefined;
  /** Default: `qcow2`; what changed since a checkpoint can be held by nothing else. */
  readonly format?: 'qcow2' | 'raw';
  /** Where QEMU's tools are, if not on the path. */
  readonly tools?: ImageTools;
}

/** The programs of QEMU that read and write images. */
export interface ImageTools {
  readonly img?: string;
  readonly io?: string;
}

const mostAtOnce = 4 * 2 ** 20;

/**
 * Reads an export of a pull into an image file: everything, or what its bitmap has.
 *
 * All is done by QEMU's own tools. For what changed, an image is put on the export, and all that is dirty is read through it once
 * with copy-on-read; then it is taken off. The export shows one instant as long as the backup runs, so a file that holds more
 * than asked for, because its clusters are larger than the bitmap's, is right too.
 *
 * @returns Bytes that were read.
 * @throws Error with what a tool complained of.
 * @throws The signal's reason.
 * @see QEMU `qemu-img map` with `x-dirty-bitmap`, `qemu-io -C`, `qemu-img rebase`
 */
export async function readExport(
  exported: BackupExport,
  file: string,
  options: ReadExportOptions = {},
): Promise<number> {
  const { bitmap, server, virtualSize } = exported;
  if (server.type === 'tcp' && server.tlsCreds !== undefined) {
    throw new Error(
      "an export with TLS cannot be read without the client's own credentials; pass a reader of your own",
    );
  }
  return bitmap === undefined
    ? await readAll(exported, file, options)
    : await readDirty(exported, file, await dirtyExtents(exported, bitmap, options), { ...options, virtualSize });
}

async function readAll(exported: BackupExport, file: string, options: ReadExportOptions): Promise<number> {
  const { signal, onProgress, format = 'qcow2', tools } = options;
  const { virtualSize: total } = exported;
  onProgress?.({ current: 0, total });
  const source = ['-f', 'raw', imageOptionsOf(exported)];
  await runTool(imgOf(tools), ['convert', '-O', format, ...source.slice(2), file], { signal });
  onProgress?.({ current: total, total });
  return total;
}

/** Offsets and lengths, one after the other: a list of objects would take several times the memory. */
type Extents = readonly number[];

async function dirtyExtents(
  exported: BackupExport,
  bitmap: string,
  { signal, tools }: ReadExportOptions,
): Promise<Extents> {
  const extents: number[] = [];
  const onLine = (line: string) => {
    // Dirty parts come as data that is not there.
    const [, start, length] = /"start": (\d+), "length": (\d+),.*"data": false/.exec(line) ?? [];
    if (start !== undefined && length !== undefined) extents.push(Number(start), Number(length));
  };
  await runTool(imgOf(tools), ['map', '--output=json', imageOptionsOf(exported, bitmap)], { signal, onLine });
  return extents;
}

async function readDirty(
  exported: BackupExport,
  file: string,
  extents: Extents,
  options: ReadExportOptions & { readonly virtualSize: number },
): Promise<number> {
  const { signal, onProgress, tools, virtualSize } = options;
  const total = extents.reduce((sum, number, place) => (place % 2 === 1 ? sum + number : sum), 0);
  const img = imgOf(tools);
  const below = ['-u', '-b', exported.uri, '-F', 'raw'];
  await runTool(img, ['create', '-q', '-f', 'qcow2', ...below, file, String(virtualSize)], { signal });
  let current = 0;
  const commands = function* () {
    for (const [offset, length] of pieces(extents)) {
      yield `read -q ${offset} ${length}\n`;
      current += length;
      onProgress?.({ current, total });
    }
  };
  await runTool(tools?.io ?? 'qemu-io', ['-C', '-t', 'writeback', '-f', 'qcow2', file], { signal, input: commands() });
  await runTool(img, ['rebase', '-u', '-f', 'qcow2', '-b', '', file], { signal });
  return total;
}

function* pieces(extents: Extents): Iterable<readonly [offset: number, length: number]> {
  for (let place = 0; place < extents.length; place += 2) {
    const start = extents[place] as number;
    const end = start + (extents[place + 1] as number);
    for (let offset = start; offset < end; offset += mostAtOnce) {
      yield [offset, Math.min(mostAtOnce, end - offset)];
    }
  }
}

function imgOf(tools: ImageTools | undefined): string {
  return tools?.img ?? 'qemu-img';
}
