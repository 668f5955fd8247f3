import { expect, it } from 'vitest';
import { describeOnEachQemu } from '../support/qemu/describe-on-each-qemu.js';
import { expectWhole, layeredMachine, writeAWhile } from '../support/qemu/layered-machine.js';

describeOnEachQemu('the machine that judges layered checkpoints', (qemu) => {
  it('finds an untouched chain whole, and a bitmap that lost a write wrong', async () => {
    await using machine = await layeredMachine(qemu, 1);
    await writeAWhile(machine);
    await machine.checkpoint('c1');
    await writeAWhile(machine);
    await machine.checkpoint('c2');
    await writeAWhile(machine);
    await expectWhole(machine);

    await machine.session.execute('block-dirty-bitmap-clear', { node: 'base', name: 'c1' });
    const [c1, c2] = await machine.judge();
    expect([c1?.identical, c2?.identical]).toEqual([false, true]);
  });
});
