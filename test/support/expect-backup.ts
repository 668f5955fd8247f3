import { expect } from 'vitest';
import {
  type Backup,
  type BackupPlan,
  type BackupRequest,
  type BlockNode,
  type CheckpointTree,
  type Command,
  type Domain,
  type Plan,
  parseBackup,
  parseDomain,
  planBeginBackup,
  planEndBackup,
  planResumeJob,
} from '../../src/index.js';
import { now } from './builders.js';
import { deepFreeze } from './deep-freeze.js';
import { withoutCounts } from './expect-plan.js';
import { openLedger } from './ledger.js';
import { type Qemu, startQemu } from './model.js';

/** A backup that is under way on the model, while a guest writes. */
export interface RunningBackup {
  readonly qemu: Qemu;
  readonly plan: BackupPlan;
  /** The domain as it is seen, with the checkpoints as they are saved. */
  look(checkpoints?: CheckpointTree): Domain;
  /** Runs commands, with a write of the guest before each. */
  run(commands: readonly Command[]): void;
  /** That nothing is left of the backup but what a domain says, and that every checkpoint which seems good has all. */
  expectGone(left: Domain): void;
}

/**
 * Begins a backup on the model, and holds its plan against what every beginning must keep:
 *
 * 1. the arguments are not modified, and planning twice gives the same: plain JSON, with one sentence on each step;
 * 2. `next` is a domain that parses, the backup is read back as it is, and QEMU is as `next` says;
 * 3. whatever step a run stops after, what was done can be undone, and then QEMU is as it was;
 * 4. QEMU holds the bitmaps that are the backup's own, and no other;
 * 5. each image shows its disk as it was at the instant of the transaction: in a pull at once, in a push when it is complete, and
 *    where it has only what changed, there;
 * 6. what a guest wrote since the base is in it.
 */
export function beginBackup(domain: Domain, request: BackupRequest, world: readonly Command[] = []): RunningBackup {
  const given = structuredClone(domain);
  const plan = planBeginBackup(given, request, { now });
  // 1
  expect(given).toStrictEqual(domain);
  expect(planBeginBackup(deepFreeze(given), deepFreeze(structuredClone(request)), { now })).toStrictEqual(plan);
  expectPlain(plan);
  // 2
  expect(parseBackup(JSON.parse(JSON.stringify(plan.backup)))).toStrictEqual(plan.backup);
  // 3
  for (let count = 0; count < plan.steps.length; count += 1) expectUndone(domain, plan, count, world);

  const running = startBackup(domain, plan, world);
  const { qemu, look } = running;
  // 2
  expect(comparable(look(plan.next.checkpoints), plan.backup)).toStrictEqual(comparable(plan.next, plan.backup));
  // 4
  const ours = plan.backup.disks.flatMap(({ bitmap }) => (bitmap === undefined ? [] : [bitmap]));
  expect([...busyIn(look())].toSorted()).toEqual(ours.toSorted());
  expect(qemu.jobs().map(({ jobId }) => jobId)).toEqual(plan.backup.disks.map(({ jobId }) => jobId));
  return running;
}

/** A backup whose first steps were run, all of them by default. */
export function startBackup(
  domain: Domain,
  plan: BackupPlan,
  world: readonly Command[] = [],
  count = plan.steps.length,
): RunningBackup {
  const { qemu, before } = startWorld(domain, world);
  const ledger = openLedger(qemu, domain);
  const disks = domain.disks.filter(({ readOnly, backingChain }) => !readOnly && backingChain.length > 0);
  let writes = 0;
  const write = () => {
    writes += 1;
    for (const { diskTarget } of disks) ledger.write(diskTarget, ((writes * 7919) % 4096) * 4096, 4096);
  };
  // What all these writes touch is in every bitmap that is a base, and none of it is in what was there before.
  for (let made = 0; made < 4; made += 1) write();
  const images = watchImages(qemu, plan.backup);
  for (const { command } of plan.steps.slice(0, count)) {
    write();
    if (command.kind === 'transaction') images.noteInstant();
    qemu.execute(command);
    qemu.work(1);
  }
  write();
  images.expectInstant();
  const look = (checkpoints = domain.checkpoints) => qemu.observe({ ...domain, checkpoints });
  return {
    qemu,
    plan,
    look,
    run(commands) {
      for (const command of commands) {
        write();
        qemu.execute(command);
        images.expectInstant();
      }
    },
    expectGone(left) {
      write();
      expect(comparable(look(left.checkpoints))).toStrictEqual(comparable(left));
      expect([qemu.jobs(), qemu.exports()]).toEqual([before.jobs, before.exports]);
      const ours = plan.backup.disks.map(({ image }) => image.fileNodeName);
      expect(qemu.fileNodes().filter((name) => ours.includes(name))).toEqual([]);
      ledger.check(look(left.checkpoints));
    },
  };
}

