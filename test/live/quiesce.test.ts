import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { planCreateCheckpoint } from '../../src/index.js';
import { connect, guestAgent, observeDomain, runBackup, runPlan } from '../../src/live.js';
import { now } from '../support/builders.js';
import { type FakeAgent, type FakeAnswer, fakeAgent } from '../support/fake-agent.js';
import { liveDomain } from '../support/live/live-domain.js';
import { bitmapsIn } from '../support/live/nodes-in.js';
import { type BusyGuest, busyGuest, granule, seededRandom } from '../support/qemu/busy-guest.js';
import { describeOnEachQemu } from '../support/qemu/describe-on-each-qemu.js';
import { attachNew, imageOf } from '../support/qemu/disks.js';
import type { Qemu } from '../support/qemu/find-qemu.js';
import { attachGuest, type GuestDisk } from '../support/qemu/guest-disk.js';
import { incrementalSince } from '../support/qemu/incremental.js';
import { lookAtDomain } from '../support/qemu/look-at-domain.js';
import { qmpProxy } from '../support/qemu/qmp-proxy.js';
import { type RunningQemu, startSystem } from '../support/qemu/start-qemu.js';
import { temporaryFolder } from '../support/qemu/temporary-folder.js';
import { rejection } from '../support/rejection.js';

const run = promisify(execFile);
const size = 16 * 2 ** 20;

/** A guest that writes all the time but while its agent has it frozen, and knows what it had written when it was. */
interface QuiescentGuest extends AsyncDisposable {
  readonly agent: FakeAgent;
  readonly guest: BusyGuest;
  readonly disk: GuestDisk;
  /** All that was on its disk when it was frozen. */
  readonly frozen: Buffer;
}

async function quiescentGuest(
  running: RunningQemu,
  on: (command: string) => FakeAnswer = () => undefined,
): Promise<QuiescentGuest> {
  const disk = await attachGuest(running, 'vda');
  const content = Buffer.alloc(size);
  let frozen = Buffer.alloc(0);
  const noted: GuestDisk = {
    ...disk,
    async write(...patterns) {
      await disk.write(...patterns);
      for (const { offset, length, byte } of patterns) content.fill(byte, offset, offset + length);
    },
  };
  const guest = busyGuest(noted, size / granule, seededRandom(5));
  const freeze = async () => {
    await guest.rest();
    guest.mark('monday');
    frozen = Buffer.from(content);
  };
  const agent = await fakeAgent({
    on(command) {
      if (command === 'fsfreeze-freeze') return freeze();
      if (command === 'fsfreeze-thaw') guest.start();
      return on(command);
    },
  });
  guest.start();
  return {
    agent,
    guest,
    disk,
    get frozen() {
      return frozen;
    },
    async [Symbol.asyncDispose]() {
      await guest.rest().catch(() => undefined);
      await agent[Symbol.asyncDispose]();
    },
  };
}

const frozenText = expect.stringMatching(/^the guest was frozen for \d{1,4} ms: 2 file systems$/);

