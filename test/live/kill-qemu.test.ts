import { expect, it } from 'vitest';
import { liveDomain } from '../support/live/live-domain.js';
import { layeredDomain, startLayered } from '../support/live/live-layers.js';
import { bitmapsIn, isReadOnly } from '../support/live/nodes-in.js';
import { runLine } from '../support/live/run-command-line.js';
import { describeOnEachQemu } from '../support/qemu/describe-on-each-qemu.js';
import { attachNew, imageOf, takeSnapshot } from '../support/qemu/disks.js';
import { attachImage } from '../support/qemu/images.js';
import { qmpProxy } from '../support/qemu/qmp-proxy.js';
import { startStorageDaemon } from '../support/qemu/start-qemu.js';

const done = { status: 0, complained: [] };

describeOnEachQemu('a QEMU that is killed', (qemu) => {
  it('has every bitmap that is lost or inconsistent named with its cause; those of disks it had not written stay usable', async () => {
    await using domain = await liveDomain(qemu, { vda: ['vda'], vdb: ['vdb'] });
    await using first = await domain.start();
    await domain.run(first.address, 'create', 'monday');
    await domain.run(first.address, 'create', 'tuesday', '--only', 'vdb');
    await first.quit();

    // The second disk is open for reading only when it is killed.
    await using killed = await startStorageDaemon(qemu);
    await attachImage(killed.monitor, { nodeName: 'vda', filename: imageOf(domain.folder, 'vda') });
    await attachImage(killed.monitor, { nodeName: 'vdb', filename: imageOf(domain.folder, 'vdb'), readOnly: true });
    expect(await domain.run(killed.address, 'create', 'wednesday', '--only', 'vda')).toMatchObject(done);
    await killed.kill('SIGKILL');

    await using again = await domain.start();
    const { address } = again;
    expect(await domain.check(address)).toMatchObject([
      { checkpoint: 'monday', diskTarget: 'vda', usable: false, problems: ['inconsistent on vda'] },
      { checkpoint: 'monday', diskTarget: 'vdb', usable: true, problems: [] },
      { checkpoint: 'tuesday', diskTarget: 'vdb', usable: true, problems: [] },
      { checkpoint: 'wednesday', diskTarget: 'vda', usable: false, problems: ['missing'] },
    ]);
    expect(await domain.run(address, 'check')).toEqual({
      status: 1,
      printed: ['1 of 3 checkpoints can be used on all their disks'],
      complained: [
        'checkpoint "monday": bitmap "monday" on node "vda" (disk vda) is inconsistent: QEMU did not close the image cleanly; it can only be removed: rescue it where the layer has a backing image, or use an older checkpoint or a full backup',
        'checkpoint "wednesday": bitmap "wednesday" is on no layer (disk vda); QEMU did not close the image cleanly, or the bitmap was removed: only an older checkpoint or a full backup helps',
      ],
    });
    const { printed } = await domain.run(address, 'list');
    expect(printed.map((line) => line.trim().split(/ {2,}/).toSpliced(1, 1))).toEqual([
      ['checkpoint', 'vda', 'vdb'],
      ['> wednesday', 'missing', '-'],
      ['tuesday', '-', '0 B'],
      ['monday', 'inconsistent', '0 B'],
    ]);

    // A new bitmap in place of the lost one would pass for it.
    expect(await domain.run(address, 'create', 'wednesday')).toMatchObject({ status: 1 });
    expect(await domain.run(address, 'create', 'thursday')).toMatchObject(done);
    expect(await domain.run(address, 'delete', 'wednesday')).toMatchObject({
      status: 0,
      complained: [expect.stringMatching(/^warning: bitmap "wednesday" is on no layer \(disk vda\)/)],
    });
    expect(await domain.run(address, 'delete', 'monday')).toMatchObject(done);
    expect(await domain.run(address, 'check')).toMatchObject({ ...done, printed: [expect.stringMatching(/^2 of 2 /)] });
    expect(await bitmapsIn(again)).toEqual(['vda thursday', 'vdb thursday', 'vdb tuesday']);
  });

  it('leaves the layers below intact, and what was lost above them makes a checkpoint unusable all the same', async () => {
    await using domain = await layeredDomain(qemu);
    await using killed = await startLayered(qemu, domain);
    await killed.kill('SIGKILL');

    await using again = await domain.start();
    const verdicts = await domain.check(again.address);
    expect(verdicts.map(({ usable, problems }) => ({ usable, problems }))).toEqual([
      ...['vda-active', 'vdb', 'vda-active', 'vdb', 'vda-active', 'vdb'].map((node) => {
        return { usable: false, problems: [`inconsistent on ${node}`] };
      }),
    ]);
    expect(await domain.run(again.address, 'delete', 'monday', '--children', 'delete')).toMatchObject({ status: 0 });
    expect(await bitmapsIn(again)).toEqual([]);
    expect(await domain.run(again.address, 'create', 'thursday')).toMatchObject(done);
    expect(await domain.run(again.address, 'check')).toMatchObject(done);
  });

  it('after a snapshot leaves the lower part of a checkpoint clean, which is not called usable alone', async () => {
    await using domain = await liveDomain(qemu, { vda: ['overlay', 'base'] });
    await using killed = await startStorageDaemon(qemu);
    await attachNew(killed, domain.folder, 'base');
    const source = ['--qmp', killed.address, '--store', domain.store, '--disk=vda=base'];
    expect(await runLine(['create', 'monday', ...source])).toMatchObject(done);
    await takeSnapshot(killed, domain.folder, ['base', 'overlay'], [['overlay', 'monday']]);
    expect(await domain.run(killed.address, 'check')).toMatchObject(done);
    await killed.kill('SIGKILL');

    await using again = await domain.start();
    expect(await bitmapsIn(again)).toEqual(['base monday']);
    expect(await domain.check(again.address)).toMatchObject([
      { checkpoint: 'monday', usable: false, problems: ['not-on-active-layer on overlay'] },
    ]);
    expect(await domain.run(again.address, 'delete', 'monday')).toMatchObject({ status: 0 });
    expect(await bitmapsIn(again)).toEqual([]);
    expect(await isReadOnly(again, 'base')).toBe(true);
  });

  const layersOf = { monday: ['vda-active', 'vda-middle', 'vda-base'], tuesday: ['vda-active', 'vda-middle'] };

  it.each([
    ['before the bitmaps are removed', 'before', 'keep', { ...layersOf, wednesday: ['vda-active'] }],
    ['when they are removed', 'after', 'drop', { tuesday: layersOf.tuesday, wednesday: ['vda-active'] }],
  ] as const)(
    'in a delete over layers, %s, has all bitmaps of the layers open for writing named',
    async (_, cut, verdict, left) => {
      await using domain = await layeredDomain(qemu);
      await using killed = await startLayered(qemu, domain);
      await using proxy = await qmpProxy(killed.address, {
        async [cut]({ execute }: { readonly execute: string }) {
          if (execute === 'transaction') await killed.kill('SIGKILL');
        },
      });
      const failed = await domain.run(proxy.address, 'delete', 'monday');
      expect(failed).toMatchObject({ status: 1, printed: [] });
      expect(failed.complained.join('\n')).toContain(
        'the step may have taken effect: observe the domain again before anything else',
      );
      expect(failed.complained.at(-1)).toBe(
        'what was begun stays noted in the store; run reconcile when QEMU can be reached',
      );

      await using again = await domain.start();
      const { address } = again;
      const interrupted = 'the delete of checkpoint "monday" was interrupted and may be half done; run reconcile first';
      expect(await domain.run(address, 'create', 'friday')).toEqual({
        status: 1,
        printed: [],
        complained: [interrupted],
      });
      expect((await domain.run(address, 'list')).complained).toEqual([interrupted]);
      expect(await domain.run(address, 'reconcile')).toMatchObject({
        ...done,
        printed: [expect.stringMatching(`^checkpoint "monday": ${verdict}: `)],
      });

      expect(await domain.check(address)).toMatchObject(
        Object.entries(left).flatMap(([name, layers]) => [
          {
            checkpoint: name,
            diskTarget: 'vda',
            usable: false,
            problems: layers.map((node) => `inconsistent on ${node}`),
          },
          { checkpoint: name, diskTarget: 'vdb', usable: false, problems: ['inconsistent on vdb'] },
        ]),
      );
      for (const name of Object.keys(left)) {
        expect(await domain.run(address, 'delete', name)).toMatchObject({ status: 0 });
      }
      expect(await bitmapsIn(again)).toEqual([]);
      expect(await domain.run(address, 'create', 'friday')).toMatchObject(done);
      expect(await domain.run(address, 'check')).toMatchObject(done);
    },
  );

  it.each([
    ['before it has the transaction', 'before'],
    ['when the transaction is done', 'after'],
  ] as const)('in a create, %s, has lost the checkpoint', async (_, cut) => {
    await using domain = await liveDomain(qemu, { vda: ['vda'], vdb: ['vdb'] });
    await using killed = await domain.start();
    await using proxy = await qmpProxy(killed.address, {
      async [cut]({ execute }: { readonly execute: string }) {
        if (execute === 'transaction') await killed.kill('SIGKILL');
      },
    });
    expect(await domain.run(proxy.address, 'create', 'monday')).toMatchObject({ status: 1 });
    await using again = await domain.start();
    expect(
      (await domain.run(again.address, 'reconcile', '--json')).printed.map((line) => JSON.parse(line)),
    ).toMatchObject([{ decisions: [{ checkpoint: 'monday', change: 'create', verdict: 'drop' }] }]);
    expect(await domain.run(again.address, 'create', 'monday')).toMatchObject(done);
    expect(await domain.run(again.address, 'check')).toMatchObject(done);
  });
});
