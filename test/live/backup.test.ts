import { expect, it } from 'vitest';
import { backupMachine } from '../support/qemu/backup-machine.js';
import { describeOnEachQemu } from '../support/qemu/describe-on-each-qemu.js';
import { startStorageDaemon, startSystem } from '../support/qemu/start-qemu.js';

describeOnEachQemu('backups', (qemu) => {
  it.each([
    ['push', 'push', {}],
    ['push of a system emulator', 'push', {}],
    ['pull', 'pull', {}],
    ['pull of a system emulator', 'pull', {}],
    // Before 10.0 fleecing is refused: see below.
    ...(qemu.version === '7.2' ? [] : [['pull with fleecing', 'pull', { fleecing: true }] as const]),
  ] as const)(
    'of a busy machine, full and then some since the one before, by %s: each point restores to the bytes of its instant',
    async (what, mode, how) => {
      const start = what.endsWith('emulator') ? startSystem : startStorageDaemon;
      await using machine = await backupMachine(qemu, 5, start);
      const request = (...about: readonly [name: string, since?: string]) => {
        const asked = machine.request(mode, ...about);
        return { ...asked, disks: asked.disks.map((disk) => ({ ...disk, ...how })) };
      };
      await machine.backUp('full', request('full'));
      let since = 'full';
      // An emulator differs in nothing that a longer chain would show.
      const names = ['first', 'second', 'third', 'fourth', 'fifth'].slice(0, start === startSystem ? 2 : 5);
      for (const name of names) {
        const manifest = await machine.backUp(name, request(name, since));
        expect(manifest.disks.map(({ base }) => base?.name)).toEqual([since, since, undefined]);
        expect(await machine.leftovers()).toEqual([]);
        since = name;
      }
      for (const { name } of machine.manifests) expect([name, await machine.wronglyRestored(name)]).toEqual([name, []]);
    },
  );

  const manner = qemu.version === '7.2' ? 'refused, for this QEMU would show what is not of the instant' : 'taken back';
  it(`with fleecing are ${manner}, and nothing is left`, async () => {
    await using machine = await backupMachine(qemu, 6);
    const asked = machine.request('pull', 'full');
    const request = { ...asked, disks: asked.disks.map((disk) => ({ ...disk, fleecing: true }) as const) };
    const torn = machine.backUp('full', request, { read: () => Promise.reject(new Error('the tape is torn')) });
    const refusal = { code: 'command-unsupported', member: 'driver=snapshot-access', since: '10.0' };
    await expect(torn).rejects.toMatchObject(
      qemu.version === '7.2'
        ? { problems: Array.from({ length: 3 }, () => expect.objectContaining(refusal)) }
        : { name: 'BackupError', message: expect.stringContaining('the tape is torn') },
    );
    expect(await machine.leftovers()).toEqual([]);
  });
});
