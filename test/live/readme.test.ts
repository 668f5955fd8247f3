import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { needsQemu, readmeBlocks, readmeExamples } from '../support/example.js';
import { runLine } from '../support/live/run-command-line.js';
import { describeOnEachQemu } from '../support/qemu/describe-on-each-qemu.js';
import { attachNew } from '../support/qemu/disks.js';
import { startStorageDaemon } from '../support/qemu/start-qemu.js';
import { temporaryFolder } from '../support/qemu/temporary-folder.js';
import { runExample } from '../support/run-example.js';

const examples = readmeExamples().filter(({ code }) => needsQemu(code));
const lines = readmeBlocks()
  .filter(({ section, language }) => section === 'Backups' && language === 'sh')
  .flatMap(({ text }) => text.trim().split('\n'));

describeOnEachQemu('what the README shows of backups', (qemu) => {
  it('runs as it stands, but for the paths', async () => {
    await using folder = await temporaryFolder();
    await using daemon = await startStorageDaemon(qemu, { directory: folder.path });
    await attachNew(daemon, folder.path, 'vda');
    await mkdir(join(folder.path, 'backup'));
    const here = (text: string) =>
      text
        .replaceAll('/run/vm/monitor.sock', daemon.address)
        .replaceAll('/var/lib/vm', folder.path)
        .replaceAll('/backup/web', join(folder.path, 'backup'))
        .replaceAll('/images/restored', join(folder.path, 'restored'));
    expect(examples.length).toBeGreaterThan(1);
    for (const { name, code } of examples) {
      for (const { expression, value, expected } of await runExample({ name, code: here(code) })) {
        expect({ [expression]: value }).toStrictEqual({ [expression]: expected });
      }
    }
    expect(lines.length).toBeGreaterThan(2);
    for (const line of lines) {
      const words = here(line).split(' ').slice(1);
      const again = words[0] === 'restore' ? ['--overwrite'] : [];
      expect([line, await runLine([...words, ...again])]).toMatchObject([line, { status: 0 }]);
    }
  });
});
