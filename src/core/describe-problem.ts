import { describeBackupProblem } from './describe-backup-problem.js';
import { describeBitmapProblem } from './describe-bitmap-problem.js';
import { describeChainProblem } from './describe-chain-problem.js';
import { describeQemuProblem } from './describe-qemu-problem.js';
import { describeRestoreProblem } from './describe-restore-problem.js';
import type { ProblemDetails } from './problem.js';
import { bitmapText, excerpt, type ProblemText, words } from './problem-text.js';

/** The words for a problem: what is wrong and where, and what would help. */
export function describeProblem(problem: ProblemDetails): ProblemText {
  switch (problem.code) {
    case 'invalid-input':
      return words(
        `${pathText(problem.subject, problem.path)} ${problem.expected}`,
        'correct that value and try again',
      );
    case 'disk-duplicate':
      return words(`disk ${problem.diskTarget} is in the domain twice`, 'list each disk target once');
    case 'bitmap-duplicate':
      return words(`${bitmapText(problem)} is listed twice`, 'observe the domain again: names are unique on a node');
    case 'checkpoint-duplicate':
      return words(`checkpoint "${problem.checkpoint}" is there twice`, 'keep one of the two');
    case 'current-not-found':
      return words(`the current checkpoint "${problem.checkpoint}" is not in the tree`, 'name one that is, or none');
    case 'parent-not-found':
      return words(
        `checkpoint "${problem.checkpoint}" has the parent "${problem.parent}", which is not in the tree`,
        'put that one back too, or leave the parent out',
      );
    case 'parent-cycle':
      return words(
        `checkpoint "${problem.checkpoint}" is its own ancestor through its parent "${problem.parent}"`,
        'correct the parent of one of them',
      );
    case 'checkpoint-name-invalid':
      return words(
        `"${excerpt(problem.checkpoint)}" cannot name a checkpoint`,
        'use letters, digits, "_", "-" and ".", not starting with a dot',
      );
    case 'checkpoint-not-found':
      return words(
        `the domain has no checkpoint "${excerpt(problem.checkpoint)}"`,
        'list the checkpoints and name one of them',
      );
    case 'checkpoint-exists':
      return problem.byDefault
        ? words(
            `a checkpoint "${problem.checkpoint}" exists, named after the same second`,
            'give the new one a name, or wait a second',
          )
        : words(`a checkpoint "${problem.checkpoint}" exists`, 'choose another name, or delete that one first');
    case 'checkpoint-name-too-long':
      return words(
        `the checkpoint name "${excerpt(problem.checkpoint)}" is too long for the name of its file`,
        `use at most ${problem.mostBytes} bytes`,
      );
    case 'creation-time-invalid':
      return words(
        'the creation time "now" is not a whole number of seconds since the epoch',
        'pass Math.floor(Date.now() / 1000)',
      );
    case 'domain-without-disks':
      return words(`domain "${problem.domain}" has no disk`, 'observe it again with its disks');
    case 'disk-not-found':
      return words(
        `no disk of the domain has the target or source path "${problem.disk}"`,
        'name one by its disk target, for example "vda"',
      );
    case 'disk-ambiguous':
      return words(`more than one disk has the source path "${problem.disk}"`, 'name the disk by its target');
    case 'disk-asked-twice':
      return problem.checkpoint === undefined
        ? words(`disk ${problem.disk} is asked for twice`, 'name each disk once, by target or by source path')
        : words(`checkpoint "${problem.checkpoint}" lists disk ${problem.disk} twice`, 'list each disk once');
    case 'disk-read-only':
      return words(`disk ${problem.diskTarget} is read-only, so nothing on it will change`, 'leave it out');
    case 'disk-empty':
      return words(`disk ${problem.diskTarget} has no medium`, 'leave it out, or insert one first');
    case 'disk-gone':
      return words(
        `disk ${problem.diskTarget} of checkpoint "${problem.checkpoint}" is no longer in the domain`,
        'nothing is to be done there; its image may still hold the bitmap',
      );
    case 'format-unsupported':
    case 'qcow2-version-unsupported':
    case 'node-read-only':
    case 'node-not-reopenable':
    case 'node-left-writable':
    case 'node-shared':
    case 'bitmap-name-invalid':
    case 'granularity-invalid':
    case 'bitmap-exists':
    case 'bitmap-claimed':
    case 'bitmap-busy':
    case 'too-many-bitmaps':
    case 'bitmap-directory-full':
    case 'bitmap-too-large':
    case 'bitmap-missing':
    case 'bitmap-not-on-active-layer':
    case 'bitmap-gap':
    case 'bitmap-not-down-to-origin':
    case 'bitmap-not-recording':
    case 'bitmap-transient':
    case 'bitmap-inconsistent':
      return describeBitmapProblem(problem);
    case 'node-name-invalid':
    case 'node-name-taken':
    case 'node-unsuitable':
    case 'size-differs':
    case 'filename-invalid':
    case 'filename-taken':
    case 'backing-filename-unknown':
    case 'cluster-size-invalid':
    case 'layer-not-found':
    case 'layer-not-below':
    case 'nothing-to-pull':
    case 'layer-shared':
    case 'layer-unnamed':
    case 'layer-left-over':
    case 'bitmap-ends':
    case 'rescue-impossible':
    case 'rescue-holds-more':
    case 'commit-heals':
      return describeChainProblem(problem);
    case 'checkpoint-provisional':
    case 'disk-not-in-checkpoint':
    case 'backup-missing':
    case 'backup-base-lacking':
    case 'bitmap-size-differs':
    case 'backup-without-disks':
    case 'backup-running':
    case 'image-not-qcow2':
    case 'export-name-taken':
    case 'snapshot-may-break':
    case 'fleecing-unused':
    case 'server-needed':
    case 'server-unused':
    case 'server-plain':
      return describeBackupProblem(problem);
    case 'manifest-version-unknown':
    case 'backup-duplicate':
    case 'backup-not-found':
    case 'backup-disk-not-found':
    case 'domains-mixed':
    case 'backup-checkpoint-duplicate':
    case 'backup-base-missing':
    case 'backup-base-ambiguous':
    case 'backup-base-loop':
    case 'backup-file-shared':
    case 'backup-overwritten':
    case 'backup-folder-not-found':
    case 'manifest-exists':
    case 'image-exists':
    case 'manifest-damaged':
    case 'backup-file-missing':
    case 'backup-file-damaged':
    case 'backup-file-differs':
      return describeRestoreProblem(problem);
    case 'command-unsupported':
    case 'job-not-dismissed':
    case 'device-not-found':
    case 'node-not-found':
    case 'backing-node-missing':
    case 'backing-node-ambiguous':
    case 'backing-chain-loop':
      return describeQemuProblem(problem);
    case 'change-interrupted':
      return words(
        `the ${problem.change} of checkpoint "${problem.checkpoint}" was interrupted and may be half done`,
        'run reconcile first',
      );
    case 'chain-change-interrupted':
      return words(
        `the ${problem.change} of disk ${problem.diskTarget} was interrupted and may be half done`,
        'run reconcile first',
      );
  }
}

function pathText(subject: string, path: readonly (string | number)[]): string {
  return path.reduce<string>(
    (text, step) => (typeof step === 'number' ? `${text}[${step}]` : `${text}.${step}`),
    subject,
  );
}
