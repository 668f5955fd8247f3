import { statusOf } from '../../src/cli/status.js';
import { formatTable } from '../../src/cli/table.js';
import { drawTree } from '../../src/cli/tree-picture.js';
import type { Domain, Plan } from '../../src/index.js';
import { planCreateCheckpoint, planDeleteCheckpoint } from '../../src/index.js';
import { formatCommand, observeDomain, type QmpSession, runPlan } from '../../src/qmp/index.js';

/** Who tells the story, and what the guest does in it. */
export interface Storyteller {
  readonly say: (line: string) => void;
  /** The guest writes this many granules of 64 KiB to a disk, from the beginning of it on. */
  readonly guestWrites: (diskTarget: string, granules: number) => Promise<void>;
}

/**
 * The life of two checkpoints on two disks: monday is made, the guest writes, tuesday is made, the guest writes again, monday
 * is deleted, and tuesday has not noticed.
 *
 * @param session - A QEMU with the nodes `vda` and `vdb`, or a recording of one.
 */
export async function tellStory(session: QmpSession, { say, guestWrites }: Storyteller): Promise<void> {
  let domain = await look(session);
  say('Two disks without checkpoints.');
  const act = async (plan: Plan) => {
    for (const { why, command } of plan.steps) {
      say(`  plan: ${why}`);
      say(`  QMP:  ${JSON.stringify(formatCommand(command))}`);
    }
    domain = await runPlan(session, plan);
  };
  const show = async () => {
    domain = await look(session, domain);
    for (const line of formatTable(domain, statusOf(domain))) say(`    ${line}`);
  };

  say('\n1. Checkpoint monday is made.');
  await act(planCreateCheckpoint(domain, { name: 'monday' }, { now: 1_700_000_000 }));
  await show();

  say('\n2. The guest writes 192 KiB to vda and 64 KiB to vdb.');
  await guestWrites('vda', 3);
  await guestWrites('vdb', 1);
  await show();

  say('\n3. Checkpoint tuesday is made. Monday goes on recording: nothing is chained.');
  await act(planCreateCheckpoint(domain, { name: 'tuesday' }, { now: 1_700_086_400 }));
  await show();

  say('\n4. The guest writes 128 KiB to vda. Both checkpoints see it.');
  await guestWrites('vda', 2);
  await show();

  say('\n5. Monday is deleted. Tuesday does not notice.');
  await act(planDeleteCheckpoint(domain, 'monday'));
  await show();
  for (const line of drawTree(domain.checkpoints)) say(`    ${line}`);
}

async function look(session: QmpSession, domain?: Domain): Promise<Domain> {
  const disks = ['vda', 'vdb'].map((diskTarget) => ({ diskTarget, nodeName: diskTarget }));
  return await observeDomain(session, { name: 'story', disks, ...(domain && { checkpoints: domain.checkpoints }) });
}
