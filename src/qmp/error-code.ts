/** What a text of QEMU's means, in the words of this library. */
export type QmpErrorCode = (typeof knownTexts)[number][1];

/**
 * Reads an error text. QEMU gives nearly every failure the class `GenericError`, so its words are all there is.
 *
 * Look before you act, and use this for what could not be foreseen: texts may change with QEMU's version.
 *
 * @param desc - The `desc` of a reply, whole: a name quoted in it may hold any words.
 * @returns The code, or `undefined` for a text that is not known.
 * @example
 * ```ts
 * qmpErrorCode('Bitmap already exists: monday'); // 'bitmap-exists'
 * ```
 */
export function qmpErrorCode(desc: string): QmpErrorCode | undefined {
  return knownTexts.find(([pattern]) => pattern.test(desc))?.[1];
}

/** Texts of QEMU 7.2 and 10.0. Each pattern is tied to both ends, since names stand in the middle or at the end. */
const knownTexts = [
  // Bitmaps
  [/^Bitmap already exists: /, 'bitmap-exists'],
  [/^Dirty bitmap '.*' not found$/s, 'bitmap-not-found'],
  [/^Bitmap '.*' (?:is not|could not be) found$/s, 'bitmap-not-found'],
  [/^Bitmap '.*' is currently in use by another operation and cannot be used$/s, 'bitmap-busy'],
  [/^Bitmap '.*' is inconsistent and cannot be used$/s, 'bitmap-inconsistent'],
  [/^Bitmap '.*' is readonly and cannot be modified$/s, 'bitmap-read-only'],
  [/^Enabled bitmap '.*' incompatible with readonly export$/s, 'bitmap-recording'],
  [/^Bitmaps are of different sizes /, 'bitmap-size-mismatch'],
  [/^Bitmap name (?:cannot be empty$|too long: )/, 'bitmap-name-invalid'],
  [/: Name length exceeds maximum \(1023 characters\)$/, 'bitmap-name-invalid'],
  [/^Granularity must be power of 2 and at least 512$/, 'granularity-invalid'],
  [/^Parameter 'granularity' expects /, 'granularity-invalid'],
  [/^Can't store persistent bitmaps to .*: Operation not supported$/s, 'format-unsupported'],
  [/: Cannot store dirty bitmaps in qcow2 v2 files$/, 'qcow2-version-unsupported'],
  [/: Maximum number of persistent bitmaps is already reached$/, 'too-many-bitmaps'],
  // Nodes and images
  [/^Cannot find device='.*' nor node-name='.*'$/s, 'node-not-found'],
  [/^(?:Node '.*' not found|Failed to find node with node-name='.*')$/s, 'node-not-found'],
  [/^Duplicate nodes with node-name='/, 'node-exists'],
  [/^Node '.*' is busy: /s, 'node-busy'],
  [/^Block device .* is in use$/s, 'node-busy'],
  [/^Read-only block node '.*' cannot support read-write users$/s, 'node-busy'],
  [/^Permission conflict on node '/, 'node-busy'],
  [/^Block node is read-only$/, 'node-read-only'],
  [/^backing is missing for '/, 'backing-node-missing'],
  [/^Source and target image have different sizes$/, 'image-size-mismatch'],
  [/^Failed to get (?:shared )?"[a-z ]+" lock$/, 'image-locked'],
  [/: No such file or directory$/, 'file-not-found'],
  [/(?:^|: )No space left on device$/, 'no-space'],
  // Jobs and exports
  [/^Job ID '.*' already in use$/s, 'job-exists'],
  [/^(?:Job not found|Block job '.*' not found)$/s, 'job-not-found'],
  [/^Block export id '.*' is already in use$/s, 'export-exists'],
  [/^NBD server already has export named '/, 'export-exists'],
  [/^Export '.*' is not found$/s, 'export-not-found'],
  [/^export '.*' still in use$/s, 'export-busy'],
  [/^Export '.*' is already shutting down$/s, 'export-ending'],
  [/^NBD server already running$/, 'nbd-server-running'],
  [/^NBD server not running$/, 'nbd-server-not-running'],
  // Commands
  [/^The command .* has not been found$/s, 'command-not-found'],
  [/^Parameter '.*' is missing$/s, 'parameter-missing'],
  [/^Parameter '.*' is unexpected$/s, 'parameter-unknown'],
  [/^Parameter '.*' (?:does not accept value '|expects )/s, 'parameter-invalid'],
  [/^Transaction aborted using Abort action$/, 'transaction-aborted'],
] as const satisfies readonly (readonly [RegExp, string])[];
