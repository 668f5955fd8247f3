import { describeChainProblem } from './describe-chain-problem.js';
import type { ProblemDetails } from './problem.js';
import { bitmapText, diskText, excerpt, nodeText, type ProblemText, words } from './problem-text.js';

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
      return words(
        `${nodeText(problem)} has the format ${problem.format}, which cannot store bitmaps`,
        'convert it to qcow2, or leave the disk out',
      );
    case 'qcow2-version-unsupported':
      return words(
        `${nodeText(problem)} is qcow2 version 2 (compat 0.10), which cannot store bitmaps`,
        'upgrade the image with "qemu-img amend -o compat=1.1" while nothing has it open',
      );
    case 'node-read-only':
      return words(
        `${nodeText(problem)} is read-only: QEMU would take the bitmap and lose it when the image is closed`,
        'open the node for writing first, or leave the disk out',
      );
    case 'node-not-reopenable':
      return notReopenable(problem);
    case 'node-left-writable':
      return words(
        `${nodeText(problem)} was opened for writing by a delete that did not end, and its protocol layer is not known by a name of its own, which a reopen must repeat`,
        'set fileNodeName of that node and reconcile again',
      );
    case 'node-shared':
      return words(
        `${nodeText(problem)} is the active layer of disk ${problem.otherDiskTarget} too`,
        'give each disk the node of its own image',
      );
    case 'bitmap-name-invalid':
      return words(
        `"${excerpt(problem.bitmap)}" cannot name a bitmap on disk ${problem.diskTarget}`,
        'use 1 to 1023 bytes of UTF-8 without control characters',
      );
    case 'granularity-invalid':
      return words(
        `the granularity ${problem.granularity} asked for on disk ${problem.diskTarget} is not possible`,
        'use a power of two from 512 to 2147483648 bytes, or leave it out',
      );
    case 'bitmap-exists':
      return problem.inconsistent
        ? words(
            `${bitmapText(problem)} exists and is inconsistent, left by a QEMU that did not close the image`,
            'remove it first: it is of no use',
          )
        : words(`${bitmapText(problem)} exists`, 'choose another name, or find its owner and remove it first');
    case 'bitmap-claimed':
      return words(
        `bitmap "${excerpt(problem.bitmap)}" on disk ${problem.diskTarget} belongs to checkpoint "${problem.checkpoint}"`,
        'choose another bitmap name, or delete that checkpoint first',
      );
    case 'bitmap-busy':
      return words(`${bitmapText(problem)} is busy: an export or a job holds it`, 'end that first');
    case 'too-many-bitmaps':
      return words(
        `${nodeText(problem)} has 65535 persistent bitmaps, the most an image can hold`,
        'delete checkpoints first',
      );
    case 'bitmap-directory-full':
      return words(
        `${nodeText(problem)} has no room for one more name in its bitmap directory (67107840 bytes)`,
        'use shorter bitmap names, or delete checkpoints first',
      );
    case 'bitmap-too-large':
      return words(
        `a bitmap with ${problem.granularity} bytes per bit for ${nodeText(problem)} would take more than 512 MiB`,
        `ask for a granularity of ${problem.smallestGranularity} or more`,
      );
    case 'bitmap-missing':
      return words(
        problem.nodeName === undefined
          ? `bitmap "${excerpt(problem.bitmap)}" is on no layer${diskText(problem, ' of the backing chain')}`
          : `${bitmapText(problem)} does not exist`,
        'QEMU did not close the image cleanly, or the bitmap was removed: only an older checkpoint or a full backup helps',
      );
    case 'bitmap-not-on-active-layer':
      return words(
        `bitmap "${excerpt(problem.bitmap)}" is not on the active layer, ${nodeText(problem)}`,
        'what was written there is not known: rescue the bitmap, or use an older checkpoint or a full backup',
      );
    case 'bitmap-gap':
      return words(
        `${bitmapText(problem)} lies below a layer that lacks it`,
        'what was written in between is not known: use an older checkpoint or a full backup',
      );
    case 'bitmap-not-down-to-origin':
      return words(
        problem.nodeName === undefined
          ? `bitmap "${excerpt(problem.bitmap)}"${diskText(problem)} was made on "${problem.madeOn}", which is not in the backing chain`
          : `bitmap "${excerpt(problem.bitmap)}" is not on the layer it was made on, node "${problem.nodeName}"${diskText(problem)}`,
        'its older part was lost: use an older checkpoint or a full backup',
      );
    case 'bitmap-not-recording':
      return words(
        `${bitmapText(problem)} is not recording, so writes may be missing from it`,
        'use an older checkpoint or a full backup',
      );
    case 'bitmap-transient':
      return words(
        `${bitmapText(problem)} is not persistent`,
        'it ends with this QEMU: use an older checkpoint or a full backup',
      );
    case 'bitmap-inconsistent':
      return words(
        `${bitmapText(problem)} is inconsistent: QEMU did not close the image cleanly`,
        'it can only be removed: use an older checkpoint or a full backup',
      );
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
    case 'job-unknown':
      return words(
        `job ${problem.jobId} is one of a plan, but what it is about is not in the domain`,
        'pass the plan that was interrupted, or cancel the job',
      );
    case 'command-unsupported':
      return words(
        unsupportedText(problem),
        problem.since === undefined ? 'use a QEMU whose schema agrees' : `use QEMU ${problem.since} or later`,
      );
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
    case 'job-not-dismissed':
      return words(
        `job ${problem.jobId} has ended and is not dismissed: QEMU would crash when it is asked for its nodes`,
        'dismiss it with job-dismiss first',
      );
    case 'device-not-found':
      return words(
        `there is no device "${problem.device}" for disk ${problem.diskTarget}`,
        'map the disk to the id of its device, the name of its drive, or the node-name of its active layer',
      );
    case 'node-not-found':
      return words(`there is no node "${problem.nodeName}"`, 'use a node-name of the reply');
    case 'backing-node-missing':
      return words(
        `the image "${problem.backing}" below node "${problem.nodeName}" is no node of the reply`,
        'query all nodes again, without a filter',
      );
    case 'backing-node-ambiguous':
      return words(
        `the image "${problem.backing}" below node "${problem.nodeName}" is open as ${problem.candidates.map((name) => `"${name}"`).join(' and ')}`,
        'close the one that is not in use, or set backingNodeName',
      );
    case 'backing-chain-loop':
      return words(`the backing chain comes back to node "${problem.nodeName}"`, 'query the nodes again');
  }
}

