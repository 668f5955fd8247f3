import { throwProblems } from '../core/error.js';
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
export function expectBases(bases: readonly BackupBase[]): void {
  const problems = bases.flatMap(({ diskTarget, since, passedOver }): readonly Problem[] => {
    // A checkpoint without a backup could never be one.
    const faults = passedOver.filter(({ problems: each }) => !each.some(({ code }) => code === 'backup-missing'));
    if (faults.length > 0) return faults.flatMap((each) => each.problems);
    return since === undefined ? [problem({ code: 'backup-base-lacking', diskTarget })] : [];
  });
  throwProblems(problems);
}
