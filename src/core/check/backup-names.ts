import { jobIdOf, jobIdPart } from '../job-id.js';
import type { Fleecing } from '../model/backup.js';

/**
 * What the job of a disk's backup is called, and its export and its temporary bitmap: always the same, so that whoever finds one
 * after a crash can tell whose it is. libvirt's are called `backup-vda`.
 */
export function backupIdOf(diskTarget: string): string {
  return jobIdOf('backup', diskTarget);
}

/** What the node of its image is called: the same, with the end alone of a long target, to leave room for the protocol layer's name. */
export function backupNodeNameOf(diskTarget: string): string {
  return named(backupIdOf(''), diskTarget, '-file'.length);
}

/** With fleecing: the node that clients read, and the job's filter below it. */
export function fleecingOf(diskTarget: string): Fleecing {
  return { nodeName: named('checkpoint-access-', diskTarget), filterNodeName: named('checkpoint-filter-', diskTarget) };
}

function named(prefix: string, diskTarget: string, left = 0): string {
  return `${prefix}${jobIdPart(diskTarget).slice(-(31 - prefix.length - left))}`;
}
