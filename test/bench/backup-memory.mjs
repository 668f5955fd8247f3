// Makes backups through the built package, and tells how much memory its process has had at most after each: MONITOR STORE DIRECTORY MODE SOCKET
import { checkpointStore, connect, makeBackup, observeDomain } from 'qemu-checkpoint/qmp';

const [monitor, path, directory, mode, socket] = process.argv.slice(2);
const session = await connect(monitor);
const store = await checkpointStore(path);
const observe = () => observeDomain(session, { name: 'bench', disks: [{ diskTarget: 'vda', nodeName: 'vda' }] });
const server = mode === 'pull' ? { server: { type: 'unix', path: socket, running: true } } : {};
for (const name of ['full', 'since']) {
  await makeBackup(session, { directory, name: `${mode}-${name}`, mode, ...server }, { store, observe });
  // In kilobytes.
  process.stdout.write(`${process.resourceUsage().maxRSS}\n`);
}
await session.close();
await store.close();
