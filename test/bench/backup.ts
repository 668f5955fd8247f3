import { execFile } from 'node:child_process';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type CheckpointTree, planCreateCheckpoint, planDeleteCheckpoint } from '../../src/index.js';
import { connect, observeDomain, type QmpSession, runBackup, runPlan } from '../../src/live.js';
import { type Qemu, qemuVersions } from '../support/qemu/find-qemu.js';
import { attachGuest } from '../support/qemu/guest-disk.js';
import { attachImage, createImage } from '../support/qemu/images.js';
import { startStorageDaemon } from '../support/qemu/start-qemu.js';
import { temporaryFolder } from '../support/qemu/temporary-folder.js';
import { bareScript, type Line } from './bare-script.js';
import { type Figure, median } from './compare.js';

const run = promisify(execFile);
const size = 2 ** 30;
const pieces = 64;
const pieceLength = 2 ** 20;
const warmUps = 3;
const runs = 21;

const ways = ['library', 'script', 'convert'] as const;
type Times = Readonly<Record<(typeof ways)[number], number[]>>;

/** How long an incremental backup takes, of 64 MiB all over a disk of 1 GiB, from its beginning to the manifest. */
export async function benchBackup(): Promise<readonly Figure[]> {
  const figures: Figure[] = [];
  for (const qemu of qemuVersions()) {
    const times = await measure(qemu);
    const spans = ways.map((way) => spanOf(times[way])).join(' / ');
    const name = `QEMU ${qemu.version}, backup of 64 MiB in 1 GiB, medians of ${runs} runs: the library / its commands by a bare script (/ qemu-img convert), ${spans}`;
    figures.push({ name, ratio: median(times.library) / median(times.script), atMost: 1.1 });
  }
  return figures;
}

async function measure(qemu: Qemu): Promise<Times> {
  await using folder = await temporaryFolder();
  const directory = join(folder.path, 'backups');
  await mkdir(directory);
  const monitor = join(folder.path, 'script');
  const args = ['--chardev', `socket,id=script,path=${monitor},server=on,wait=off`, '--monitor', 'chardev=script'];
  await using daemon = await startStorageDaemon(qemu, { directory: folder.path, args });
  const filename = await createImage(qemu, join(folder.path, 'vda.qcow2'), { size });
  await attachImage(daemon.monitor, { nodeName: 'vda', filename });
  const guest = await attachGuest(daemon, 'vda');
  await using session = await connect(daemon.address);
  using script = await bareScript(monitor);

  let tree: CheckpointTree = { checkpoints: [] };
  const observe = () =>
    observeDomain(session, { name: 'bench', disks: [{ diskTarget: 'vda', nodeName: 'vda' }], checkpoints: tree });
  tree = (await runPlan(session, planCreateCheckpoint(await observe(), { name: 'base' }, { now: 1 }))).checkpoints;
  const patterns = Array.from({ length: pieces }, (_, piece) => ({
    offset: piece * (size / pieces),
    length: pieceLength,
    byte: piece + 1,
  }));
  await guest.write(...patterns);

  const imageOf = (name: string) => join(directory, `vda-${name}.qcow2`);
  const backUp = async (name: string, through: QmpSession = session) => {
    const disks = [{ diskTarget: 'vda', since: 'base', image: { filename: imageOf(name) } }];
    const request = { mode: 'push', disks, checkpoint: { name } } as const;
    const domain = await observe();
    const start = performance.now();
    await runBackup(through, domain, request, {
      directory,
      save: ({ checkpoints }) => {
        tree = checkpoints;
      },
    });
    return performance.now() - start;
  };
  const removeCheckpoint = async (name: string) => {
    tree = (await runPlan(session, planDeleteCheckpoint(await observe(), name))).checkpoints;
  };
  const recorded: Line[] = [];
  await backUp('recorded', recording(session, recorded));
  await removeCheckpoint('recorded');

  const take = {
    async library(name: string) {
      const time = await backUp(name);
      await removeCheckpoint(name);
      return time;
    },
    async script(name: string) {
      const lines = JSON.parse(JSON.stringify(recorded).replaceAll('recorded', name)) as readonly Line[];
      const time = await timeOf(() => script.run(lines));
      await session.execute('block-dirty-bitmap-remove', { node: 'vda', name });
      return time;
    },
    convert: (name: string) =>
      timeOf(() => run(qemu.img, ['convert', '-O', 'qcow2', imageOf('recorded'), imageOf(name)])),
  };
  const times: Times = { library: [], script: [], convert: [] };
  for (let round = 0; round < warmUps + runs; round += 1) {
    // By turns, so that a machine that slows down slows all.
    for (const way of round % 2 === 0 ? ways : ways.toReversed()) {
      const name = `${way}${round}`;
      const time = await take[way](name);
      if (round >= warmUps) times[way].push(time);
      await rm(imageOf(name));
    }
  }
  return times;
}

/** Keeps what is sent; but what this QEMU knows is asked once a session, and a script looks at jobs by itself. */
function recording(session: QmpSession, lines: Line[]): QmpSession {
  return {
    execute(execute, args) {
      if (execute !== 'query-qmp-schema' && execute !== 'query-jobs') {
        lines.push({ execute, ...(args !== undefined && { arguments: args }) });
      }
      return session.execute(execute, args);
    },
  };
}

async function timeOf(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

function spanOf(times: readonly number[]): string {
  const [least, most] = [Math.min(...times), Math.max(...times)];
  return `${median(times).toFixed(0)} ms (${least.toFixed(0)} to ${most.toFixed(0)})`;
}
