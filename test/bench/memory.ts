import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { qemuVersions } from '../support/qemu/find-qemu.js';
import { attachGuest } from '../support/qemu/guest-disk.js';
import { attachImage, createImage } from '../support/qemu/images.js';
import { startStorageDaemon } from '../support/qemu/start-qemu.js';
import { temporaryFolder } from '../support/qemu/temporary-folder.js';

const run = promisify(execFile);
const MiB = 2 ** 20;
const size = 100 * 1024 * MiB;
const pieces = 400;

/** The most memory, in MiB, that a process had which backs up a disk of 100 GiB: in full, and then since that, by each mode. */
export async function backupMemory(): Promise<readonly { readonly what: string; readonly peaks: readonly number[] }[]> {
  const found = [];
  for (const qemu of qemuVersions()) {
    for (const mode of ['push', 'pull']) {
      await using folder = await temporaryFolder();
      await using daemon = await startStorageDaemon(qemu, { directory: folder.path });
      const filename = await createImage(qemu, join(folder.path, 'vda.qcow2'), { size });
      await attachImage(daemon.monitor, { nodeName: 'vda', filename });
      const guest = await attachGuest(daemon, 'vda');
      const step = Math.floor(size / pieces / MiB) * MiB;
      await guest.write(
        ...Array.from({ length: pieces }, (_, at) => ({ offset: at * step, length: MiB, byte: 1 + (at % 255) })),
      );
      await guest.detach();
      const words = [daemon.address, join(folder.path, 'store'), join(folder.path, 'backups'), mode, daemon.nbdAddress];
      const { stdout } = await run(process.execPath, [join(import.meta.dirname, 'backup-memory.mjs'), ...words]);
      const peaks = stdout
        .trim()
        .split('\n')
        .map((line) => Number(line) / 1024);
      found.push({ what: `QEMU ${qemu.version}, ${mode}`, peaks });
    }
  }
  return found;
}
