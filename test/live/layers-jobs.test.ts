import { join } from 'node:path';
import { expect, it } from 'vitest';
import { planCommit } from '../../src/core/plan/commit.js';
import { planCopy } from '../../src/core/plan/copy.js';
import { planPull } from '../../src/core/plan/pull.js';
import { planTakeSnapshot } from '../../src/core/plan/take-snapshot.js';
import type { Domain, Plan } from '../../src/index.js';
import type { StepProgress } from '../../src/qmp/index.js';
import { describeOnEachQemu } from '../support/qemu/describe-on-each-qemu.js';
import type { Qemu } from '../support/qemu/find-qemu.js';
import { expectWhole, type LayeredMachine, layeredMachine, writeAWhile } from '../support/qemu/layered-machine.js';

/** Three layers, `top` on `middle` on `base`, with a checkpoint made on each. */
async function threeLayers(qemu: Qemu, seed: number, filter?: string): Promise<LayeredMachine> {
  const machine = await layeredMachine(qemu, seed, filter);
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

/** A change of the layers, and those there are after it. */
interface Change {
  readonly what: string;
  readonly layers: readonly string[];
  readonly plan: (domain: Domain, folder: string) => Plan;
}

describeOnEachQemu('layers that change under a guest that writes all the time', (qemu) => {
  const changes: readonly Change[] = [
    { what: 'an active commit into the next layer', layers: ['middle', 'base'], plan: commit('top', 'middle') },
    { what: 'an active commit into the base', layers: ['base'], plan: commit('top', 'base') },
    { what: 'a commit below the active layer', layers: ['top', 'base'], plan: commit('middle', 'base') },
    { what: 'a copy of all layers', layers: ['copy'], plan: copy(false) },
    { what: 'a copy of the active layer', layers: ['copy', 'middle', 'base'], plan: copy(true) },
    { what: 'a pull down to the base', layers: ['top', 'base'], plan: pull({ baseNodeName: 'base' }) },
    { what: 'a pull of everything', layers: ['top'], plan: pull({}) },
  ];
  const below = (driver: string, rows: readonly Change[]) => rows.map((change) => ({ driver, ...change }));

  it.each<Change & { readonly driver?: string }>([
    ...changes,
    ...below('throttle', changes.slice(0, 5)),
    ...below('copy-on-read', changes.slice(1, 4)),
  ])(
    '$what, below a filter: $driver, keeps every checkpoint whole, and leaves nothing behind',
    async ({ driver, layers, plan }) => {
      await using machine = await threeLayers(qemu, 5, driver);
      await machine.run((domain) => plan(domain, machine.folder));
      await writeAWhile(machine);
      await machine.checkpoint('after');
      await writeAWhile(machine);
      const seen = await machine.observe();
      expect(seen.disks[0]?.backingChain.map(({ nodeName }) => nodeName)).toEqual(layers);
      expect(seen.otherNodes).toBeUndefined();
      expect(await machine.session.execute('query-jobs')).toEqual([]);
      // What was read is copied up by that one, and moved down with the rest: the base's bitmaps have it too.
      await expectWhole(machine, { mayHoldMore: driver === 'copy-on-read' });
    },
  );

  it('an active commit that is stopped when it follows the guest leaves all as it was, and the base read-only', async () => {
    await using machine = await threeLayers(qemu, 7);
    const before = await machine.observe();
    const stop = new AbortController();
    const onStep = ({ state, step }: StepProgress) => {
      if (state === 'done' && step.command.kind === 'job-wait') stop.abort(new Error('enough'));
    };
    const run = machine.run((domain) => commit('top', 'base')(domain), { signal: stop.signal, onStep });
    await expect(run).rejects.toMatchObject({ outcome: 'undone' });
    const seen = await machine.observe();
    expect(shown(seen)).toEqual(shown(before));
    expect(await machine.session.execute('query-jobs')).toEqual([]);
    await expectWhole(machine);
  });
});

/** The layers, and the names of their bitmaps. */
function shown({ disks }: Domain) {
  return disks.flatMap(({ backingChain }) =>
    backingChain.map(({ nodeName, readOnly, bitmaps }) => ({
      nodeName,
      readOnly,
      bitmaps: bitmaps.map(({ name }) => name),
    })),
  );
}
