import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { QmpArguments, QmpSession } from '../../../src/qmp/qmp-session.js';
import type { Qemu } from './find-qemu.js';

const run = promisify(execFile);

/** Makes an image; `backing` is what its header says of its backing file. */
export async function createImage(
  qemu: Qemu,
  filename: string,
  options: {
    readonly size?: number;
    readonly format?: string;
    /** Options of the format, `compat=0.10`. */
    readonly options?: string;
    readonly backing?: { readonly filename: string; readonly format: string };
  } = {},
): Promise<string> {
  const { size = 2 ** 24, format = 'qcow2', options: formatOptions, backing } = options;
  const args = ['create', '-q', '-f', format];
  if (formatOptions !== undefined) args.push('-o', formatOptions);
  if (backing !== undefined) args.push('-u', '-b', backing.filename, '-F', backing.format);
  await run(qemu.img, [...args, filename, String(size)]);
  return filename;
}

/** What qemu-img says of an image that no QEMU has open: the bitmaps stored in it, among other things. */
export async function readImageInfo(qemu: Qemu, filename: string): Promise<ImageInfo> {
  const { stdout } = await run(qemu.img, ['info', '--output=json', filename]);
  return JSON.parse(stdout) as ImageInfo;
}

/** The part of `qemu-img info` that tests ask for. */
export interface ImageInfo {
  readonly 'format-specific'?: {
    readonly data?: {
      readonly bitmaps?: readonly {
        readonly name: string;
        readonly granularity: number;
        readonly flags: readonly string[];
      }[];
    };
  };
}

/** An image to be opened under a node-name; its protocol layer is called the same with `-file` behind. */
export interface Attachment {
  readonly nodeName: string;
  readonly filename: string;
  /** Default: `qcow2`. */
  readonly format?: string;
  readonly readOnly?: boolean;
  /** Node-name of the backing image; `null`: none, whatever the header says; absent: what the header says. */
  readonly backing?: string | null;
  /** Further options of the format node. */
  readonly options?: QmpArguments;
}

/** Opens an image as management software does: a node for the protocol, one for the format, each with a name of its own. */
export async function attachImage(session: QmpSession, attachment: Attachment): Promise<void> {
  const { nodeName, filename, format = 'qcow2', readOnly = false, backing, options } = attachment;
  const file = `${nodeName}-file`;
  await session.execute('blockdev-add', { driver: 'file', 'node-name': file, filename, 'auto-read-only': true });
  await session.execute('blockdev-add', {
    driver: format,
    'node-name': nodeName,
    file,
    'read-only': readOnly,
    ...(backing !== undefined && { backing }),
    ...options,
  });
}
