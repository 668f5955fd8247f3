import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { tellLive } from '../demo/live-story.js';
import { howToInstall, type Qemu, qemuVersions, wantedVersions } from '../support/qemu/find-qemu.js';
import { temporaryFolder } from '../support/qemu/temporary-folder.js';
import { recordAgent } from './agent.js';
import { recordLife } from './life.js';
import { scrub } from './scrub.js';
import { basic, empty, layered, mixed, unusable, type World } from './worlds.js';

const worlds: readonly World[] = [empty, basic, layered, unusable, mixed];
const fixtures = process.argv[2] ?? join(import.meta.dirname, '../fixtures');

/** Records every world with every QEMU that fixtures are wanted from: `npm run record`, or with a folder to write to. */
async function record(): Promise<void> {
  const versions = qemuVersions();
  for (const version of wantedVersions) {
    const qemu = versions.find((found) => found.version === version);
    if (qemu === undefined) throw new Error(`QEMU ${version} is not on this machine: ${howToInstall(version)}`);
    const folder = join(fixtures, version);
    await mkdir(folder, { recursive: true });
    for (const world of worlds) await writeFile(join(folder, `${world.name}.json`), await recordWorld(qemu, world));
    await writeFile(join(folder, 'life.jsonl'), await recordTranscript(qemu));
    await writeFile(join(folder, 'story.jsonl'), await recordStory(qemu));
    const exchanges = (await recordAgent(qemu)).map((exchange) => `${JSON.stringify(exchange)}\n`);
    await writeFile(join(folder, 'guest-agent.jsonl'), exchanges.join(''));
    const names = [...worlds.map(({ name }) => name), 'life', 'story', 'guest-agent'];
    console.log(`recorded ${names.join(', ')} with QEMU ${version}`);
  }
}

async function recordWorld(qemu: Qemu, world: World): Promise<string> {
  await using folder = await temporaryFolder();
  await using daemon = await world(qemu, folder.path);
  const nodes = await daemon.monitor.execute('query-named-block-nodes', { flat: true });
  return `${JSON.stringify(scrub({ return: nodes }, folder.path), null, 2)}\n`;
}

async function recordTranscript(qemu: Qemu): Promise<string> {
  await using folder = await temporaryFolder();
  await using daemon = await empty(qemu, folder.path);
  const messages = await recordLife(daemon);
  return messages.map((message) => `${JSON.stringify(scrub(message, folder.path))}\n`).join('');
}

/** What `npm start` replays where no QEMU is installed. */
async function recordStory(qemu: Qemu): Promise<string> {
  const { transcript, folder } = await tellLive(qemu, () => undefined);
  const messages = transcript.trimEnd().split('\n');
  return messages.map((message) => `${JSON.stringify(scrub(JSON.parse(message), folder))}\n`).join('');
}

await record();
