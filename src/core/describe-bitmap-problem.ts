import type { BitmapProblemDetails } from './bitmap-problem.js';
import { bitmapText, diskText, excerpt, nodeText, type ProblemText, words } from './problem-text.js';

/** The words for what keeps a bitmap from being made, removed or used. */
export function describeBitmapProblem(problem: BitmapProblemDetails): ProblemText {
  switch (problem.code) {
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
        'what was written in between is not known: rescue the bitmap, or use an older checkpoint or a full backup',
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
        'it can only be removed: rescue it where the layer has a backing image, or use an older checkpoint or a full backup',
      );
  }
}

function notReopenable(where: Extract<BitmapProblemDetails, { readonly code: 'node-not-reopenable' }>) {
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
