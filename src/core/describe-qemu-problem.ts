import { type ProblemText, words } from './problem-text.js';
import type { QemuProblemDetails } from './qemu-problem.js';

/** The words for what a QEMU does not understand, or shows otherwise than it should be. */
export function describeQemuProblem(problem: QemuProblemDetails): ProblemText {
  switch (problem.code) {
    case 'command-unsupported':
      return words(
        unsupportedText(problem),
        problem.since === undefined ? 'use a QEMU whose schema agrees' : `use QEMU ${problem.since} or later`,
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

function unsupportedText(where: Extract<QemuProblemDetails, { readonly code: 'command-unsupported' }>): string {
  const { command, member, fault } = where;
  if (member === undefined) return `this QEMU has no command ${command}`;
  if (fault === 'missing') return `this QEMU wants "${member}" with ${command}`;
  return fault === 'invalid'
    ? `this QEMU does not take "${member}" as it is given to ${command}`
    : `this QEMU does not know "${member}" of ${command}`;
}
