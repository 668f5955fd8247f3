import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { replaySession } from '../../src/qmp/index.js';
import { howToInstall, qemuVersions } from '../support/qemu/find-qemu.js';
import { tellLive } from './live-story.js';
import { tellStory } from './story.js';

const say = (line: string) => console.log(line);

/** `npm start`: the main job on a real daemon where there is one, and from the recording of the same story elsewhere. */
async function start(): Promise<void> {
  const [qemu] = qemuVersions();
  if (qemu !== undefined) {
    say(`On a real qemu-storage-daemon ${qemu.version}:\n`);
    await tellLive(qemu, say);
    return;
  }
  say(`No qemu-storage-daemon is installed (${howToInstall('7.2')}): this is a recording of QEMU 7.2.\n`);
  const transcript = await readFile(join(import.meta.dirname, '../fixtures/7.2/story.jsonl'), 'utf8');
  await tellStory(replaySession(transcript), { say, guestWrites: () => Promise.resolve() });
}

await start();
