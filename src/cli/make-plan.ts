import { throwProblems } from '../core/error.js';
import type { BlockNode } from '../core/model/block-node.js';
import type { CheckpointDefinition, CheckpointDiskDefinition } from '../core/model/checkpoint-definition.js';
import { type Domain, findDisk, findNode } from '../core/model/domain.js';
import type { NewImage } from '../core/model/new-image.js';
import { planCommit } from '../core/plan/commit.js';
import { planCopy } from '../core/plan/copy.js';
import { planCreateCheckpoint } from '../core/plan/create-checkpoint.js';
import { planDeleteCheckpoint } from '../core/plan/delete-checkpoint.js';
import type { Plan } from '../core/plan/plan.js';
import { planPull } from '../core/plan/pull.js';
import { planRescueCheckpoint } from '../core/plan/rescue-checkpoint.js';
import { planTakeSnapshot } from '../core/plan/take-snapshot.js';
import { problem } from '../core/problem.js';
import type { ImageOption } from './option-values.js';
import type { Options } from './options.js';

/** Plans what the command line asks for. */
export function makePlan(options: Options, domain: Domain, time: number): Plan {
  const { name = '', target: diskTarget = '', base, now = time, endCheckpoints } = options;
  switch (options.command) {
    case 'delete': {
      const { children, metadataOnly } = options;
      return planDeleteCheckpoint(domain, name, { metadataOnly, ...(children !== undefined && { children }) });
    }
    case 'snapshot':
      return planTakeSnapshot(domain, snapshotOf(options, domain), { now });
    case 'commit':
      return planCommit(domain, { diskTarget, ...layersOf(options, domain), endCheckpoints });
    case 'copy': {
      const { mirror: asked = { nodeName: '' }, shallow } = options;
      return planCopy(domain, { diskTarget, mirror: imageOf(asked, domain), shallow, endCheckpoints });
    }
    case 'pull':
      return planPull(domain, { diskTarget, ...(base !== undefined && { baseNodeName: base }), endCheckpoints });
    case 'rescue': {
      const [only = ''] = options.only ?? [];
      return planRescueCheckpoint(domain, { diskTarget: only, checkpoint: name });
    }
    default:
      return planCreateCheckpoint(domain, definitionOf(options, domain), { now });
  }
}

function snapshotOf(options: Options, domain: Domain) {
  const { overlays = [], checkpoint: name } = options;
  return {
    disks: overlays.map(({ diskTarget, ...overlay }) => ({ diskTarget, overlay: imageOf(overlay, domain) })),
    ...(name !== undefined && { checkpoint: definitionOf({ ...options, name }, domain) }),
  };
}

/** The top and the base of a commit: all of the chain where none is named. */
function layersOf({ target = '', top, base }: Options, domain: Domain) {
  const chain = findDisk(domain, target)?.backingChain ?? [];
  return { topNodeName: top ?? chain[0]?.nodeName ?? '', baseNodeName: base ?? chain.at(-1)?.nodeName ?? '' };
}

/** An image that is made, or a node that is there. */
function imageOf({ nodeName, filename }: ImageOption, domain: Domain): BlockNode | NewImage {
  if (filename !== undefined) return { nodeName, filename };
  const node = findNode(domain, nodeName);
  if (node === undefined) throwProblems([problem({ code: 'node-not-found', nodeName })]);
  return node as BlockNode;
}

function definitionOf({ name, description, only, granularity }: Options, domain: Domain): CheckpointDefinition {
  const disks = only ?? (granularity === undefined ? undefined : writableDisks(domain));
  return {
    ...(name !== undefined && { name }),
    ...(description !== undefined && { description }),
    ...(disks !== undefined && {
      disks: disks.map(
        (disk): CheckpointDiskDefinition => ({ disk, ...(granularity !== undefined && { granularity }) }),
      ),
    }),
  };
}

/** The disks that take part where none is asked for. */
function writableDisks(domain: Domain): readonly string[] {
  return domain.disks
    .filter(({ readOnly, backingChain }) => !readOnly && backingChain.length > 0)
    .map(({ diskTarget }) => diskTarget);
}
