import * as z from 'zod';
import { isCheckpointError } from '../core/error.js';
import { type Checkpoint, parseCheckpoint } from '../core/model/checkpoint.js';
import { isCheckpointName } from '../core/model/names.js';
import { byteCountSchema } from '../core/model/numbers.js';
import { parseWith } from '../core/model/parse-with.js';
import { type PendingDelete, parsePendingChange } from '../core/model/pending-change.js';
import { StoreError } from './error.js';

/** One file of a store. */
export type CheckpointRecord = RecordBase &
  (
    | {
        /** `pending`: it was to be made, and is not in the tree yet. */
        readonly state: 'pending' | 'confirmed';
      }
    | {
        /** It, and all that its deletion names, was to be deleted, and is in the tree still. */
        readonly state: 'deleting';
        readonly deletion: PendingDelete;
      }
  );

interface RecordBase {
  /** Its name in the store's folder. */
  readonly file: string;
  readonly checkpoint: Checkpoint;
  /** Place among the others, which have greater and smaller ones. */
  readonly order: number;
  /** The checkpoint with the greatest of these numbers in the store is the current one. */
  readonly current?: number;
  /** Where this is the greatest number instead, no checkpoint is current. */
  readonly noCurrent?: number;
}

const version = 1;
const extension = '.json';

/** The name of a new checkpoint's file. */
export function fileOf(checkpoint: string): string {
  return `${checkpoint}${extension}`;
}

/** Whether a file could be a checkpoint's by its name. What it says inside decides which one's. */
export function isRecordFile(file: string): boolean {
  return file.endsWith(extension) && isCheckpointName(file.slice(0, -extension.length));
}

/** The text of a file, for people as well. */
export function formatRecord({ file: _, state, checkpoint, ...rest }: CheckpointRecord): string {
  return `${JSON.stringify({ version, state, ...rest, checkpoint }, undefined, 2)}\n`;
}

/**
 * Reads a file of a store.
 *
 * @throws {@link StoreError} `damaged` or `version-unknown`.
 */
export function parseRecord(file: string, path: string, bytes: Uint8Array): CheckpointRecord {
  try {
    const content: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
    const { version: written } = parseWith(versionSchema, content, 'file');
    if (written !== version) throw new StoreError({ kind: 'version-unknown', path, version: JSON.stringify(written) });
    const { state, checkpoint, deletion, ...rest } = parseWith(recordSchema, content, 'file');
    const base: RecordBase = { file, ...rest, checkpoint: parseCheckpoint(checkpoint) };
    if (state !== 'deleting') return { ...base, state };
    return { ...base, state, deletion: parseDeletion(deletion, base.checkpoint) };
  } catch (cause) {
    if (cause instanceof StoreError) throw cause;
    throw new StoreError({ kind: 'damaged', path, reason: reasonOf(cause) }, { cause });
  }
}

const versionSchema = z.object({ version: z.json() });

const recordSchema = z.object({
  state: z.enum(['pending', 'confirmed', 'deleting']),
  order: byteCountSchema,
  current: z.exactOptional(byteCountSchema),
  noCurrent: z.exactOptional(byteCountSchema),
  checkpoint: z.unknown(),
  deletion: z.exactOptional(z.unknown()),
});

function parseDeletion(deletion: unknown, { name }: Checkpoint): PendingDelete {
  const change = parsePendingChange(deletion);
  if (change.kind === 'delete' && change.checkpoints.includes(name)) return change;
  throw new Error(`its deletion is not one of checkpoint "${name}"`);
}

function reasonOf(cause: unknown): string {
  if (isCheckpointError(cause)) return cause.problems.map(({ text }) => text).join('; ');
  return cause instanceof Error ? cause.message : String(cause);
}