/**
 * Ends a backup on the model, and holds the plan against what every end must keep:
 *
 * 1. as {@link beginBackup}, 1 and 2;
 * 2. no job, export, server, node or temporary bitmap is left, and the other checkpoints are as they were;
 * 3. whatever step it stops after, ending it with nothing complete leaves nothing either.
 */
export function endBackup(
  domain: Domain,
  request: BackupRequest,
  complete: readonly string[],
  world: readonly Command[] = [],
): { readonly plan: Plan; readonly domain: Domain } {
  const first = beginBackup(domain, request, world);
  const { backup, next } = first.plan;
  first.qemu.work();
  const seen = first.look(next.checkpoints);
  const plan = planEndBackup(seen, backup, { complete });
  // 1
  expect(planEndBackup(deepFreeze(structuredClone(seen)), deepFreeze(backup), { complete })).toStrictEqual(plan);
  expectPlain(plan);
  const commands = plan.steps.map(({ command }) => command);
  first.run(commands);
  // 2
  first.expectGone(plan.next);
  for (let count = 0; count < commands.length; count += 1) {
    const stopped = startBackup(domain, first.plan, world);
    stopped.qemu.work();
    stopped.run(commands.slice(0, count));
    // 3
    expectTakenBack(stopped, next.checkpoints);
  }
  return { plan, domain: first.look(plan.next.checkpoints) };
}

/** Ends what is left of a backup, whatever that is, with nothing complete: as whoever finds it after a crash does. */
export function expectTakenBack(running: RunningBackup, saved: CheckpointTree): void {
  const { qemu, plan, look, run, expectGone } = running;
  const jobs = qemu.jobs().map(({ jobId: id, ...rest }) => ({ id, ...rest }));
  // Jobs that make images are no part of the backup.
  run(planResumeJob(look(saved), jobs).steps.map(({ command }) => command));
  const end = planEndBackup(look(saved), plan.backup);
  expectPlain(end);
  run(end.steps.map(({ command }) => command));
  expectGone(end.next);
  const isLeft = end.next.checkpoints.checkpoints.some(({ name }) => name === plan.backup.checkpoint);
  expect(isLeft).toBe(false);
  expect(planEndBackup(look(end.next.checkpoints), plan.backup).next).toStrictEqual(look(end.next.checkpoints));
}

function expectPlain(plan: Plan): void {
  expect(JSON.parse(JSON.stringify(plan))).toStrictEqual(plan);
  for (const { why } of plan.steps) expect(why).toMatch(/^[A-Z].*[^.]\.$/u);
  expect(parseDomain(plan.next)).toStrictEqual(plan.next);
}

function expectUndone(domain: Domain, { steps }: Plan, count: number, world: readonly Command[]): void {
  const { qemu, before } = startWorld(domain, world);
  const done = steps.slice(0, count + 1);
  for (const { command } of done) qemu.execute(command);
  for (const { undo } of done.toReversed()) if (undo !== undefined) qemu.execute(undo);
  expect(leftIn(qemu, domain)).toEqual(before);
}

function startWorld(domain: Domain, world: readonly Command[]) {
  const qemu = startQemu(domain);
  for (const command of world) qemu.execute(command);
  return { qemu, before: leftIn(qemu, domain) };
}

