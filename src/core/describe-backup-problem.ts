import type { BackupProblemDetails } from './backup-problem.js';
import { bitmapText, excerpt, type ProblemText, words } from './problem-text.js';

/** The words for what keeps a disk from being backed up. */
export function describeBackupProblem(problem: BackupProblemDetails): ProblemText {
  switch (problem.code) {
    case 'checkpoint-provisional':
      return words(
        `checkpoint "${problem.checkpoint}" began with a backup that is not complete`,
        'end that backup first, or use an older checkpoint',
      );
    case 'disk-not-in-checkpoint':
      return words(
        `disk ${problem.diskTarget} takes no part in checkpoint "${problem.checkpoint}"`,
        'use an older checkpoint or a full backup',
      );
    case 'backup-missing':
      return words(
        `there is no backup of disk ${problem.diskTarget} from checkpoint "${problem.checkpoint}" on which another could stand`,
        'use an older checkpoint or a full backup',
      );
    case 'backup-base-lacking':
      return words(
        `there is no backup of disk ${problem.diskTarget} on which another could stand`,
        'make a full backup, or one of the kind "auto"',
      );
    case 'bitmap-size-differs':
      return words(
        `${bitmapText(problem)} covers ${problem.virtualSize} bytes and the disk has ${problem.expectedSize}: QEMU cannot merge it`,
        'use a checkpoint that was made since the disk has this size, or a full backup',
      );
    case 'backup-without-disks':
      return words('the backup is asked for no disk', 'name at least one');
    case 'backup-running':
      return words('a backup of this process runs, which the store keeps', 'wait until it has ended, or abort it');
    case 'image-not-qcow2':
      return words(
        problem.needed === 'scratch'
          ? `the scratch image for disk ${problem.diskTarget} is not qcow2, and has to stand on the disk`
          : `the image for disk ${problem.diskTarget} is not qcow2, and is to hold only what changed`,
        'ask for the format qcow2',
      );
    case 'export-name-taken':
      return words(
        `the export name "${excerpt(problem.exportName)}" of disk ${problem.diskTarget} is another disk's too`,
        'give each disk a name of its own',
      );
    case 'snapshot-may-break':
      return words(
        `in a pull of disk ${problem.diskTarget} clients would not see that the snapshot broke, and read what is not of its instant`,
        'leave onCbwError out, or ask for fleecing or a push',
      );
    case 'fleecing-unused':
      return words(
        `fleecing is asked for disk ${problem.diskTarget}, and a push shows clients nothing`,
        'leave it out, or ask for a pull',
      );
    case 'server-needed':
      return words('a pull needs an NBD server', 'pass server, with running where it is there already');
    case 'server-unused':
      return words('a push needs no NBD server', 'leave server out, or ask for a pull');
    case 'server-plain':
      return words(
        `whoever reaches ${problem.host} could read the disks: there are no credentials for TLS`,
        'pass tlsCreds, use a UNIX socket, or say that plain is wanted',
      );
  }
}
