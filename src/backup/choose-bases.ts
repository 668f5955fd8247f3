import { CheckpointError } from '../core/error.js';
import type { Domain } from '../core/model/domain.js';
import { type BackupBase, chooseBackupBase } from '../core/plan/backup-base.js';
import { type Problem, problem } from '../core/problem.js';
import type { UsableBases } from './usable-bases.js';

/** What each disk is best based on, among the checkpoints that a backup is at hand of. */
export function chooseBases(domain: Domain, disks: readonly string[], usable: UsableBases): readonly BackupBase[] {
  return disks.map((diskTarget) => chooseBackupBase(domain, { diskTarget, among: usable(diskTarget) }));
}

/**
 * That each disk is based on the newest checkpoint that a backup is at hand of.
 *
 * @throws {@link CheckpointError} with all that is wrong with it, on each disk.
 */
export function expectBases(bases: readonly BackupBase[], usable: UsableBases): void {
  const problems = bases.flatMap(({ diskTarget, since, passedOver }): readonly Problem[] => {
    const [wanted] = usable(diskTarget);
    if (wanted === undefined) return [problem({ code: 'backup-base-lacking', diskTarget })];
    if (since === wanted.name) return [];
    const faults = passedOver.find(({ checkpoint }) => checkpoint === wanted.name)?.problems;
    return faults ?? [problem({ code: 'checkpoint-not-found', checkpoint: wanted.name })];
  });
  if (problems.length > 0) throw new CheckpointError(problems);
}
