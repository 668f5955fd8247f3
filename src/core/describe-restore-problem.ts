import { excerpt, type ProblemText, words } from './problem-text.js';
import type { RestoreProblemDetails } from './restore-problem.js';

/** The words for what keeps a backup from being restored. */
export function describeRestoreProblem(problem: RestoreProblemDetails): ProblemText {
  switch (problem.code) {
    case 'manifest-version-unknown':
      return words(
        `${problem.subject} was written in version ${excerpt(problem.version)} of its form, which this library does not know`,
        'use a newer one',
      );
    case 'backup-duplicate':
      return words(
        `there are two backups "${excerpt(problem.backup)}"`,
        'keep them in folders of their own, or give one of them another name in its manifest',
      );
    case 'backup-not-found':
      return words(`there is no backup "${excerpt(problem.backup)}"`, 'list the backups and name one of them');
    case 'backup-disk-not-found':
      return words(
        `backup "${excerpt(problem.backup)}" has no disk ${problem.diskTarget}`,
        'name one of its disks by its target, or another backup',
      );
    case 'domains-mixed':
      return words(
        `there are backups of ${problem.domains.length} domains together: ${problem.domains.map((domain) => `"${excerpt(domain)}"`).join(', ')}`,
        'keep those of each domain in a folder of their own',
      );
    case 'backup-checkpoint-duplicate':
      return words(
        `${checkpointText(problem)} began with more than one backup: ${namesOf(problem.backups)}`,
        'keep the one that it began with',
      );
    case 'backup-base-missing':
      return words(
        `${backupText(problem)} builds on ${checkpointText(problem)}, and ${missing[problem.reason]}`,
        'put the manifest of that one back, or restore another point',
      );
    case 'backup-base-ambiguous':
      return words(
        `${backupText(problem)} builds on ${checkpointText(problem)}, which began with more than one backup: ${namesOf(problem.backups)}`,
        'keep the one that it began with',
      );
    case 'backup-base-loop':
      return words(
        `${backupText(problem)} builds on backup "${excerpt(problem.baseBackup)}", which builds on it in turn`,
        'put the manifests back as they were written, or restore another point',
      );
    case 'backup-file-shared':
      return words(
        `"${excerpt(problem.filename)}" is the file of ${backupText(problem)} and of ${backupText({ backup: problem.otherBackup, diskTarget: problem.otherDiskTarget })}`,
        'a file holds one backup of one disk: restore another point',
      );
    case 'backup-overwritten':
      return words(
        `"${excerpt(problem.filename)}" is a file of backup "${excerpt(problem.backup)}", and a restored image would take its place`,
        'choose another folder for the output',
      );
    case 'backup-folder-not-found':
      return words(`there is no folder "${excerpt(problem.filename)}"`, 'name the one that the backups are in');
    case 'manifest-exists':
      return words(
        `the manifest "${excerpt(problem.filename)}" is there already`,
        'give the backup another name, or another folder',
      );
    case 'image-exists':
      return words(
        `"${excerpt(problem.filename)}" is there already`,
        'choose another folder, or say that it is to be overwritten',
      );
    case 'manifest-damaged':
      return words(
        `the manifest "${excerpt(problem.filename)}" cannot be read: ${problem.reason}`,
        'put it back from a copy; the backup it tells of cannot be restored without it',
      );
    case 'backup-file-missing':
      return words(
        `"${excerpt(problem.filename)}", the file of ${backupText(problem)}, is not there`,
        'put it back from a copy, or restore a point that does without it',
      );
    case 'backup-file-damaged':
      return words(
        `"${excerpt(problem.filename)}", the file of ${backupText(problem)}, cannot be used: ${problem.reason}`,
        'put it back from a copy, or restore a point that does without it',
      );
    case 'backup-file-differs':
      return words(
        `"${excerpt(problem.filename)}", the file of ${backupText(problem)}, has the ${measures[problem.what]} ${problem.found} and not ${problem.expected}`,
        'put it back from a copy, or restore a point that does without it',
      );
  }
}

const missing = {
  'no-backup': 'no backup began with a checkpoint of that name',
  'other-checkpoint': 'only another checkpoint of that name began with a backup',
  'not-on-disk': 'the backup that it began with has no bitmap of it on that disk',
} as const;

const measures = { 'virtual-size': 'virtual size', sha256: 'sha256' } as const;

function backupText({ backup, diskTarget }: { readonly backup: string; readonly diskTarget: string }): string {
  return `backup "${excerpt(backup)}" of disk ${diskTarget}`;
}

function checkpointText(where: { readonly checkpoint: string; readonly creationTimeSeconds: number }): string {
  return `checkpoint "${excerpt(where.checkpoint)}" of ${where.creationTimeSeconds}`;
}

function namesOf(backups: readonly string[]): string {
  return backups.map((backup) => `"${excerpt(backup)}"`).join(', ');
}
