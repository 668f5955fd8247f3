import type { CheckpointDefinition, CheckpointDiskDefinition } from '../core/model/checkpoint-definition.js';
import type { Domain } from '../core/model/domain.js';
import { planCreateCheckpoint } from '../core/plan/create-checkpoint.js';
import { planDeleteCheckpoint } from '../core/plan/delete-checkpoint.js';
import type { Plan } from '../core/plan/plan.js';
import type { Options } from './options.js';

/** Plans what the command line asks for. */
export function makePlan(options: Options, domain: Domain, now: number): Plan {
  const { name, children, metadataOnly } = options;
  if (options.command === 'delete') {
    return planDeleteCheckpoint(domain, name ?? '', { metadataOnly, ...(children !== undefined && { children }) });
  }
  return planCreateCheckpoint(domain, definitionOf(options, domain), { now: options.now ?? now });
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
