import { jobIdOf } from '../job-id.js';

/**
 * What the job of a disk's backup is called, and its export and its temporary bitmap: always the same, so that whoever finds one
 * after a crash can tell whose it is. libvirt's are called `backup-vda`.
 */
export function backupIdOf(diskTarget: string): string {
  return jobIdOf('backup', diskTarget);
}

/** What the node of its image is called: the same, cut to what leaves room for the protocol layer's name. */
export function backupNodeNameOf(diskTarget: string): string {
  const id = backupIdOf(diskTarget);
  return id.slice(0, 31 - '-file'.length);
}
