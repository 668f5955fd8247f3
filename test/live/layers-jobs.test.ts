import { join } from 'node:path';
import { expect, it } from 'vitest';
import { planCommit } from '../../src/core/plan/commit.js';
import { planCopy } from '../../src/core/plan/copy.js';
import { planPull } from '../../src/core/plan/pull.js';
import { planTakeSnapshot } from '../../src/core/plan/take-snapshot.js';
import type { Domain, Plan } from '../../src/index.js';
import { describeOnEachQemu } from '../support/qemu/describe-on-each-qemu.js';
import type { Qemu } from '../support/qemu/find-qemu.js';
import { expectWhole, type LayeredMachine, layeredMachine, writeAWhile } from '../support/qemu/layered-machine.js';

/** Three layers, `top` on `middle` on `base`, with a checkpoint made on each. */
async function threeLayers(qemu: Qemu, seed: number): Promise<LayeredMachine> {
  const machine = await layeredMachine(qemu, seed);
  await writeAWhile(machine);
  await machine.checkpoint('on-base');
  for (const nodeName of ['middle', 'top']) {
    await writeAWhile(machine);
    const overlay = { nodeName, filename: join(machine.folder, `${nodeName}.qcow2`) };
    await machine.run((domain) => planTakeSnapshot(domain, { disks: [{ diskTarget: 'vda', overlay }] }));
    await writeAWhile(machine);
    await machine.checkpoint(`on-${nodeName}`);
  }
  await writeAWhile(machine);
  return machine;
}

const commit = (topNodeName: string, baseNodeName: string) => (domain: Domain) =>
  planCommit(domain, { diskTarget: 'vda', topNodeName, baseNodeName });
const copy = (shallow: boolean) => (domain: Domain, folder: string) =>
  planCopy(domain, { diskTarget: 'vda', shallow, mirror: { nodeName: 'copy', filename: join(folder, 'copy.qcow2') } });
const pull = (base: { readonly baseNodeName?: string }) => (domain: Domain) =>
  planPull(domain, { diskTarget: 'vda', ...base });

describeOnEachQemu('layers that change under a guest that writes all the time', (qemu) => {
  it.each<[string, readonly string[], (domain: Domain, folder: string) => Plan]>([
    ['an active commit into the next layer', ['middle', 'base'], commit('top', 'middle')],
    ['an active commit into the base', ['base'], commit('top', 'base')],
    ['a commit below the active layer', ['top', 'base'], commit('middle', 'base')],
    ['a copy of all layers', ['copy'], copy(false)],
    ['a copy of the active layer', ['copy', 'middle', 'base'], copy(true)],
    ['a pull down to the base', ['top', 'base'], pull({ baseNodeName: 'base' })],
    ['a pull of everything', ['top'], pull({})],
  ])('%s keeps every checkpoint whole, with no byte too much, and leaves nothing behind', async (_, layers, plan) => {
    await using machine = await threeLayers(qemu, 5);
    await machine.run((domain) => plan(domain, machine.folder));
    await writeAWhile(machine);
    await machine.checkpoint('after');
    await writeAWhile(machine);
    const seen = await machine.observe();
    expect(seen.disks[0]?.backingChain.map(({ nodeName }) => nodeName)).toEqual(layers);
    expect(seen.otherNodes).toBeUndefined();
    expect(await machine.session.execute('query-jobs')).toEqual([]);
    await expectWhole(machine);
  });
});
