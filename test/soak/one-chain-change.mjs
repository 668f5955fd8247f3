// Changes the layers of disk vda once, through the built package: node one-chain-change.mjs MONITOR STORE ACTIVE CHANGE REQUEST
// Tells how many steps that takes, each step that is done, and when all is saved; and then waits until QEMU goes.
import fs from 'node:fs';
import { planCommit, planCopy, planPull, planTakeSnapshot } from 'qemu-checkpoint';
import { checkpointStore, connect, observeDomain, runPlan } from 'qemu-checkpoint/qmp';

const [monitor, directory, nodeName, change, request] = process.argv.slice(2);
const planners = { snapshot: planTakeSnapshot, commit: planCommit, copy: planCopy, pull: planPull };

// At once, so that what is told last is what was done last.
const tell = (line) => fs.writeSync(1, `${line}\n`);

function nameOf({ kind, actions = [], job, until }) {
  const kinds = new Set(actions.map((action) => action.kind));
  return [
    job?.kind === 'create' ? 'new image:' : '',
    kind,
    until === undefined ? '' : `until ${until}`,
    kinds.size === 0 ? '' : `of ${[...kinds].sort().join(', ')}`,
  ]
    .filter(Boolean)
    .join(' ');
}

const word = new Promise((resolve) => process.stdin.once('data', resolve));
tell('ready');
await word;
const store = await checkpointStore(directory);
const session = await connect(monitor);
const { checkpoints } = await store.load();
const domain = await observeDomain(session, { name: 'layered', disks: [{ diskTarget: 'vda', nodeName }], checkpoints });
const plan = planners[change](domain, JSON.parse(request));
tell(`begun ${plan.steps.length}`);
const onStep = ({ state, step: { command } }) => state === 'done' && tell(nameOf(command));
await store.run(domain, plan, () => runPlan(session, plan, { onStep }));
tell('saved');
await session.closed;
process.stdin.destroy();
