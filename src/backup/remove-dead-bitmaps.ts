import { examineBase } from '../core/check/backup-base.js';
import { checkDeleteCheckpoint } from '../core/check/delete-checkpoint.js';
import type { BackupManifest } from '../core/model/backup-manifest.js';
import type { Checkpoint } from '../core/model/checkpoint.js';
import { type Domain, findDisk } from '../core/model/domain.js';
import { planDeleteCheckpoint } from '../core/plan/delete-checkpoint.js';
import type { Problem } from '../core/problem.js';
import type { QmpSession } from '../qmp/qmp-session.js';
import { runPlan } from '../qmp/run-plan.js';
import type { CheckpointStore } from '../store/checkpoint-store.js';

/** A checkpoint that was of no use any more, and was deleted on a disk. */
export interface RemovedCheckpoint {
  readonly checkpoint: string;
  readonly diskTarget: string;
}

/**
 * Deletes older checkpoints on the disks where their bitmaps are of no use any more, once a newer one has begun there. What keeps one
 * from being deleted is told, and left for the next time.
 */
export async function removeDeadBitmaps(
  session: QmpSession,
  observe: () => Promise<Domain>,
  { manifest, store }: { readonly manifest: BackupManifest; readonly store: Pick<CheckpointStore, 'run'> },
): Promise<{ readonly removed: readonly RemovedCheckpoint[]; readonly warnings: readonly Problem[] }> {
  const removed: RemovedCheckpoint[] = [];
  const warnings: Problem[] = [];
  const renewed = manifest.disks.filter(({ inCheckpoint }) => inCheckpoint).map(({ diskTarget }) => diskTarget);
  const { checkpoints } = (await observe()).checkpoints;
  for (const { name } of checkpoints) {
    const domain = await observe();
    const checkpoint = domain.checkpoints.checkpoints.find((each) => each.name === name);
    const disks = checkpoint === undefined ? [] : renewed.filter((target) => isDead(domain, checkpoint, target));
    if (disks.length === 0) continue;
    const problems = checkDeleteCheckpoint(domain, name, { disks });
    warnings.push(...problems);
    if (problems.length > 0) continue;
    const plan = planDeleteCheckpoint(domain, name, { disks });
    await store.run(domain, plan, () => runPlan(session, plan));
    removed.push(...disks.map((diskTarget) => ({ checkpoint: name, diskTarget })));
  }
  return { removed, warnings };
}

function isDead(domain: Domain, checkpoint: Checkpoint, diskTarget: string): boolean {
  const disk = findDisk(domain, diskTarget);
  if (disk === undefined) return false;
  return examineBase(disk, checkpoint).problems.some(({ code }) => lost.has(code));
}

/** What never becomes good again. */
const lost: ReadonlySet<string> = new Set([
  'bitmap-missing',
  'bitmap-not-on-active-layer',
  'bitmap-gap',
  'bitmap-not-recording',
  'bitmap-transient',
  'bitmap-inconsistent',
  'bitmap-not-down-to-origin',
]);
