import type { CheckpointDefinition, CheckpointDiskDefinition } from '../model/checkpoint-definition.js';
import type { Disk } from '../model/disk.js';
import type { Domain } from '../model/domain.js';
import { type Problem, problem } from '../problem.js';

/** A disk of the domain and what is asked for it. */
export interface AlignedDisk {
  readonly disk: Disk;
  /** Absent where the disk does not take part. */
  readonly bitmap?: { readonly name: string; readonly granularity?: number };
}

/**
 * Lays the disks asked for beside the disks of the domain, in the domain's order and with none left out, by these rules:
 *
 * 1. a domain without disks cannot have checkpoints;
 * 2. where no disk is asked for, every writable disk with a medium takes part; otherwise disks not asked for do not;
 * 3. a disk is found by its target, or by the path of its active image where just one disk has it;
 * 4. a disk is asked for once;
 * 5. a read-only disk and one without a medium take part only by mistake;
 * 6. a bitmap is called as the checkpoint unless it is given a name.
 *
 * @see libvirt `virDomainCheckpointAlignDisks`
 */
export function alignDisks(
  domain: Domain,
  definition: CheckpointDefinition,
  checkpointName: string,
): { readonly disks: readonly AlignedDisk[]; readonly problems: readonly Problem[] } {
  // 1
  if (domain.disks.length === 0) {
    return { disks: [], problems: [problem({ code: 'domain-without-disks', domain: domain.name })] };
  }
  // 2
  if (definition.disks === undefined || definition.disks.length === 0) {
    const disks = domain.disks.map((disk) =>
      disk.readOnly || disk.backingChain.length === 0 ? { disk } : { disk, bitmap: { name: checkpointName } },
    );
    return { disks, problems: [] };
  }
  const { asked, problems } = findAskedDisks(domain, definition.disks);
  const disks = domain.disks.map((disk): AlignedDisk => {
    const request = asked.get(disk);
    if (request === undefined || request.checkpoint === 'no') return { disk };
    // 6
    const { bitmap: name = checkpointName, granularity } = request;
    return { disk, bitmap: { name, ...(granularity !== undefined && { granularity }) } };
  });
  // 5
  for (const { disk, bitmap } of disks) {
    if (bitmap === undefined) continue;
    const { diskTarget } = disk;
    if (disk.backingChain.length === 0) problems.push(problem({ code: 'disk-empty', diskTarget }));
    else if (disk.readOnly) problems.push(problem({ code: 'disk-read-only', diskTarget }));
  }
  return { disks, problems };
}

function findAskedDisks(domain: Domain, requests: readonly CheckpointDiskDefinition[]) {
  const asked = new Map<Disk, CheckpointDiskDefinition>();
  const problems: Problem[] = [];
  const byTarget = new Map(domain.disks.map((disk) => [disk.diskTarget, disk]));
  for (const request of requests) {
    // 3
    const target = byTarget.get(request.disk);
    const found =
      target === undefined ? domain.disks.filter(({ sourcePath }) => sourcePath === request.disk) : [target];
    const [disk] = found;
    if (disk === undefined) problems.push(problem({ code: 'disk-not-found', disk: request.disk }));
    else if (found.length > 1) problems.push(problem({ code: 'disk-ambiguous', disk: request.disk }));
    // 4
    else if (asked.has(disk)) problems.push(problem({ code: 'disk-asked-twice', disk: request.disk }));
    else asked.set(disk, request);
  }
  return { asked, problems };
}
