import type { BackupJob } from '../job.js';
import type { Backup, BackupDisk } from '../model/backup.js';

/** The job that backs a disk up: the same whenever it is spelled, from its start to its end. */
export function backupJobOf(mode: Backup['mode'], disk: BackupDisk): BackupJob {
  const { jobId, diskTarget, nodeName, bitmap, image, fleecing } = disk;
  return {
    kind: 'backup',
    jobId,
    diskTarget,
    nodeName,
    targetNodeName: image.nodeName,
    sync: mode === 'pull' ? 'none' : bitmap === undefined ? 'full' : 'incremental',
    ...(mode === 'push' && bitmap !== undefined && { bitmap }),
    ...(fleecing !== undefined && { filterNodeName: fleecing.filterNodeName }),
  };
}
