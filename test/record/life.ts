import { planCreateCheckpoint } from '../../src/core/plan/create-checkpoint.js';
import { planDeleteCheckpoint } from '../../src/core/plan/delete-checkpoint.js';
import { attachGuest } from '../support/qemu/guest-disk.js';
import { lookAtDomain } from '../support/qemu/look-at-domain.js';
import type { Message } from '../support/qemu/monitor.js';
import { sendPlan } from '../support/qemu/send-plan.js';
import { connectMonitor, type RunningQemu } from '../support/qemu/start-qemu.js';

const disks = [
  ['vda', 'vda'],
  ['vdb', 'vdb'],
] as const;

/**
 * Two checkpoints are made and the first is deleted, with the disks looked at before each step and after the last. The
 * guest writes in between, unseen by the transcript; that it leaves at the end is seen as events.
 *
 * @param daemon - Two disks without checkpoints.
 * @returns Every command, reply and event that passed, in order.
 */
export async function recordLife(daemon: RunningQemu): Promise<readonly Message[]> {
  const transcript: Message[] = [];
  const monitor = await connectMonitor(daemon.address, (message) => transcript.push(message));
  const [vda, vdb] = [await attachGuest(daemon, 'vda'), await attachGuest(daemon, 'vdb')];

  const fresh = await lookAtDomain(monitor, disks);
  const one = await sendPlan(monitor, planCreateCheckpoint(fresh, { name: 'monday' }, { now: 1700000000 }));
  await vda.write({ offset: 0, length: 3 * 65536, byte: 1 });
  await vdb.write({ offset: 65536, length: 65536, byte: 1 });

  const withOne = await lookAtDomain(monitor, disks, one.checkpoints);
  const two = await sendPlan(monitor, planCreateCheckpoint(withOne, { name: 'tuesday' }, { now: 1700086400 }));
  await vda.write({ offset: 2 * 65536, length: 2 * 65536, byte: 2 });

  const withTwo = await lookAtDomain(monitor, disks, two.checkpoints);
  await sendPlan(monitor, planDeleteCheckpoint(withTwo, 'monday'));
  await lookAtDomain(monitor, disks);
  for (const guest of [vda, vdb]) {
    const gone = monitor.nextEvent('BLOCK_EXPORT_DELETED');
    await guest.detach();
    await gone;
  }
  monitor.close();
  return transcript;
}
