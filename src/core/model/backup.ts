import * as z from 'zod';
import { checkpointNameSchema } from './checkpoint.js';
import { type CheckpointIdentity, checkpointIdentitySchema } from './checkpoint-identity.js';
import { frozen } from './frozen.js';
import { type NbdServer, nbdServerSchema } from './nbd-server.js';
import { byteCountSchema } from './numbers.js';
import { parseWith } from './parse-with.js';

/** A backup that was begun: all that is needed to end it, by whoever finds it. Plain JSON. */
export interface Backup {
  /** `push`: QEMU writes to an image of its own; `pull`: a client reads over NBD. */
  readonly mode: 'push' | 'pull';
  /** Seconds since the epoch, of the instant that it shows. */
  readonly timeSeconds: number;
  /** The checkpoint that began at that instant, provisional until the backup is complete. */
  readonly checkpoint?: string;
  readonly disks: readonly BackupDisk[];
  /** Was started for this backup, and is stopped with it. */
  readonly server?: NbdServer;
}

/** One disk of a backup. */
export interface BackupDisk {
  readonly diskTarget: string;
  readonly jobId: string;
  /** The disk's active layer when it began. */
  readonly nodeName: string;
  readonly virtualSize: number;
  /** The checkpoint since which it has the changes; absent: everything. */
  readonly since?: CheckpointIdentity;
  /** Has what changed since then, and is no checkpoint's: in a push on the active layer, in a pull on the scratch image. */
  readonly bitmap?: string;
  /** Bytes per bit. */
  readonly granularity?: number;
  /** Whether the new checkpoint has a bitmap on this disk. */
  readonly inCheckpoint: boolean;
  /** The target of a push, the scratch image of a pull. */
  readonly image: BackupNode;
  /** In a pull: what clients call the disk. */
  readonly exportName?: string;
  /** With fleecing: the node that clients read, and the job's filter below it. */
  readonly fleecing?: Fleecing;
}

/** What shows clients the instant with fleecing. */
export interface Fleecing {
  readonly nodeName: string;
  readonly filterNodeName: string;
}

/** The node of an image that was made for a backup. */
export interface BackupNode {
  readonly nodeName: string;
  readonly fileNodeName: string;
  readonly filename: string;
  readonly format: 'qcow2' | 'raw';
}

const backupDiskSchema = frozen(
  z.object({
    diskTarget: z.string().min(1),
    jobId: z.string().min(1),
    nodeName: z.string().min(1),
    virtualSize: byteCountSchema,
    since: z.exactOptional(checkpointIdentitySchema),
    bitmap: z.exactOptional(z.string().min(1)),
    granularity: z.exactOptional(byteCountSchema),
    inCheckpoint: z.boolean(),
    image: frozen(
      z.object({
        nodeName: z.string().min(1),
        fileNodeName: z.string().min(1),
        filename: z.string(),
        format: z.enum(['qcow2', 'raw']),
      }),
    ),
    exportName: z.exactOptional(z.string()),
    fleecing: z.exactOptional(frozen(z.object({ nodeName: z.string().min(1), filterNodeName: z.string().min(1) }))),
  }),
) satisfies z.ZodType<BackupDisk>;

const backupSchema = frozen(
  z.object({
    mode: z.enum(['push', 'pull']),
    timeSeconds: byteCountSchema,
    checkpoint: z.exactOptional(checkpointNameSchema),
    disks: frozen(z.array(backupDiskSchema)),
    server: z.exactOptional(nbdServerSchema),
  }),
) satisfies z.ZodType<Backup>;

/**
 * Reads a backup that was begun from a value of any kind.
 *
 * @returns A frozen copy; members it does not know are left out.
 * @throws {@link CheckpointError} with `invalid-input` for each fault, its path included.
 * @example
 * ```ts
 * parseBackup({ mode: 'push', timeSeconds: 1700000000, disks: [] }).mode; // 'push'
 * ```
 */
export function parseBackup(input: unknown): Backup {
  return parseWith(backupSchema, input, 'backup');
}