/** All that a backup could leave behind. */
function leftIn(qemu: Qemu, domain?: Domain) {
  const observed = domain === undefined ? undefined : qemu.observe(domain);
  return { jobs: qemu.jobs(), exports: qemu.exports(), fileNodes: qemu.fileNodes(), observed };
}

/** A plan does not say how many bytes overlap, nor who holds a bitmap. */
function comparable(domain: Domain, { disks }: Pick<Backup, 'disks'> = { disks: [] }): Domain {
  const ours = new Set(disks.map(({ bitmap }) => bitmap));
  const released = (node: BlockNode): BlockNode => ({
    ...node,
    bitmaps: node.bitmaps.map((bitmap) => (ours.has(bitmap.name) ? { ...bitmap, busy: false } : bitmap)),
  });
  const { otherNodes, ...rest } = withoutCounts(domain);
  return {
    ...rest,
    disks: rest.disks.map((disk) => ({ ...disk, backingChain: disk.backingChain.map(released) })),
    ...(otherNodes !== undefined && { otherNodes: otherNodes.map(released) }),
  };
}

function busyIn({ disks, otherNodes = [] }: Domain): readonly string[] {
  const nodes = [...disks.flatMap(({ backingChain }) => backingChain), ...otherNodes];
  return nodes.flatMap(({ bitmaps }) => bitmaps.filter(({ busy }) => busy).map(({ name }) => name));
}

function bitmapsOf(qemu: Qemu, nodeName: string): BlockNode['bitmaps'] {
  const { otherNodes = [] } = qemu.observe({ name: 'any', disks: [], checkpoints: { checkpoints: [] } });
  return otherNodes.find((node) => node.nodeName === nodeName)?.bitmaps ?? [];
}

/** Compares the images of a backup with what the disks were at its instant. */
function watchImages(qemu: Qemu, { mode, disks }: Backup) {
  const instant = new Map<string, ReadonlyMap<number, number>>();
  const changed = new Map<string, ReadonlySet<number>>();
  const wrongIn = ({ diskTarget, jobId, image, fleecing }: Backup['disks'][number]): readonly number[] => {
    // The scratch image alone shows nothing then.
    if (fleecing !== undefined && !qemu.exports()?.includes(jobId)) return [];
    const then = instant.get(diskTarget) ?? new Map();
    const held = qemu.nodeRead(fleecing?.nodeName ?? image.nodeName);
    // What was there before this test began reads as zeros: the first write is number 1.
    const units = new Set([...then.keys(), ...held.keys()]);
    const only = changed.get(diskTarget);
    return [...units].filter((at) => held.get(at) !== then.get(at) && (only === undefined || only.has(at)));
  };
  const missingIn = ({ diskTarget, image, bitmap }: Backup['disks'][number]): readonly number[] => {
    if (bitmap === undefined) return [];
    const size = bitmapsOf(qemu, image.nodeName).find(({ name }) => name === bitmap)?.granularity ?? 0;
    const granules = new Set(qemu.dirtyGranules(image.nodeName, bitmap));
    return [...(instant.get(diskTarget)?.keys() ?? [])].filter((at) => !granules.has(Math.floor((at * 512) / size)));
  };
  return {
    noteInstant() {
      for (const { diskTarget, since } of disks) {
        const content = qemu.guestRead(diskTarget);
        instant.set(diskTarget, content);
        // 6: all that the guest wrote is newer than the base.
        if (since !== undefined && mode === 'push') changed.set(diskTarget, new Set(content.keys()));
      }
    },
    expectInstant() {
      const jobs = qemu.jobs();
      for (const disk of disks) {
        const job = jobs.find(({ jobId }) => jobId === disk.jobId);
        const isComplete = mode === 'pull' || (job?.status === 'concluded' && job.error === undefined);
        // 5
        if (job !== undefined && isComplete) expect(wrongIn(disk), disk.diskTarget).toEqual([]);
        // 6
        if (job !== undefined && mode === 'pull') expect(missingIn(disk), disk.diskTarget).toEqual([]);
      }
    },
  };
}
