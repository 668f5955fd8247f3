// Makes one change through the built package, and kills itself at one of the moments it passes: node one-change.mjs MONITOR STORE CHANGE
// STOP_AT says which, counted from 1; where it is not set, all of them are told, a line each, and the change is made.
import fs from 'node:fs';
import files from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { planCreateCheckpoint, planDeleteCheckpoint } from 'qemu-checkpoint';
import { checkpointStore, connect, observeDomain, runPlan } from 'qemu-checkpoint/qmp';

const changes = {
  create: (domain) => planCreateCheckpoint(domain, { name: 'new' }, { now: 1700000100 }),
  'delete over layers': (domain) => planDeleteCheckpoint(domain, 'base-1'),
  'delete of children': (domain) => planDeleteCheckpoint(domain, 'middle-1', { children: 'delete' }),
};

const [monitor, directory, change] = process.argv.slice(2);
const stopAt = Number(process.env.STOP_AT ?? 0);
let isUnderWay = false;
let passed = 0;

function pass(moment) {
  if (!isUnderWay) return;
  passed += 1;
  if (stopAt === 0 || passed === stopAt) fs.writeSync(1, `${moment}\n`);
  if (passed === stopAt) process.kill(process.pid, 'SIGKILL');
}

/** Passes a moment before and after each call of a function. */
function watched(name, original) {
  return async (...args) => {
    pass(`before ${name}`);
    const result = await original(...args);
    pass(`after ${name}`);
    return result;
  };
}

for (const name of ['rename', 'unlink']) files[name] = watched(name, files[name]);
const open = files.open;
files.open = async (...args) => {
  const handle = await open(...args);
  for (const name of ['writeFile', 'sync']) handle[name] = watched(name, handle[name].bind(handle));
  return handle;
};
syncBuiltinESMExports();

const turn = () => new Promise((resolve) => setImmediate(resolve));

function watchedSession(session) {
  return {
    ...session,
    async execute(command, ...rest) {
      pass(`before ${command}`);
      const reply = session.execute(command, ...rest);
      reply.catch(() => undefined);
      // By the next turn it has been handed to the system, and nobody waits for the answer yet.
      await turn();
      pass(`sent ${command}`);
      const value = await reply;
      pass(`after ${command}`);
      return value;
    },
  };
}

const word = new Promise((resolve) => process.stdin.once('data', resolve));
fs.writeSync(1, 'ready\n');
await word;
const store = await checkpointStore(directory);
const session = watchedSession(await connect(monitor));
const { checkpoints } = await store.load();
const disks = ['vda', 'vdb'].map((diskTarget) => ({ diskTarget, nodeName: diskTarget }));
const domain = await observeDomain(session, { name: 'soak', disks, checkpoints });
const plan = changes[change](domain);
isUnderWay = true;
await store.run(domain, plan, () => runPlan(session, plan));
isUnderWay = false;
await session.close();
await store.close();
process.stdin.destroy();
