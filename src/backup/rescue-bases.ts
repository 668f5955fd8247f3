import { examineBase } from '../core/check/backup-base.js';
import { checkRescueCheckpoint } from '../core/check/rescue-checkpoint.js';
import { isSameCheckpoint } from '../core/model/checkpoint-identity.js';
import { type Domain, findDisk } from '../core/model/domain.js';
import { planRescueCheckpoint } from '../core/plan/rescue-checkpoint.js';
import type { Problem } from '../core/problem.js';
import { findCheckpoint } from '../core/tree/find-checkpoint.js';
import type { QmpSession } from '../qmp/qmp-session.js';
import { runPlan } from '../qmp/run-plan.js';
import type { CheckpointStore } from '../store/checkpoint-store.js';
import { chooseBases } from './choose-bases.js';
import type { UsableBases } from './usable-bases.js';

/** A checkpoint that was made whole again on a disk. */
export interface Rescued {
  readonly checkpoint: string;
  readonly diskTarget: string;
  readonly warnings: readonly Problem[];
}

/** Makes the newest base of each disk whole again, where its bitmaps were lost and that is possible. */
export async function rescueBases(
  session: QmpSession,
  observe: () => Promise<Domain>,
  {
    disks,
    usable,
    store,
  }: { readonly disks: readonly string[]; readonly usable: UsableBases; readonly store: Pick<CheckpointStore, 'run'> },
): Promise<readonly Rescued[]> {
  const rescued: Rescued[] = [];
  for (const diskTarget of disks) {
    const domain = await observe();
    const [wanted] = usable(diskTarget);
    const found = wanted === undefined ? undefined : findCheckpoint(domain.checkpoints, wanted.name);
    if (wanted === undefined || found === undefined || !isSameCheckpoint(found, wanted)) continue;
    const [base] = chooseBases(domain, [diskTarget], usable);
    const { name: checkpoint } = wanted;
    const request = { diskTarget, checkpoint };
    if (base?.since === checkpoint || checkRescueCheckpoint(domain, request).length > 0) continue;
    const plan = planRescueCheckpoint(domain, request);
    const disk = findDisk(plan.next, diskTarget);
    // Layers of another size keep it from being a base all the same.
    if (plan.steps.length === 0 || disk === undefined || examineBase(disk, found).problems.length > 0) continue;
    await store.run(domain, plan, () => runPlan(session, plan));
    rescued.push({ ...request, warnings: plan.warnings ?? [] });
  }
  return rescued;
}
