import { UsageError } from './usage.js';

/** A disk of the domain by the node of its active layer. */
export interface DiskOption {
  readonly diskTarget: string;
  readonly nodeName: string;
}

/** A node; with a file name it is made, without one it is there. */
export interface ImageOption {
  readonly nodeName: string;
  readonly filename?: string;
}

/** The image that is put on a disk's active layer. */
export interface OverlayOption extends ImageOption {
  readonly diskTarget: string;
}

export function diskOption(text: string): DiskOption {
  const [diskTarget, nodeName] = parted(text, '=') ?? refuse('disk', 'TARGET=NODE', text);
  return { diskTarget, nodeName };
}

export function overlayOption(text: string): OverlayOption {
  const shape = 'TARGET=NODE:FILE, or TARGET=NODE for a node that is there';
  const [diskTarget, image] = parted(text, '=') ?? refuse('overlay', shape, text);
  return { diskTarget, ...(imageOf(image) ?? refuse('overlay', shape, text)) };
}

export function mirrorOption(text: string): ImageOption {
  return imageOf(text) ?? refuse('mirror', 'NODE:FILE, or NODE for a node that is there', text);
}

export function wholeNumber(option: string, text: string): number {
  const number = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(number)) refuse(option, 'a whole number', text);
  return number;
}

export function childrenMode(text: string): 'keep' | 'delete' | 'delete-only' {
  if (text === 'keep' || text === 'delete' || text === 'delete-only') return text;
  return refuse('children', 'keep, delete or delete-only', text);
}

export type BackupKind = 'auto' | 'full' | 'inc';

export function backupKind(text: string): BackupKind {
  if (text === 'auto' || text === 'full' || text === 'inc') return text;
  throw new UsageError(`there is no backup "${text}": it is auto, full or inc`);
}

export function backupMode(text: string): 'push' | 'pull' {
  return text === 'push' || text === 'pull' ? text : refuse('mode', 'push or pull', text);
}

export function imageFormat(text: string): 'qcow2' | 'raw' {
  return text === 'qcow2' || text === 'raw' ? text : refuse('format', 'qcow2 or raw', text);
}

/** No node-name has a colon in it. */
function imageOf(text: string): ImageOption | undefined {
  if (!text.includes(':')) return text === '' ? undefined : { nodeName: text };
  const [nodeName, filename] = parted(text, ':') ?? [];
  return nodeName === undefined || filename === undefined ? undefined : { nodeName, filename };
}

/** The two parts of a text, none of them empty. */
function parted(text: string, at: string): readonly [string, string] | undefined {
  const place = text.indexOf(at);
  return place < 1 || place === text.length - 1 ? undefined : [text.slice(0, place), text.slice(place + 1)];
}

function refuse(option: string, shape: string, text: string): never {
  throw new UsageError(`--${option} takes ${shape}, not "${text}"`);
}
