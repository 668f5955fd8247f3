import { join } from 'node:path';
import {
  type CheckpointTree,
  type Domain,
  type Plan,
  planCommit,
  planCopy,
  planCreateCheckpoint,
  planDeleteCheckpoint,
  planTakeSnapshot,
} from '../../src/index.js';
import { connect, observeDomain, runPlan } from '../../src/qmp/index.js';
import { type Qemu, qemuVersions } from '../support/qemu/find-qemu.js';
import { attachGuest, type GuestDisk } from '../support/qemu/guest-disk.js';
import { attachImage, createImage } from '../support/qemu/images.js';
import { startStorageDaemon } from '../support/qemu/start-qemu.js';
import { temporaryFolder } from '../support/qemu/temporary-folder.js';
import { type Figure, median } from './compare.js';

const size = 2 ** 30;
const written = 2 ** 26;
const checkpoints = 8;
const runs = 9;

type Change = (domain: Domain, folder: string) => Plan;

const takeSnapshot: Change = (domain, folder) => {
  const overlay = { nodeName: 'over', filename: join(folder, 'over.qcow2') };
  return planTakeSnapshot(domain, { disks: [{ diskTarget: 'vda', overlay }] });
};
const commit: Change = (domain) => planCommit(domain, { diskTarget: 'vda', topNodeName: 'over', baseNodeName: 'base' });
const copy: Change = (domain, folder) =>
  planCopy(domain, { diskTarget: 'vda', mirror: { nodeName: 'copy', filename: join(folder, 'copy.qcow2') } });

/** How long the guest's longest write takes while the layers change, with checkpoints on the disk against none. */
export async function benchLatency(): Promise<readonly Figure[]> {
  const figures: Figure[] = [];
  for (const qemu of qemuVersions()) {
    for (const [what, change, layers] of [
      ['snapshot', takeSnapshot, 1],
      ['active commit', commit, 2],
      ['copy', copy, 2],
    ] as const) {
      const longest = { with: [] as number[], without: [] as number[] };
      // By turns, so that a machine that slows down slows both.
      for (let run = 0; run < runs; run += 1) {
        longest.with.push(await longestWrite(qemu, change, layers, checkpoints));
        longest.without.push(await longestWrite(qemu, change, layers, 0));
      }
      const [marked, plain] = [median(longest.with), median(longest.without)];
      const times = `${marked.toFixed(1)} ms / ${plain.toFixed(1)} ms`;
      const name = `QEMU ${qemu.version}, ${what}: longest guest write with ${checkpoints} checkpoints / without, ${times}`;
      figures.push({ name, ratio: marked / plain, atMost: 3 });
    }
  }
  return figures;
}

/** Half of the checkpoints are made on the base, and half on the layer above it where there is one. */
async function longestWrite(qemu: Qemu, change: Change, layers: number, count: number): Promise<number> {
  await using folder = await temporaryFolder();
  await using daemon = await startStorageDaemon(qemu, { directory: folder.path });
  const filename = await createImage(qemu, join(folder.path, 'base.qcow2'), { size });
  await attachImage(daemon.monitor, { nodeName: 'base', filename });
  const guest = await attachGuest(daemon, 'base');
  await using session = await connect(daemon.address);
  let tree: CheckpointTree = { checkpoints: [] };
  let nodeName = 'base';
  const observe = () =>
    observeDomain(session, { name: 'bench', disks: [{ diskTarget: 'vda', nodeName }], checkpoints: tree });

  // The first plan of a session asks what QEMU knows, and reading so long an answer would hold up the guest, which is in this process.
  const first = await runPlan(session, planCreateCheckpoint(await observe(), { name: 'first' }, { now: 1 }));
  await runPlan(session, planDeleteCheckpoint(first, 'first'));
  for (let layer = 0; layer < layers; layer += 1) {
    if (layer > 0) {
      tree = (await runPlan(session, takeSnapshot(await observe(), folder.path))).checkpoints;
      nodeName = 'over';
    }
    for (let made = 0; made < count / layers; made += 1) {
      const name = `${nodeName}-${made}`;
      tree = (await runPlan(session, planCreateCheckpoint(await observe(), { name }, { now: 1 }))).checkpoints;
    }
    await guest.write({ offset: layer * written, length: written, byte: 1 });
  }

  const plan = change(await observe(), folder.path);
  const writer = writeAllOver(guest);
  await runPlan(session, plan);
  return await writer.longest();
}

/** Writes small pieces all over what was written, one after the other. */
function writeAllOver(guest: GuestDisk) {
  let stop = false;
  let longest = 0;
  const running = (async () => {
    for (let at = 0; !stop; at = (at + 37 * 4096 * 17) % (2 * written)) {
      const start = performance.now();
      await guest.write({ offset: at, length: 4096, byte: 2 });
      longest = Math.max(longest, performance.now() - start);
    }
  })();
  return {
    async longest() {
      stop = true;
      await running;
      return longest;
    },
  };
}
