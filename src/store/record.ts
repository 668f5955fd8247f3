import * as z from 'zod';
import { type CheckpointError, isCheckpointError } from '../core/error.js';
import { type Checkpoint, checkpointSchema } from '../core/model/checkpoint.js';
import { isCheckpointName } from '../core/model/names.js';
import { byteCountSchema } from '../core/model/numbers.js';
import { parseWith } from '../core/model/parse-with.js';
import { type PendingDelete, pendingDeleteSchema } from '../core/model/pending-change.js';
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
    const { state, deletion, ...rest } = parseWith(recordSchema, content, 'file');
    if (state !== 'deleting') return { file, ...rest, state };
    const { name } = rest.checkpoint;
    if (deletion?.checkpoints.includes(name)) return { file, ...rest, state, deletion };
    throw new Error(`it has no deletion of checkpoint "${name}"`);
  } catch (cause) {
    if (cause instanceof StoreError) throw cause;
    const reason = isCheckpointError(cause) ? statementOf(cause) : (cause as Error).message;
    throw new StoreError({ kind: 'damaged', path, reason }, { cause });
  }
}

const versionSchema = z.object({ version: z.json() });

const recordSchema = z.object({
  state: z.enum(['pending', 'confirmed', 'deleting']),
  order: byteCountSchema,
  current: z.exactOptional(byteCountSchema),
  noCurrent: z.exactOptional(byteCountSchema),
  checkpoint: checkpointSchema,
  deletion: z.exactOptional(pendingDeleteSchema),
});

/** What is wrong, without what would help a caller: a file is not a value to be passed again. */
export function statementOf({ problems }: CheckpointError): string {
  return problems.map(({ text, cure }) => text.slice(0, -`; ${cure}`.length)).join('; ');
}
