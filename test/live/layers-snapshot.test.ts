import { join } from 'node:path';
import { expect, it } from 'vitest';
import { planTakeSnapshot } from '../../src/core/plan/take-snapshot.js';
import { describeOnEachQemu } from '../support/qemu/describe-on-each-qemu.js';
import { expectWhole, layeredMachine, writeAWhile } from '../support/qemu/layered-machine.js';

describeOnEachQemu('snapshots under a guest that writes all the time', (qemu) => {
  it('keep every checkpoint whole, three times over', async () => {
    await using machine = await layeredMachine(qemu, 11);
    await machine.checkpoint('c1');
    for (const nodeName of ['one', 'two', 'three']) {
      await writeAWhile(machine);
      const overlay = { nodeName, filename: join(machine.folder, `${nodeName}.qcow2`) };
      await machine.run((domain) => planTakeSnapshot(domain, { disks: [{ diskTarget: 'vda', overlay }] }));
      await writeAWhile(machine);
      await machine.checkpoint(`after-${nodeName}`);
    }
    await writeAWhile(machine);
    const { disks } = await machine.observe();
    expect(disks[0]?.backingChain.map(({ nodeName }) => nodeName)).toEqual(['three', 'two', 'one', 'base']);
    await expectWhole(machine);
  });
});
