// Makes a backup through the built package: node one-backup.mjs MONITOR STORE DIRECTORY DISKS UNTIL [SOCKET], to be killed where it says.
// UNTIL: copying, slow enough not to end, or reading over the SOCKET; or written, when the manifest is there and nothing else is saved.
import { checkpointStore, connect, makeBackup, observeDomain } from 'qemu-checkpoint/qmp';

const [monitor, path, directory, disks, until, socket] = process.argv.slice(2);
const word = new Promise((resolve) => process.stdin.once('data', resolve));
const forEver = () => new Promise(() => setInterval(() => undefined, 60_000));

process.stdout.write('ready\n');
await word;
const kept = await checkpointStore(path);
const session = await connect(monitor);
const observe = () => observeDomain(session, { name: 'nightly', disks: JSON.parse(disks) });
const store = {
  load: () => kept.load(),
  settle: (outcome) => kept.settle(outcome),
  run: (domain, plan, execute) =>
    kept.run(domain, plan, async () => {
      await execute();
      if (until !== 'written' || plan.ended === undefined) return;
      process.stdout.write('written\n');
      await forEver();
    }),
};
const server = socket === undefined ? undefined : { type: 'unix', path: socket, running: true };
const request = {
  directory,
  name: 'tuesday',
  ...(server === undefined ? {} : { mode: 'pull', server }),
  ...(until === 'copying' && { copy: { speed: 65536 } }),
};
const say = () => {
  process.stdout.write('copying\n');
  return forEver();
};
await makeBackup(session, request, {
  store,
  observe,
  now: 1_700_000_500,
  ...(until !== 'written' && { onProgress: say, read: say }),
});
