const brand = Symbol.for('qemu-checkpoint.store-error');

/** What went wrong with a store, as data; `path` is the store's folder, or the file concerned. */
export type StoreErrorDetails =
  /** Another handle, of this process or another, has the store open for writing. */
  | { readonly kind: 'locked'; readonly path: string; readonly holderPid?: number }
  /** The program that takes the lock is missing. */
  | { readonly kind: 'lock-unavailable'; readonly path: string }
  /** There is no such store to read. */
  | { readonly kind: 'not-found'; readonly path: string }
  /** A file does not hold what the store wrote, or the files do not fit together. */
  | { readonly kind: 'damaged'; readonly path: string; readonly reason: string }
  /** A file was written by a version of this library that this one does not know. */
  | { readonly kind: 'version-unknown'; readonly path: string; readonly version: string }
  /** The file of a new checkpoint is there already. */
  | { readonly kind: 'name-clash'; readonly path: string; readonly checkpoint: string }
  /** The checkpoints have changed since they were loaded. */
  | { readonly kind: 'stale'; readonly path: string }
  /** A change of these checkpoints, or of the layers of these disks, or a backup was begun and has not been settled. */
  | {
      readonly kind: 'unsettled';
      readonly path: string;
      readonly checkpoints: readonly string[];
      readonly disks?: readonly string[];
      readonly backup?: true;
    }
  /** A change is under way, or others change the store without end. */
  | { readonly kind: 'busy'; readonly path: string }
  /** The handle was opened for reading, or has been closed. */
  | { readonly kind: 'read-only' | 'closed'; readonly path: string }
  /** The system refused an operation: see `cause`. */
  | { readonly kind: 'io'; readonly path: string; readonly operation: string };

/** What went wrong with a store, in a word. */
export type StoreErrorKind = StoreErrorDetails['kind'];

/** What can go wrong between this process and the folder that keeps a domain's checkpoints. */
export class StoreError extends Error {
  override readonly name = 'StoreError';
  /** Which of them it is, to branch on. */
  readonly kind: StoreErrorKind;
  /** The store's folder, or the file concerned. */
  readonly path: string;
  readonly details: StoreErrorDetails;

  constructor(details: StoreErrorDetails, options?: ErrorOptions) {
    super(describe(details, options?.cause), options);
    this.kind = details.kind;
    this.path = details.path;
    this.details = details;
    Object.defineProperty(this, brand, { value: true });
  }
}

/**
 * Whether a caught value is a {@link StoreError}; its `kind` says which.
 *
 * Good across the ESM and CommonJS builds, whose classes differ: `instanceof` is not.
 */
export function isStoreError(value: unknown): value is StoreError {
  return value instanceof Error && brand in value;
}

function describe(details: StoreErrorDetails, cause: unknown): string {
  const { path } = details;
  switch (details.kind) {
    case 'locked': {
      const holder = details.holderPid === undefined ? '' : `, by process ${details.holderPid}`;
      return `the store ${path} is open for writing elsewhere${holder}; close it there, or open it here with readOnly`;
    }
    case 'lock-unavailable':
      return `the store ${path} cannot be locked: the program "flock" was not found; install the package util-linux`;
    case 'not-found':
      return `there is no store ${path}; correct the path, or open it for writing, which makes it`;
    case 'damaged':
      return `${path} cannot be used: ${details.reason}; restore it from a copy, or move it away and redefine the checkpoint`;
    case 'version-unknown':
      return `${path} was written in version ${details.version} of its form, which this library does not know; use a newer one`;
    case 'name-clash':
      return `checkpoint "${details.checkpoint}" needs the file ${path}, which is there already; choose another name (case may not count there), or move that file away`;
    case 'stale':
      return `the checkpoints in ${path} are not those the plan was made from; load them again, observe the domain and plan anew`;
    case 'unsettled': {
      const { checkpoints, disks = [], backup } = details;
      if (backup)
        return `a backup that is noted in ${path} was begun and not ended; end it first, with recoverBackup if its process has died`;
      const names = checkpoints.map((name) => `"${name}"`).join(', ');
      const what = disks.length > 0 ? `the layers of disk ${disks.join(', ')}` : `checkpoint ${names}`;
      return `a change of ${what} in ${path} was begun and not ended; observe the domain, reconcile, and try again`;
    }
    case 'busy':
      return `the store ${path} is being changed; wait until that has ended`;
    case 'read-only':
      return `the store ${path} was opened for reading only; open it without readOnly`;
    case 'closed':
      return `the store ${path} has been closed; open it again`;
    case 'io':
      return `cannot ${details.operation} ${path}: ${cause instanceof Error ? cause.message : String(cause)}; see that the file system is there, writable and not full`;
  }
}