describeOnEachQemu('a guest that is quiesced', (qemu) => {
  it('is frozen at the very instant of a checkpoint, for a moment', async () => {
    await using domain = await liveDomain(qemu, { vda: ['vda'] });
    await using daemon = await domain.start();
    await using quiet = await quiescentGuest(daemon);
    const { agent, guest, disk } = quiet;
    const result = await domain.run(daemon.address, 'create', 'monday', '--quiesce', agent.address);
    expect(result).toEqual({ status: 0, printed: ['created: monday on vda', frozenText], complained: [] });
    expect(agent.isFrozen).toBe(false);
    await guest.rest();
    expect(guest.writtenSince('monday').size).toBeGreaterThan(0);
    const [verdict] = await domain.check(daemon.address);
    expect(verdict).toMatchObject({ usable: true, dirtyBytes: guest.writtenSince('monday').size * granule });

    const now = await disk.read();
    expect(now.equals(quiet.frozen)).toBe(false);
    const seen = await lookAtDomain(daemon.monitor, [['vda', 'vda']]);
    const since = { diskTarget: 'vda', bitmap: 'monday', base: quiet.frozen };
    expect((await incrementalSince(daemon, domain.folder, seen, since)).restored.equals(now)).toBe(true);
    console.log(`QEMU ${qemu.version}, a checkpoint: ${result.printed[1]}`);
  });

  it('is frozen at the very instant of a snapshot: what stays below is what it had written', async () => {
    await using domain = await liveDomain(qemu, { vda: ['vda'] });
    await using daemon = await domain.start();
    await using quiet = await quiescentGuest(daemon);
    const overlay = `vda=vda-2:${imageOf(domain.folder, 'vda-2')}`;
    const words = ['snapshot', '--overlay', overlay, '--checkpoint', 'monday', '--quiesce', quiet.agent.address];
    const result = await domain.run(daemon.address, ...words);
    expect(result.status).toBe(0);
    expect(result.printed.slice(0, 2)).toEqual(['snapshot taken: vda, with checkpoint monday', frozenText]);
    await quiet.guest.rest();
    expect(quiet.guest.writtenSince('monday').size).toBeGreaterThan(0);
    expect((await contentOf(qemu, domain.folder, 'vda')).equals(quiet.frozen)).toBe(true);
    console.log(`QEMU ${qemu.version}, a snapshot: ${result.printed[1]}`);
  });

  it('is frozen at the very instant of a backup, and goes on while that is copied', async () => {
    await using domain = await liveDomain(qemu, { vda: ['vda'] });
    await using daemon = await domain.start();
    await using quiet = await quiescentGuest(daemon);
    await using session = await connect(daemon.address);
    const seen = await observeDomain(session, { name: 'web', disks: [{ diskTarget: 'vda', nodeName: 'vda' }] });
    const agent = guestAgent(quiet.agent.address);
    const image = { filename: imageOf(domain.folder, 'copy') };
    await runBackup(session, seen, { mode: 'push', disks: [{ diskTarget: 'vda', image }] }, { ...agent });
    await quiet.guest.rest();
    expect(quiet.guest.writtenSince('monday').size).toBeGreaterThan(0);
    expect((await contentOf(qemu, domain.folder, 'copy')).equals(quiet.frozen)).toBe(true);
    expect(quiet.agent.seen.filter((command) => command.startsWith('fsfreeze'))).toEqual([
      'fsfreeze-status',
      'fsfreeze-freeze',
      'fsfreeze-thaw',
    ]);
    console.log(
      `QEMU ${qemu.version}, a backup: the guest was frozen for ${agent.lastFreeze()?.frozenMilliseconds} ms`,
    );
  });

  it('goes on where QEMU dies before it has the transaction, and nothing is claimed', async () => {
    await using domain = await liveDomain(qemu, { vda: ['vda'] });
    await using daemon = await domain.start();
    await using agent = await fakeAgent();
    const hooks = {
      before: async ({ execute }: { readonly execute: string }) => {
        if (execute === 'transaction') await daemon.kill('SIGKILL');
      },
    };
    await using proxy = await qmpProxy(daemon.address, hooks);
    const { status, printed, complained } = await domain.run(
      proxy.address,
      'create',
      'monday',
      '--quiesce',
      agent.address,
    );
    expect({ status, printed }).toEqual({ status: 1, printed: [] });
    expect(complained.join('\n')).toContain('run reconcile when QEMU can be reached');
    expect(agent.seen.slice(-2)).toEqual(['fsfreeze-freeze', 'fsfreeze-thaw']);
    expect(agent.isFrozen).toBe(false);
  });

  it.each<[string, (command: string) => FakeAnswer, string, readonly string[]]>([
    [
      'is not made where the guest cannot be frozen',
      (command) =>
        command === 'fsfreeze-freeze' ? new Error('failed to freeze /: Device or resource busy') : undefined,
      'refused guest-fsfreeze-freeze: failed to freeze /: Device or resource busy',
      [],
    ],
    [
      'is there, and kept, where the guest cannot be thawed',
      (command) => (command === 'fsfreeze-thaw' ? new Error('no') : undefined),
      'refused guest-fsfreeze-thaw: no; the guest may still be frozen: look into it, and thaw it',
      ['vda monday'],
    ],
  ])('has a checkpoint that %s', async (_, on, complaint, left) => {
    await using domain = await liveDomain(qemu, { vda: ['vda'] });
    await using daemon = await domain.start();
    await using agent = await fakeAgent({ on });
    const result = await domain.run(daemon.address, 'create', 'monday', '--quiesce', agent.address);
    expect(result.status).toBe(1);
    expect(result.printed).toEqual(left.length === 0 ? [] : ['created: monday on vda']);
    expect(result.complained[0]).toContain(complaint);
    expect(await bitmapsIn(daemon)).toEqual(left);
    expect((await domain.check(daemon.address)).map(({ usable }) => usable)).toEqual(left.map(() => true));
    expect((await domain.run(daemon.address, 'reconcile')).printed).toEqual(['nothing was interrupted']);
  });

  it('is told not to be there where no agent runs behind the port that QEMU has for it', async () => {
    await using folder = await temporaryFolder();
    const address = join(folder.path, 'agent');
    const args = [
      ...['-chardev', `socket,id=agent,path=${address},server=on,wait=off`, '-device', 'virtio-serial-pci'],
      ...['-device', 'virtserialport,chardev=agent,name=org.qemu.guest_agent.0'],
    ];
    await using running = await startSystem(qemu, { machine: 'q35', args });
    await attachNew(running, folder.path, 'vda');
    await using session = await connect(running.address);
    const domain = await observeDomain(session, { name: 'web', disks: [{ diskTarget: 'vda', nodeName: 'vda' }] });
    const plan = planCreateCheckpoint(domain, { name: 'monday' }, { now });
    const agent = guestAgent(address, { answerTimeoutSeconds: 0.3 });
    expect(await rejection(runPlan(session, plan, { ...agent }))).toMatchObject({
      outcome: 'undone',
      cause: { code: 'guest-agent-silent', mayBeFrozen: false },
    });
    expect(await bitmapsIn(running)).toEqual([]);
  });
});

/** A layer by itself, though it is in use. */
async function contentOf(qemu: Qemu, folder: string, nodeName: string): Promise<Buffer> {
  const copy = join(folder, 'copy.raw');
  await run(qemu.img, ['convert', '-U', '-f', 'qcow2', '-O', 'raw', imageOf(folder, nodeName), copy]);
  return await readFile(copy);
}
