import { jobIdOf, jobIdPart } from '../job-id.js';

/**
 * What the job of a disk's backup is called, and its export and its temporary bitmap: always the same, so that whoever finds one
 * after a crash can tell whose it is. libvirt's are called `backup-vda`.
 */
export function backupIdOf(diskTarget: string): string {
  return jobIdOf('backup', diskTarget);
}

/** What the node of its image is called: the same, with the end alone of a long target, to leave room for the protocol layer's name. */
export function backupNodeNameOf(diskTarget: string): string {
  const prefix = backupIdOf('');
  const room = 31 - prefix.length - '-file'.length;
  return `${prefix}${jobIdPart(diskTarget).slice(-room)}`;
}
