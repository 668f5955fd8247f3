const brand = Symbol.for('qemu-checkpoint.backup-error');

/** Why the backup of one disk did not come to its end. */
export interface DiskFailure {
  readonly diskTarget: string;
  readonly cause: unknown;
}

/**
 * A backup was begun and is not complete: which disks failed, and why. Nothing of it is left in QEMU, the checkpoint that began
 * with it is gone, and the older ones are as they were.
 */
export class BackupError extends Error {
  override readonly name = 'BackupError';
  readonly failures: readonly DiskFailure[];

  constructor(failures: readonly DiskFailure[]) {
    const disks = failures.map(({ diskTarget, cause }) => `disk ${diskTarget}: ${textOf(cause)}`);
    super(`the backup is not complete: ${disks.join('; ')}; all was taken back, so mend that and begin again`, {
      cause: failures[0]?.cause,
    });
    this.failures = failures;
    Object.defineProperty(this, brand, { value: true });
  }
}

/** Whether a caught value is a {@link BackupError}; good across the ESM and CommonJS builds. */
export function isBackupError(value: unknown): value is BackupError {
  return value instanceof Error && brand in value;
}

const toolBrand = Symbol.for('qemu-checkpoint.tool-error');

/** A program of QEMU's did not end well, or is not there. */
export class ToolError extends Error {
  override readonly name = 'ToolError';
  readonly program: string;
  /** There is no such program. */
  readonly missing: boolean;

  constructor(message: string, { program, missing = false }: { readonly program: string; readonly missing?: boolean }) {
    super(message);
    this.program = program;
    this.missing = missing;
    Object.defineProperty(this, toolBrand, { value: true });
  }
}

/** Whether a caught value is a {@link ToolError}; good across the ESM and CommonJS builds. */
export function isToolError(value: unknown): value is ToolError {
  return value instanceof Error && toolBrand in value;
}

function textOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
