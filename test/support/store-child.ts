import { spawn } from 'node:child_process';
import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  applyStep,
  type Domain,
  type Plan,
  parseDomain,
  planCreateCheckpoint,
  planDeleteCheckpoint,
} from '../../src/index.js';
import { checkpointStore } from '../../src/store/checkpoint-store.js';

/** A QEMU that outlives the process which works with it: its disks are in a file, which is replaced as a whole. */
export interface FileQemu {
  observe(): Promise<Domain>;
  send(plan: Plan): Promise<void>;
}

export function fileQemu(folder: string): FileQemu {
  const path = join(folder, 'disks.json');
  const observe = async () => parseDomain(JSON.parse(await readFile(path, 'utf8')));
  return {
    observe,
    async send({ steps }) {
      await saveDisks(folder, steps.reduce(applyStep, await observe()));
    },
  };
}

export async function saveDisks(folder: string, domain: Domain): Promise<void> {
  const path = join(folder, 'disks.json');
  await writeFile(`${path}.new`, JSON.stringify(domain));
  await rename(`${path}.new`, path);
}

const tell = (message: unknown) => new Promise<void>((resolve) => process.send?.(message, () => resolve()));

/** Opens the store, makes a child of its own, and keeps both until it is killed. */
async function hold(folder: string): Promise<void> {
  const store = await checkpointStore(join(folder, 'store'));
  const grandchild = spawn('sleep', ['600'], { stdio: 'ignore' });
  await tell({ grandchild: grandchild.pid, checkpoints: (await store.load()).checkpoints });
  process.on('message', () => undefined);
}

/** Tells what comes of opening the store. */
async function tryToOpen(folder: string): Promise<void> {
  try {
    await using store = await checkpointStore(join(folder, 'store'));
    await tell({ opened: store.directory });
  } catch (error) {
    await tell({ error: { kind: (error as { kind?: string }).kind, message: (error as Error).message } });
  }
  process.disconnect();
}

/** Makes and deletes checkpoints without end, and tells each phase. */
async function work(folder: string): Promise<void> {
  const qemu = fileQemu(folder);
  const store = await checkpointStore(join(folder, 'store'));
  for (let turn = 0; ; turn += 1) {
    const { checkpoints } = await store.load();
    const domain: Domain = { ...(await qemu.observe()), checkpoints };
    const [oldest, , second] = checkpoints.checkpoints;
    const plan =
      oldest !== undefined && second !== undefined
        ? planDeleteCheckpoint(domain, turn % 2 === 0 ? oldest.name : second.name)
        : planCreateCheckpoint(domain, { name: `${process.pid}-${turn}` }, { now: turn });
    await tell('planned');
    await store.run(domain, plan, async () => {
      await tell('noted');
      await qemu.send(plan);
      await tell('sent');
    });
    await tell('saved');
  }
}

const [, , task, folder] = process.argv;
const tasks = { hold, open: tryToOpen, work };
if (process.send !== undefined && folder !== undefined) await tasks[task as keyof typeof tasks](folder);
