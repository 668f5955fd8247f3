import * as z from 'zod';
import { throwProblems } from '../error.js';
import { problem } from '../problem.js';
import { type CheckpointIdentity, checkpointIdentitySchema } from './checkpoint-identity.js';
import { repeated } from './disk-integrity.js';
import { frozen } from './frozen.js';
import { isGranularity } from './granularity.js';
import { isBackupName } from './names.js';
import { byteCountSchema } from './numbers.js';
import { parseWith } from './parse-with.js';

/** What a backup holds and what it builds on: kept beside its files, it is all that a restore needs to know. */
export interface BackupManifest {
  /** Of this form. */
  readonly version: 1;
  /** Of the backup, the point that can be restored: {@link isBackupName}. */
  readonly name: string;
  readonly domain: string;
  /** Of the instant that the backup shows, in seconds since the epoch. */
  readonly timeSeconds: number;
  /** Whether QEMU wrote the files, or they were read from its exports. */
  readonly mode: 'push' | 'pull';
  /** `10.0.2` */
  readonly qemuVersion: string;
  /** The checkpoint that began at that very instant. */
  readonly checkpoint?: CheckpointIdentity;
  /** Each disk once. */
  readonly disks: readonly BackupManifestDisk[];
  /** Disks that failed while the others were kept, and why. */
  readonly failed?: readonly { readonly diskTarget: string; readonly reason: string }[];
}

/** The part of a backup that concerns one disk. */
export interface BackupManifestDisk {
  /** Guest-side name, `vda`. */
  readonly diskTarget: string;
  /** Name of its file, which lies beside the manifest. */
  readonly file: string;
  readonly format: 'qcow2' | 'raw';
  /** The file has what was written since this checkpoint, and is qcow2; absent: all of the disk. */
  readonly base?: CheckpointIdentity;
  /** The manifest's checkpoint has a bitmap on this disk: later backups may build on this one. */
  readonly inCheckpoint: boolean;
  /** Bytes, as the guest saw it at that instant. */
  readonly virtualSize: number;
  /** Bytes per bit of the bitmap it was made by. */
  readonly granularity?: number;
  /** Bytes that were copied. */
  readonly bytes: number;
  /** Of the file, in hexadecimal digits. */
  readonly sha256?: string;
}

const nameSchema = z
  .string()
  .min(1)
  .refine((name) => !/[\p{Cc}\p{Cs}]/u.test(name), {
    error: 'must not have control characters or halves of characters',
  });

const fileSchema = nameSchema.refine((file) => file !== '.' && file !== '..' && !file.includes('/'), {
  error: 'must be the name of a file in the same folder',
});

const diskSchema = frozen(
  z
    .object({
      diskTarget: nameSchema,
      file: fileSchema,
      format: z.enum(['qcow2', 'raw']),
      base: z.exactOptional(checkpointIdentitySchema),
      inCheckpoint: z.boolean(),
      virtualSize: byteCountSchema,
      granularity: z.exactOptional(
        z.int().refine(isGranularity, { error: 'must be a power of two from 512 to 2147483648' }),
      ),
      bytes: byteCountSchema,
      sha256: z.exactOptional(
        z.string().refine((digest) => /^[0-9a-f]{64}$/.test(digest), { error: 'must be 64 hexadecimal digits' }),
      ),
    })
    .refine(({ format, base }) => format !== 'raw' || base === undefined, {
      error: 'is raw, which cannot tell what it lacks, and builds on a checkpoint',
    }),
) satisfies z.ZodType<BackupManifestDisk>;

const backupManifestSchema = frozen(
  z
    .object({
      version: z.literal(1),
      name: z.string().refine(isBackupName, {
        error: 'must be 1 to 200 bytes long as a part of a URI, without control characters',
      }),
      domain: z.string().min(1),
      timeSeconds: byteCountSchema,
      mode: z.enum(['push', 'pull']),
      qemuVersion: z.string().min(1),
      checkpoint: z.exactOptional(checkpointIdentitySchema),
      disks: frozen(
        z.array(diskSchema).refine((disks) => repeated(disks.map(({ diskTarget }) => diskTarget)).length === 0, {
          error: 'must have each disk once',
        }),
      ),
      failed: z.exactOptional(frozen(z.array(z.object({ diskTarget: nameSchema, reason: z.string() })))),
    })
    .refine(({ checkpoint, disks }) => checkpoint !== undefined || disks.every(({ inCheckpoint }) => !inCheckpoint), {
      error: 'has disks in its checkpoint, and no checkpoint',
    }),
) satisfies z.ZodType<BackupManifest>;

/**
 * Reads the manifest of a backup from a value of any kind.
 *
 * A manifest is not trusted: the names of its files are plain names, so that none leads out of its folder.
 *
 * @returns A frozen copy; members it does not know are left out.
 * @throws {@link CheckpointError} with every applicable problem:
 * - `manifest-version-unknown`: it is of a form that this library does not know;
 * - `invalid-input`: something is not of the right kind, its path is told.
 * @example
 * ```ts
 * parseBackupManifest(JSON.parse(JSON.stringify(monday))).disks.map(({ file }) => file); // ['monday-vda.qcow2']
 * ```
 */
export function parseBackupManifest(input: unknown): BackupManifest {
  return parseManifest(input, 'manifest');
}

/** Reads the manifests of many backups. */
export function parseBackupManifests(input: unknown): readonly BackupManifest[] {
  const manifests = parseWith(z.array(z.unknown()), input, 'manifests');
  return manifests.map((manifest, place) => parseManifest(manifest, `manifests[${place}]`));
}

function parseManifest(input: unknown, subject: string): BackupManifest {
  const { version } = parseWith(versionSchema, input, subject);
  if (version !== 1) {
    throwProblems([problem({ code: 'manifest-version-unknown', subject, version: JSON.stringify(version) })]);
  }
  return parseWith(backupManifestSchema, input, subject);
}

const versionSchema = z.object({ version: z.json() });
