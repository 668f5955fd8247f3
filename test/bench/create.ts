import { join } from 'node:path';
import { type CheckpointTree, type Domain, planCreateCheckpoint } from '../../src/index.js';
import { connect, formatCommand, observeDomain, type QmpConnection, runPlan } from '../../src/qmp/index.js';
import { qemuVersions } from '../support/qemu/find-qemu.js';
import { attachImage, createImage } from '../support/qemu/images.js';
import { startStorageDaemon } from '../support/qemu/start-qemu.js';
import { temporaryFolder } from '../support/qemu/temporary-folder.js';
import { compare, type Figure } from './compare.js';

/** What a create through the library takes on a real daemon, against the same JSON sent raw over the same session. */
export async function benchCreate(): Promise<readonly Figure[]> {
  const figures: Figure[] = [];
  for (const qemu of qemuVersions()) {
    await using folder = await temporaryFolder();
    await using daemon = await startStorageDaemon(qemu, { directory: folder.path });
    await using session = await connect(daemon.address);
    const targets = Array.from({ length: 100 }, (_, place) => `vd${place}`);
    for (const nodeName of targets) {
      const filename = await createImage(qemu, join(folder.path, `${nodeName}.qcow2`));
      await attachImage(session, { nodeName, filename });
    }
    for (const disks of [1, 10, 100]) {
      for (const checkpoints of [0, 1000]) {
        const name = `QEMU ${qemu.version}, ${disks} disks, ${checkpoints} checkpoints: create / the same JSON sent raw`;
        const mappings = targets.slice(0, disks).map((diskTarget) => ({ diskTarget, nodeName: diskTarget }));
        const observe = () =>
          observeDomain(session, { name: 'bench', disks: mappings, checkpoints: tree(checkpoints) });
        const [ratio, observed] = await benchOne(session, observe);
        figures.push({ name, ratio, atMost: 1.15 }, { name: `${name}, observing too`, ratio: observed });
      }
    }
  }
  return figures;
}

async function benchOne(session: QmpConnection, observe: () => Promise<Domain>): Promise<readonly [number, number]> {
  const domain = await observe();
  const plan = () => planCreateCheckpoint(domain, { name: 'bench' }, { now: 1_700_000_000 });
  const [step] = plan().steps;
  if (step?.undo === undefined) throw new Error('a create has one step with an undo');
  const { execute, arguments: args } = formatCommand(step.command);
  const undo = formatCommand(step.undo);
  const raw = () => session.execute(execute, args);
  const after = () => session.execute(undo.execute, undo.arguments);
  const through = () => runPlan(session, plan());
  const seeing = async () => runPlan(session, planCreateCheckpoint(await observe(), { name: 'bench' }, { now: 1 }));
  await through();
  await after();
  return [await compare({ a: through, b: raw }, { after }), await compare({ a: seeing, b: raw }, { after })];
}

function tree(length: number): CheckpointTree {
  const checkpoints = Array.from({ length }, (_, place) => ({
    name: `nightly-${place}`,
    ...(place > 0 && { parent: `nightly-${place - 1}` }),
    creationTimeSeconds: 1_600_000_000 + place,
    disks: [],
  }));
  return { checkpoints, ...(length > 0 && { current: `nightly-${length - 1}` }) };
}
