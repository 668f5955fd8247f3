import type { ChainProblemDetails } from './chain-problem.js';
import { excerpt, nodeText, type ProblemText, words } from './problem-text.js';

/** The words for what keeps the layers of a disk from being changed. */
export function describeChainProblem(problem: ChainProblemDetails): ProblemText {
  switch (problem.code) {
    case 'node-name-invalid':
      return words(
        `"${excerpt(problem.nodeName)}" cannot name a node`,
        'use a letter, then letters, digits, "-", "." and "_", at most 31 in all',
      );
    case 'node-name-taken':
      return words(`a node "${problem.nodeName}" exists`, 'choose another name, or remove that node first');
    case 'node-unsuitable':
      return words(
        `${nodeText(problem)} cannot be put into the chain: it ${unsuitable[problem.reason].statement}`,
        unsuitable[problem.reason].cure,
      );
    case 'size-differs':
      return words(
        `${nodeText(problem)} has ${problem.virtualSize} bytes where ${problem.expectedSize} are needed`,
        'make an image of that size',
      );
    case 'filename-invalid':
      return words(`"${excerpt(problem.filename)}" is no absolute path`, 'name the file from the root on');
    case 'filename-taken':
      return words(
        problem.nodeName === undefined
          ? `checkpoint "${problem.checkpoint}" was made on "${excerpt(problem.filename)}", and a new image of that name would pass for that one`
          : `"${excerpt(problem.filename)}" is in use by node "${problem.nodeName}"`,
        'choose another file name',
      );
    case 'backing-filename-unknown':
      return words(
        `${nodeText(problem)} has no file name that the header of an image above it can hold: an absolute path of at most 1023 bytes`,
        'pass backingFilename',
      );
    case 'cluster-size-invalid':
      return words(
        `clusters of ${problem.clusterSize} bytes are not possible for node "${problem.nodeName}"`,
        'use a power of two from 512 to 2097152, or leave it out',
      );
    case 'layer-not-found':
      return words(
        `disk ${problem.diskTarget} has no layer "${problem.nodeName}"`,
        'name one of its backing chain by its node-name',
      );
    case 'layer-not-below':
      return words(
        `${nodeText(problem)} does not lie below node "${problem.topNodeName}"`,
        'name the upper one as the top and the lower one as the base',
      );
    case 'nothing-to-pull':
      return words(
        `disk ${problem.diskTarget} has no layer between the active one and what is to stay below it`,
        'there is nothing to do',
      );
    case 'layer-shared':
      return words(
        `${nodeText(problem)} is a layer of disk ${problem.otherDiskTarget} too, whose content would change`,
        'copy or pull one of the two disks first',
      );
    case 'layer-unnamed':
      return words(
        `${nodeText(problem)} has bitmap "${excerpt(problem.bitmap)}" and a name that QEMU made up: it would be gone before its bitmaps are read`,
        'give the node a node-name of its own when it is added',
      );
    case 'layer-left-over':
      return words(
        `${nodeText(problem)} was a layer before a job that did not come to its end, and is none now`,
        'pass the plan that was interrupted, or remove the node',
      );
    case 'bitmap-ends':
      return bitmapEnds(problem);
    case 'rescue-impossible':
      return rescueImpossible(problem);
    case 'rescue-holds-more':
      return words(
        `checkpoint "${excerpt(problem.checkpoint)}" was made on ${nodeText(problem)}, so it gets all that this layer has allocated: more than was written since, but less where someone has emptied it, as "qemu-img commit" does`,
        'make a full backup instead where that may have been done',
      );
    case 'commit-heals':
      return words(
        `checkpoint "${excerpt(problem.checkpoint)}" would be whole on disk ${problem.diskTarget} after a commit too: its bitmap on node "${problem.nodeName}" records what is moved there`,
        `commit from node "${problem.topNodeName}" into it instead, where those layers are to go anyway`,
      );
  }
}

const unsuitable = {
  'read-only': { statement: 'is read-only', cure: 'open it for writing' },
  'not-qcow2': { statement: 'is not qcow2', cure: 'use a qcow2 image, which can stand on another and store bitmaps' },
  'is-layer': { statement: 'is a layer of a disk', cure: 'use a node of its own' },
  'has-backing': { statement: 'stands on another image', cure: 'add it with "backing" set to null' },
  'other-backing': {
    statement: 'does not stand on the image below the active layer',
    cure: 'add it with "backing" set to that node',
  },
} as const;

function bitmapEnds(where: Extract<ChainProblemDetails, { readonly code: 'bitmap-ends' }>) {
  const { bitmap, checkpoint, diskTarget, reason } = where;
  const what =
    checkpoint === undefined
      ? `bitmap "${excerpt(bitmap)}" on disk ${diskTarget} would be lost`
      : `checkpoint "${checkpoint}" would end on disk ${diskTarget}`;
  const why = {
    'cannot-store': `node "${where.nodeName}" cannot store its bitmap`,
    size: `node "${where.nodeName}" has another size than the one that takes its bitmap`,
    unusable: `its bitmap on node "${where.nodeName}" cannot be used, and afterwards nothing would tell`,
  };
  const cure = {
    'cannot-store': 'use a qcow2 image (compat 1.1), or let it end with endCheckpoints',
    size: 'delete it first, or let it end with endCheckpoints',
    unusable: 'rescue or delete it first, or let it end with endCheckpoints',
  };
  return words(`${what}: ${why[reason]}`, cure[reason]);
}

function rescueImpossible(where: Extract<ChainProblemDetails, { readonly code: 'rescue-impossible' }>) {
  const { checkpoint, diskTarget, nodeName } = where;
  const reasons = {
    'no-bitmap': 'the disk takes no part in it',
    'origin-unknown': 'nothing tells on which layer it was made, and the lowest with its bitmap has none in good order',
    'origin-gone': 'the layer it was made on is not in the backing chain any more',
    'no-backing': `node "${nodeName}" has no backing image, where what was discarded leaves no trace`,
  };
  return words(
    `checkpoint "${excerpt(checkpoint)}" cannot be rescued on disk ${diskTarget}: ${reasons[where.reason]}`,
    'only an older checkpoint or a full backup helps',
  );
}
