import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { Domain, TransactionAction } from '../../src/index.js';
import { formatTransaction, QmpCommandError } from '../../src/qmp/index.js';
import { startQemu } from '../support/model.js';
import { describeOnEachQemu } from '../support/qemu/describe-on-each-qemu.js';
import { attachChain, attachNew } from '../support/qemu/disks.js';
import { attachGuest, type GuestDisk } from '../support/qemu/guest-disk.js';
import { lookAtDomain } from '../support/qemu/look-at-domain.js';
import { type RunningQemu, startStorageDaemon } from '../support/qemu/start-qemu.js';
import { temporaryFolder } from '../support/qemu/temporary-folder.js';

type Event =
  | { readonly kind: 'write'; readonly nodeName: string; readonly offset: number; readonly length: number }
  | { readonly kind: 'transaction'; readonly actions: readonly TransactionAction[] };

const nodeNames = ['vda', 'vdb'];
const nodeName = fc.constantFrom(...nodeNames);
const bitmap = fc.constantFrom('a', 'b', 'c');
const reference = fc.record({ nodeName, bitmap });

const write: fc.Arbitrary<Event> = fc.record({
  kind: fc.constant('write' as const),
  nodeName,
  offset: fc.integer({ min: 0, max: 2 ** 22 }),
  length: fc.integer({ min: 1, max: 2 ** 20 }),
});
const action: fc.Arbitrary<TransactionAction> = fc.oneof(
  fc
    .record({
      kind: fc.constant('bitmap-add' as const),
      nodeName,
      bitmap,
      persistent: fc.boolean(),
      recording: fc.boolean(),
      granularity: fc.constantFrom(1024, 65536, 131072, 3000),
    })
    .map(({ granularity, ...add }) => (granularity === 65536 ? add : { ...add, granularity })),
  fc.record({
    kind: fc.constantFrom('bitmap-remove', 'bitmap-clear', 'bitmap-disable'),
    nodeName,
    bitmap,
  }),
  fc.record({
    kind: fc.constant('bitmap-merge' as const),
    nodeName,
    intoBitmap: bitmap,
    sources: fc.array(reference, { minLength: 1, maxLength: 3 }),
  }),
);
const enable: fc.Arbitrary<TransactionAction> = reference.map((which) => ({ kind: 'bitmap-enable', ...which }));
const transaction: fc.Arbitrary<Event> = fc.record({
  kind: fc.constant('transaction' as const),
  actions: fc.oneof(fc.array(action, { maxLength: 3 }), fc.tuple(enable)),
});

describeOnEachQemu('the model of QEMU that plans are judged by', (qemu) => {
  it('has the same bitmaps as QEMU after any writes and transactions, refuses the same, and restarts the same', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.oneof(write, transaction), { minLength: 10, maxLength: 30 }), async (events) => {
        await using folder = await temporaryFolder();
        await using daemon = await startStorageDaemon(qemu);
        for (const name of nodeNames) await attachNew(daemon, folder.path, name);
        const guests = await Promise.all(nodeNames.map((name) => attachGuest(daemon, name)));
        const fresh = await look(daemon);
        const model = startQemu(fresh);
        for (const event of events) {
          if (event.kind === 'write') {
            model.write(event.nodeName, event.offset, event.length);
            await writeTo(guests, event);
          } else if (!endsQemu(event.actions, model.observe(fresh))) {
            expect(await runs(daemon, event)).toBe(accepts(() => model.execute(event)));
          }
          expect(await look(daemon)).toStrictEqual(model.observe(fresh));
        }

        await daemon.quit();
        await using again = await startStorageDaemon(qemu);
        for (const name of nodeNames) await attachChain(again.monitor, folder.path, [name]);
        model.restart();
        // QEMU lists bitmaps that it has read from an image the other way round.
        expect(byName(await look(again))).toStrictEqual(byName(model.observe(fresh)));
      }),
      { numRuns: 12, endOnFailure: true },
    );
  });
});

function look({ monitor }: RunningQemu): Promise<Domain> {
  return lookAtDomain(
    monitor,
    nodeNames.map((name) => [name, name] as const),
  );
}

async function writeTo(guests: readonly GuestDisk[], event: Event & { readonly kind: 'write' }): Promise<void> {
  const { offset, length } = event;
  await guests[nodeNames.indexOf(event.nodeName)]?.write({ offset, length, byte: 1 });
}

async function runs({ monitor }: RunningQemu, event: Event & { readonly kind: 'transaction' }): Promise<boolean> {
  const { execute, arguments: args } = formatTransaction(event.actions);
  try {
    await monitor.execute(execute, args);
    return true;
  } catch (cause) {
    if (cause instanceof QmpCommandError) return false;
    throw cause;
  }
}

/** QEMU crashes when it cannot find the bitmap that a transaction is to enable: the undo of that action wants it too. */
function endsQemu([first]: readonly TransactionAction[], { disks }: Domain): boolean {
  if (first?.kind !== 'bitmap-enable') return false;
  const node = disks.flatMap(({ backingChain }) => backingChain).find(({ nodeName: name }) => name === first.nodeName);
  return !node?.bitmaps.some(({ name }) => name === first.bitmap);
}

function accepts(run: () => void): boolean {
  try {
    run();
    return true;
  } catch {
    return false;
  }
}

function byName({ disks, ...domain }: Domain): Domain {
  return {
    ...domain,
    disks: disks.map((disk) => ({
      ...disk,
      backingChain: disk.backingChain.map((node) => ({
        ...node,
        bitmaps: node.bitmaps.toSorted((a, b) => (a.name < b.name ? -1 : 1)),
      })),
    })),
  };
}
