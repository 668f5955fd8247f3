/**
 * The id of a job that a plan starts: what it does, to which disk, and which nodes it is about. It is the same whenever
 * it is made, so that whoever finds the job after a crash can tell what it was for.
 *
 * QEMU takes a letter, then letters, digits, `-`, `.` and `_`; whatever else a disk or a node is called by becomes a dot.
 */
export function jobIdOf(
  what: 'commit' | 'copy' | 'shallow-copy' | 'pull' | 'backup' | 'fill' | 'create',
  ...about: readonly string[]
): string {
  return ['checkpoint', what, ...about].map(jobIdPart).join('-');
}

/** A name as it stands in the id of a job. */
export function jobIdPart(name: string): string {
  return name.replace(/[^a-zA-Z0-9._-]/g, '.');
}