function unsupportedText(where: Extract<ProblemDetails, { readonly code: 'command-unsupported' }>): string {
  const { command, member, fault } = where;
  if (member === undefined) return `this QEMU has no command ${command}`;
  if (fault === 'missing') return `this QEMU wants "${member}" with ${command}`;
  return fault === 'invalid'
    ? `this QEMU does not take "${member}" as it is given to ${command}`
    : `this QEMU does not know "${member}" of ${command}`;
}

function notReopenable(where: Extract<ProblemDetails, { readonly code: 'node-not-reopenable' }>) {
  const layer = `${nodeText(where)} is read-only`;
  if (where.missing === 'name') {
    return words(
      `${layer} and its name was made up by QEMU, which refuses to reopen such a node`,
      'give the node a node-name of its own when it is added, or delete the metadata only',
    );
  }
  if (where.missing === 'backing-node') {
    return words(
      `${layer} and a filter stands below it, which a reopen must repeat and whose name is not known`,
      'set backingNodeName of that node to the node-name of the filter, or delete the metadata only',
    );
  }
  return where.missing === 'file-node'
    ? words(
        `${layer} and its protocol layer, which a reopen must repeat, has no known name of its own`,
        'add the protocol layer as a node with a node-name, or set fileNodeName, or delete the metadata only',
      )
    : words(
        `${layer} and so is its protocol layer`,
        'add the protocol layer with auto-read-only instead of read-only, or delete the metadata only',
      );
}

function pathText(subject: string, path: readonly (string | number)[]): string {
  return path.reduce<string>(
    (text, step) => (typeof step === 'number' ? `${text}[${step}]` : `${text}.${step}`),
    subject,
  );
}
