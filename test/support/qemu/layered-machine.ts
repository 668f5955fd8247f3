import { createHash } from 'node:crypto';
import { expect } from 'vitest';
import { type Domain, type Plan, planCreateCheckpoint } from '../../../src/index.js';
import { connect, observeDomain, type QmpConnection, type RunOptions, runPlan } from '../../../src/qmp/index.js';
import { type BusyGuest, busyGuest, granule, seededRandom } from './busy-guest.js';
import { attachNew } from './disks.js';
import type { Qemu } from './find-qemu.js';
import { attachGuest } from './guest-disk.js';
import { incrementalSince } from './incremental.js';
import { type RunningQemu, startStorageDaemon } from './start-qemu.js';
import { temporaryFolder } from './temporary-folder.js';

/** One disk, vda, with a guest that keeps it busy, and all that is needed to judge its checkpoints by bytes. */
export interface LayeredMachine extends AsyncDisposable {
  readonly daemon: RunningQemu;
  readonly session: QmpConnection;
  readonly folder: string;
  readonly guest: BusyGuest;
  /** The domain as QEMU shows it now, with the checkpoints that were saved last. */
  observe(): Promise<Domain>;
  /** Plans on what is there now, runs the plan while the guest writes, and saves what it leads to. */
  run(plan: (domain: Domain) => Plan, options?: RunOptions): Promise<Domain>;
  /** Makes a checkpoint at an instant at which the guest rests, and keeps a copy of the disk. */
  checkpoint(name: string): Promise<void>;
  /** Notes that a checkpoint begins now, made by a plan of the test's own while the guest rests. */
  began(name: string): Promise<void>;
  /** Restores an incremental since every checkpoint and compares it with the disk, byte by byte. */
  judge(): Promise<readonly Verdict[]>;
  /** The active layer's node-name. */
  active: string;
}

/** How a checkpoint fared. */
export interface Verdict {
  readonly checkpoint: string;
  readonly identical: boolean;
  /** Bytes that the bitmap said had changed, beyond those that were written. */
  readonly excessBytes: number;
}

export const diskBytes = 256 * granule;

/** @param filter - A driver: the guest writes through such a filter. */
export async function layeredMachine(qemu: Qemu, seed: number, filter?: string): Promise<LayeredMachine> {
  const folder = await temporaryFolder();
  const daemon = await startStorageDaemon(qemu, { directory: folder.path });
  await attachNew(daemon, folder.path, 'base');
  if (filter !== undefined) await attachFilter(daemon, filter);
  const disk = await attachGuest(daemon, filter ?? 'base');
  const session = await connect(daemon.address);
  const guest = busyGuest(disk, diskBytes / granule, seededRandom(seed));
  const bases = new Map<string, Buffer>();
  let saved: Domain['checkpoints'] = { checkpoints: [] };

  const machine: LayeredMachine = {
    daemon,
    session,
    folder: folder.path,
    guest,
    active: 'base',
    observe: () =>
      observeDomain(session, {
        name: 'layered',
        disks: [{ diskTarget: 'vda', nodeName: machine.active }],
        checkpoints: saved,
      }),
    async run(plan, options) {
      const planned = plan(await machine.observe());
      guest.start();
      try {
        const next = await runPlan(session, planned, options);
        saved = next.checkpoints;
        machine.active = next.disks[0]?.backingChain[0]?.nodeName ?? machine.active;
        return next;
      } finally {
        await guest.rest();
      }
    },
    async checkpoint(name) {
      const planned = planCreateCheckpoint(await machine.observe(), { name }, { now: 1_700_000_000 });
      saved = (await runPlan(session, planned)).checkpoints;
      await machine.began(name);
    },
    async began(name) {
      guest.mark(name);
      bases.set(name, await disk.read());
    },
    async judge() {
      const now = await disk.read();
      const verdicts: Verdict[] = [];
      for (const { name } of saved.checkpoints) {
        const domain = await machine.observe();
        const base = bases.get(name);
        if (base === undefined) throw new Error(`no copy was kept at checkpoint ${name}`);
        const found = await incrementalSince(daemon, folder.path, domain, { diskTarget: 'vda', bitmap: name, base });
        const written = guest.writtenSince(name).size * granule;
        const identical = hash(found.restored) === hash(now);
        verdicts.push({ checkpoint: name, identical, excessBytes: found.bitmapBytes - written });
      }
      return verdicts;
    },
    async [Symbol.asyncDispose]() {
      await session.close();
      await daemon[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    },
  };
  return machine;
}

/** Puts a filter above the active layer, which is called as its driver is. */
async function attachFilter({ monitor }: RunningQemu, driver: string): Promise<void> {
  const options = driver === 'throttle' ? { 'throttle-group': 'limits' } : {};
  if (driver === 'throttle') await monitor.execute('object-add', { 'qom-type': 'throttle-group', id: 'limits' });
  await monitor.execute('blockdev-add', { driver, 'node-name': driver, file: 'base', ...options });
}

/** Lets the guest write for a while: as long as so many questions take to be answered. */
export async function writeAWhile({ session, guest }: LayeredMachine): Promise<void> {
  guest.start();
  for (let question = 0; question < 400; question += 1) await session.execute('query-version');
  await guest.rest();
}

/** Every checkpoint restores to the same bytes, and no bitmap says more than was written, unless it may. */
export async function expectWhole(
  machine: LayeredMachine,
  { mayHoldMore = false }: { readonly mayHoldMore?: boolean } = {},
): Promise<void> {
  const verdicts = await machine.judge();
  expect(verdicts.length).toBeGreaterThan(0);
  const excess = mayHoldMore ? {} : { excessBytes: 0 };
  expect(verdicts).toMatchObject(verdicts.map(({ checkpoint }) => ({ checkpoint, identical: true, ...excess })));
}

function hash(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}
