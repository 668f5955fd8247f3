/** How far the copy of one disk is. */
export interface BackupProgress {
  readonly diskTarget: string;
  /** Bytes. */
  readonly current: number;
  /** Bytes; may grow while the guest writes. */
  readonly total: number;
}

/** A file that one disk was copied to. */
export interface WrittenFile {
  readonly path: string;
  readonly format: 'qcow2' | 'raw';
  /** Bytes that were copied. */
  readonly bytes: number;
}

/** How the copy of one disk has ended. */
export type CopyOutcome =
  | { readonly diskTarget: string; readonly file: WrittenFile }
  | { readonly diskTarget: string; readonly error: unknown };

/** How the copies of a backup are waited for. */
export interface CopyOptions {
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: BackupProgress) => void) | undefined;
  /** Where one disk fails the others go on. */
  readonly keepOthers: boolean;
}
