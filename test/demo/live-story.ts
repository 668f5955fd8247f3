import { connect, recordSession } from '../../src/qmp/index.js';
import { attachNew } from '../support/qemu/disks.js';
import type { Qemu } from '../support/qemu/find-qemu.js';
import { attachGuest } from '../support/qemu/guest-disk.js';
import { startStorageDaemon } from '../support/qemu/start-qemu.js';
import { temporaryFolder } from '../support/qemu/temporary-folder.js';
import { tellStory } from './story.js';

/**
 * Tells the story on a real daemon with two small disks in a temporary folder, both gone at the end.
 *
 * @returns What passed over the monitor, and the folder it names.
 */
export async function tellLive(
  qemu: Qemu,
  say: (line: string) => void,
): Promise<{ readonly transcript: string; readonly folder: string }> {
  await using folder = await temporaryFolder();
  await using daemon = await startStorageDaemon(qemu, { directory: folder.path });
  for (const disk of ['vda', 'vdb']) await attachNew(daemon, folder.path, disk);
  const guests = new Map([
    ['vda', await attachGuest(daemon, 'vda')],
    ['vdb', await attachGuest(daemon, 'vdb')],
  ]);
  await using session = recordSession(await connect(daemon.address));
  let byte = 0;
  await tellStory(session, {
    say,
    async guestWrites(diskTarget, granules) {
      byte += 1;
      await guests.get(diskTarget)?.write({ offset: 0, length: granules * 65536, byte });
    },
  });
  for (const guest of guests.values()) await guest.detach();
  return { transcript: session.transcript(), folder: folder.path };
}
