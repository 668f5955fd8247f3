// Makes and deletes checkpoints through the built package for ever, until it is killed: node manager.mjs MONITOR STORE SEED
import { planCreateCheckpoint, planDeleteCheckpoint } from 'qemu-checkpoint';
import { checkpointStore, connect, observeDomain, runPlan } from 'qemu-checkpoint/qmp';

const [monitor, directory, seed] = process.argv.slice(2);
let state = Number(seed);
const random = () => {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return state / 2 ** 32;
};

const word = new Promise((resolve) => process.stdin.once('data', resolve));
process.stdout.write('ready\n');
await word;
const store = await checkpointStore(directory);
const session = await connect(monitor);
const disks = ['vda', 'vdb'].map((diskTarget) => ({ diskTarget, nodeName: diskTarget }));

for (let number = 0; ; number += 1) {
  const { checkpoints } = await store.load();
  const domain = await observeDomain(session, { name: 'soak', disks, checkpoints });
  const names = checkpoints.checkpoints.map(({ name }) => name);
  const doomed = names[Math.floor(random() * names.length)];
  const children = ['keep', 'keep', 'keep', 'keep', 'delete', 'delete-only'][Math.floor(random() * 6)];
  const plan =
    names.length > 5 || (names.length > 1 && random() < 0.5)
      ? planDeleteCheckpoint(domain, doomed, { children })
      : planCreateCheckpoint(domain, { name: `c${seed}-${number}` }, { now: 1700000100 + number });
  process.stdout.write('begun\n');
  await store.run(domain, plan, () => runPlan(session, plan));
  process.stdout.write('done\n');
}
