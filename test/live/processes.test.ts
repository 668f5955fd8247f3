import { readdir } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { type CliExit, type CliProcess, startCli } from '../support/live/cli-process.js';
import { type Hold, holdAt } from '../support/live/hold.js';
import { type LiveDomain, liveDomain } from '../support/live/live-domain.js';
import { layeredDomain, startLayered } from '../support/live/live-layers.js';
import { bitmapsIn, isReadOnly } from '../support/live/nodes-in.js';
import { describeOnEachQemu } from '../support/qemu/describe-on-each-qemu.js';
import { qmpProxy } from '../support/qemu/qmp-proxy.js';
import type { RunningQemu } from '../support/qemu/start-qemu.js';

const targets = Array.from({ length: 10 }, (_, place) => `vd${String.fromCharCode(97 + place)}`);
const manyDisks = Object.fromEntries(targets.map((target) => [target, [target]]));

describeOnEachQemu('command lines as processes', (qemu) => {
  it('two on one store: one works, one is refused at once and told who works; nothing is lost', async () => {
    await using domain = await liveDomain(qemu, { vda: ['vda'] });
    await using daemon = await domain.start();
    const hold = holdAt('before', 'transaction');
    await using proxy = await qmpProxy(daemon.address, hold.hooks);
    await using one = start(domain, proxy.address, 'create', 'monday');
    await hold.arrived;

    await using other = start(domain, daemon.address, 'create', 'tuesday');
    const path = domain.store;
    expect(await other.ended).toEqual({
      status: 1,
      signal: null,
      stdout: '',
      stderr: `the store ${path} is open for writing elsewhere, by process ${one.pid}; close it there, or open it here with readOnly\n`,
    });
    hold.release();
    expect(await one.ended).toEqual({ status: 0, signal: null, stdout: 'created: monday on vda\n', stderr: '' });
    expect(await domain.run(daemon.address, 'create', 'tuesday')).toMatchObject({ status: 0 });
    expect(await domain.run(daemon.address, 'check')).toMatchObject({
      status: 0,
      printed: ['2 of 2 checkpoints can be used on all their disks'],
    });
  });

  it('three at once: each makes its checkpoint or is refused, and those that say so have made it', async () => {
    await using domain = await liveDomain(qemu, { vda: ['vda'] });
    await using daemon = await domain.start();
    const names = ['one', 'two', 'three'];
    const exits = await Promise.all(
      names.map(async (name) => {
        await using cli = start(domain, daemon.address, 'create', name);
        return await cli.ended;
      }),
    );
    const made = names.filter((_, place) => exits[place]?.status === 0);
    expect(made).not.toEqual([]);
    for (const { status, stderr } of exits) if (status !== 0) expect(stderr).toContain('is open for writing elsewhere');
    expect(await bitmapsIn(daemon)).toEqual(made.map((name) => `vda ${name}`).toSorted());
    expect((await domain.check(daemon.address)).map(({ checkpoint }) => checkpoint).toSorted()).toEqual(
      made.toSorted(),
    );
  });

  it.each<[string, () => Hold, object, readonly string[]]>([
    [
      'before its transaction is sent makes nothing',
      () => holdAt('after', 'query-qmp-schema'),
      { status: 1, stdout: '', stderr: expect.stringContaining('stopped by Ctrl-C') },
      [],
    ],
    [
      'while QEMU works on its transaction waits for it',
      () => holdAt('before', 'transaction'),
      { status: 0, stdout: `created: monday on ${targets.join(', ')}\n` },
      ['monday'],
    ],
  ])('Ctrl-C in a create of ten disks %s', async (_, hold, exit, left) => {
    await using domain = await liveDomain(qemu, manyDisks);
    await using daemon = await domain.start();
    expect(await interrupted(domain, daemon, hold(), 'create', 'monday')).toMatchObject(exit);
    await expectLeft(domain, daemon, left);
  });

  it.each<[string, () => Hold, string, readonly string[]]>([
    [
      'with a layer open for writing puts it back',
      () => holdAt('after', 'blockdev-reopen'),
      'put back: Open layer "vda-base"',
      ['monday', 'tuesday', 'wednesday'],
    ],
    [
      'with the bitmaps removed closes the layers',
      () => holdAt('after', 'transaction'),
      'checkpoint "monday": drop: ',
      ['tuesday', 'wednesday'],
    ],
  ])('Ctrl-C in a delete over layers %s', async (_, hold, told, left) => {
    await using domain = await layeredDomain(qemu);
    await using daemon = await startLayered(qemu, domain);
    const { status, stdout, stderr } = await interrupted(domain, daemon, hold(), 'delete', 'monday');
    expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
    expect(stderr).toContain('stopped by Ctrl-C');
    expect(stderr).toContain(told);
    for (const node of ['vda-middle', 'vda-base']) expect(await isReadOnly(daemon, node)).toBe(true);
    await expectLeft(domain, daemon, left);
  });

  it('Ctrl-C twice ends at once, and reconcile settles what is left', async () => {
    await using domain = await liveDomain(qemu, manyDisks);
    await using daemon = await domain.start();
    const hold = holdAt('after', 'transaction');
    await using proxy = await qmpProxy(daemon.address, hold.hooks);
    await using cli = start(domain, proxy.address, 'create', 'monday');
    await hold.arrived;
    await cli.interrupt();
    cli.kill('SIGINT');
    expect(await cli.ended).toMatchObject({ status: null, signal: 'SIGINT', stdout: '' });
    hold.release();
    expect(await domain.run(daemon.address, 'check')).toMatchObject({ status: 1 });
    expect(await domain.run(daemon.address, 'reconcile')).toMatchObject({
      status: 0,
      printed: [expect.stringMatching(/^checkpoint "monday": confirm: /)],
    });
    await expectLeft(domain, daemon, ['monday']);
  });
});

function start({ words }: LiveDomain, address: string, ...command: readonly string[]): CliProcess {
  return startCli(...words(address, ...command));
}

/** Runs a command, presses Ctrl-C while a message is held up, and lets it pass then. */
async function interrupted(
  domain: LiveDomain,
  daemon: RunningQemu,
  hold: Hold,
  ...command: readonly string[]
): Promise<CliExit> {
  await using proxy = await qmpProxy(daemon.address, hold.hooks);
  await using cli = start(domain, proxy.address, ...command);
  await hold.arrived;
  await cli.interrupt();
  hold.release();
  return await cli.ended;
}

/** These checkpoints, all of them usable, their bitmaps and their files, and nothing else. */
async function expectLeft(domain: LiveDomain, daemon: RunningQemu, names: readonly string[]): Promise<void> {
  const verdicts = await domain.check(daemon.address);
  expect(verdicts.filter(({ usable }) => !usable)).toEqual([]);
  expect([...new Set(verdicts.map(({ checkpoint }) => checkpoint))]).toEqual(names);
  const bitmaps = (await bitmapsIn(daemon)).map((place) => place.split(' ')[1] ?? '');
  expect([...new Set(bitmaps)].toSorted()).toEqual(names.toSorted());
  expect((await readdir(domain.store)).toSorted()).toEqual(['lock', ...names.map((name) => `${name}.json`)].toSorted());
}
