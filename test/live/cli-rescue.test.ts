import { expect, it } from 'vitest';
import { planRescueCheckpoint } from '../../src/index.js';
import { checkpointStore } from '../../src/live.js';
import { connect, observeDomain, runPlan } from '../../src/qmp/index.js';
import { startCli } from '../support/live/cli-process.js';
import type { LiveDomain } from '../support/live/live-domain.js';
import { layeredDomain, startLayered } from '../support/live/live-layers.js';
import { bitmapsIn, isReadOnly, nodesIn } from '../support/live/nodes-in.js';
import { changesIn } from '../support/live/set-up-command-line.js';
import { describeOnEachQemu } from '../support/qemu/describe-on-each-qemu.js';
import type { Qemu } from '../support/qemu/find-qemu.js';
import { qmpProxy, type SentCommand } from '../support/qemu/qmp-proxy.js';
import type { RunningQemu } from '../support/qemu/start-qemu.js';

/** Two layers have lost the bitmap of monday, the upper one and the one below it. */
async function startLost(qemu: Qemu, domain: LiveDomain): Promise<RunningQemu> {
  const daemon = await startLayered(qemu, domain);
  const reopen = (readOnly: boolean) => {
    const middle = { driver: 'qcow2', 'node-name': 'vda-middle', file: 'vda-middle-file', backing: 'vda-base' };
    return daemon.monitor.execute('blockdev-reopen', { options: [{ ...middle, 'read-only': readOnly }] });
  };
  await reopen(false);
  for (const node of ['vda-active', 'vda-middle']) {
    await daemon.monitor.execute('block-dirty-bitmap-remove', { node, name: 'monday' });
  }
  await reopen(true);
  return daemon;
}

describeOnEachQemu('the command line rescues', (qemu) => {
  it('a checkpoint that two layers have lost; with --dry-run it only says how', async () => {
    await using domain = await layeredDomain(qemu);
    await using daemon = await startLost(qemu, domain);
    await using proxy = await qmpProxy(daemon.address);
    const run = (...words: readonly string[]) => domain.run(proxy.address, ...words);
    const faults = async () => (await domain.check(daemon.address)).flatMap(({ problems }) => problems);
    expect(await faults()).toEqual(['not-on-active-layer on vda-active']);
    const rescue = ['rescue', 'monday', '--only', 'vda'];

    const dry = await run(...rescue, '--dry-run');
    expect(dry.status).toBe(0);
    expect(dry.complained).toEqual([
      expect.stringMatching(/^warning: checkpoint "monday" would be whole .* after a commit/),
    ]);
    expect(dry.printed.filter((_, line) => line % 2 === 0).at(10)).toMatch(/^11\. Let bitmap "monday" be recorded on /);
    expect(changesIn(proxy.sent)).toEqual([]);

    const { status, printed } = await run(...rescue);
    expect({ status, printed }).toEqual({ status: 0, printed: ['rescued: monday on vda'] });
    expect(await faults()).toEqual([]);
    await expectNothingLeft(daemon);
    expect(await run(...rescue)).toMatchObject({ status: 0, printed: ['nothing is lacking: monday on vda'] });
  });

  const steps = Array.from({ length: 15 }, (_, place) => place);

  it.each(steps)(
    'what one has left that died after %i steps is reconciled, and it can be rescued again',
    async (step) => {
      await using domain = await layeredDomain(qemu);
      await using daemon = await startLost(qemu, domain);
      await rescueUntil(domain, daemon, step);
      const { status, printed } = await domain.run(daemon.address, 'reconcile');
      expect(status).toBe(0);
      const isAtAnEnd = step === 0 || step === steps.length - 1;
      expect(printed).toEqual([isAtAnEnd ? 'nothing was interrupted' : 'what was left behind is removed']);
      await expectNothingLeft(daemon);
      await expectRescued(domain, daemon);
    },
  );

  it.each([
    ['its second job has begun', 'blockdev-backup', 2],
    ['the bitmaps are there and a lower layer is open for writing', 'transaction', 2],
  ])('what one has left that was killed when %s', async (_, command, times) => {
    await using domain = await layeredDomain(qemu);
    await using daemon = await startLost(qemu, domain);
    let seen = 0;
    let settle = () => {};
    const arrived = new Promise<void>((resolve) => {
      settle = resolve;
    });
    const after = async ({ execute }: SentCommand) => {
      if (execute === command) seen += 1;
      if (seen < times) return;
      settle();
      await new Promise(() => undefined);
    };
    await using proxy = await qmpProxy(daemon.address, { after });
    await using cli = startCli(...domain.words(proxy.address, 'rescue', 'monday', '--only', 'vda'));
    await arrived;
    cli.kill('SIGKILL');
    expect((await cli.ended).signal).toBe('SIGKILL');
    if (command === 'transaction') expect(await isReadOnly(daemon, 'vda-middle')).toBe(false);
    expect(await domain.run(daemon.address, 'reconcile')).toMatchObject({ status: 0 });
    await expectNothingLeft(daemon);
    await expectRescued(domain, daemon);
  });
});

/** Runs the first steps of a rescue, and forgets about it. */
async function rescueUntil({ store }: LiveDomain, { address }: RunningQemu, steps: number): Promise<void> {
  await using session = await connect(address);
  await using kept = await checkpointStore(store);
  const disks = [{ diskTarget: 'vda', nodeName: 'vda-active' }];
  const { checkpoints } = await kept.load();
  const domain = await observeDomain(session, { name: 'layered', disks, checkpoints });
  const plan = planRescueCheckpoint(domain, { diskTarget: 'vda', checkpoint: 'monday' });
  await runPlan(session, { ...plan, steps: plan.steps.slice(0, steps) });
}

async function expectNothingLeft(daemon: RunningQemu): Promise<void> {
  expect(await daemon.monitor.execute('query-jobs')).toEqual([]);
  expect((await bitmapsIn(daemon)).join()).not.toContain('fill');
  expect((await nodesIn(daemon)).map((node) => node['node-name']).join()).not.toContain('fill');
  expect(await isReadOnly(daemon, 'vda-middle')).toBe(true);
}

async function expectRescued(domain: LiveDomain, daemon: RunningQemu): Promise<void> {
  expect(await domain.run(daemon.address, 'rescue', 'monday', '--only', 'vda')).toMatchObject({ status: 0 });
  expect((await domain.check(daemon.address)).every(({ usable }) => usable)).toBe(true);
  await expectNothingLeft(daemon);
}
