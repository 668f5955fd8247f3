import { describe, expect, it } from 'vitest';
import {
  type Backup,
  type BackupRequest,
  type Checkpoint,
  type Domain,
  type NbdServer,
  planBeginBackup,
  planCreateCheckpoint,
  planEndBackup,
  planTakeSnapshot,
} from '../../../src/index.js';
import { chain, checkpoint, disk, domain, now, tree } from '../../support/builders.js';
import { beginBackup, endBackup, expectTakenBack } from '../../support/expect-backup.js';
import { spell, withBitmap, withLayer } from '../../support/layers.js';
import { codesOf, detailsOf, refusal } from '../../support/refusal.js';

const server: NbdServer = { type: 'unix', path: '/run/backup.sock' };
const ours = 'checkpoint-backup-vda';
const theirs = 'checkpoint-backup-vdb';

const two: Domain = {
  ...domain(),
  disks: [
    disk('vda', chain('vda', [['tuesday', 'monday'], ['monday']])),
    disk('vdb', chain('vdb', [['tuesday', 'monday']])),
  ],
  checkpoints: tree(['monday', 'tuesday'].map((name) => checkpoint(name, { disks: ['vda', 'vdb'] }))),
};

const whole = (diskTarget: string) => ({ diskTarget, image: { filename: `/backup/${diskTarget}.qcow2` } });
const incremental: BackupRequest['disks'] = ['vda', 'vdb'].map((target) => ({ ...whole(target), since: 'monday' }));
const push: BackupRequest = { mode: 'push', disks: incremental, checkpoint: { name: 'wednesday' } };
const pull: BackupRequest = { ...push, mode: 'pull', server };

const close = (...nodeNames: readonly string[]) =>
  nodeNames.flatMap((name) => [`remove ${name}`, `remove ${name}-file`]);
const wednesday = ({ checkpoints }: Domain): Checkpoint | undefined =>
  checkpoints.checkpoints.find(({ name }) => name === 'wednesday');
const onDisks = (found: Checkpoint | undefined) =>
  found?.disks.flatMap(({ diskTarget, bitmap }) => (bitmap === undefined ? [] : [diskTarget]));

describe('planEndBackup', () => {
  it('waits for all jobs of a push before it forgets one, and removes what is temporary', () => {
    const { plan } = endBackup(two, push, ['vda', 'vdb']);
    expect(spell(plan)).toEqual([
      'wait until concluded',
      'wait until concluded',
      'dismiss',
      'dismiss',
      [`remove ${ours} on vda-active`, `remove ${theirs} on vdb-active`],
      ...close(ours, theirs),
    ]);
  });

  it('sends the clients of a pull away before it stops the server and the jobs', () => {
    const { plan } = endBackup(two, pull, ['vda', 'vdb']);
    expect(spell(plan)).toEqual([
      `unexport ${ours}`,
      `unexport ${theirs}`,
      'serve no more',
      'cancel',
      'cancel',
      ...close(ours, theirs),
    ]);
  });

  it('closes with fleecing what clients have read, before the job below it ends', () => {
    const disks = incremental.map((each) => ({ ...each, fleecing: true }) as const);
    const { plan } = endBackup(two, { ...pull, disks }, ['vda', 'vdb']);
    expect(spell(plan).slice(0, 7)).toEqual([
      `unexport ${ours}`,
      'remove checkpoint-access-vda',
      `unexport ${theirs}`,
      'remove checkpoint-access-vdb',
      'serve no more',
      'cancel',
      'cancel',
    ]);
  });

  it('leaves a server alone that was there before', () => {
    const world = [{ kind: 'nbd-server-start', server }] as const;
    const request: BackupRequest = { ...pull, server: { ...server, running: true } };
    const { plan } = endBackup(two, request, ['vda', 'vdb'], world);
    expect(spell(plan)).not.toContain('serve no more');
  });

  it.each([
    ['push', push],
    ['pull', pull],
  ])('confirms the checkpoint of a complete %s: it can be a base from then on', (_, request) => {
    const { plan, domain: after } = endBackup(two, request, ['vda', 'vdb']);
    expect(wednesday(plan.next)).toStrictEqual({
      name: 'wednesday',
      parent: 'tuesday',
      creationTimeSeconds: now,
      disks: ['vda', 'vdb'].map((diskTarget) => ({
        diskTarget,
        bitmap: 'wednesday',
        madeOn: `/images/${diskTarget}-active.qcow2`,
      })),
    });
    expect(plan.next.checkpoints.current).toBe('wednesday');
    const next: BackupRequest = { mode: 'push', disks: incremental.map((each) => ({ ...each, since: 'wednesday' })) };
    expect(beginBackup(after, next).plan.backup.disks).toMatchObject([{ since: { name: 'wednesday' } }, {}]);
  });

  it.each([
    ['push', push, 'wait until concluded'],
    ['pull', pull, 'cancel'],
  ])(
    'keeps the checkpoint of a %s where the backup is complete, and removes it on the other disk',
    (_, request, first) => {
      const { plan } = endBackup(two, request, ['vda']);
      const removed = request === push ? [`remove ${ours} on vda-active`, `remove ${theirs} on vdb-active`] : [];
      expect(spell(plan)).toContainEqual([...removed, 'remove wednesday on vdb-active']);
      expect(spell(plan)).toContain(first);
      expect(wednesday(plan.next)?.disks[1]).toStrictEqual({ diskTarget: 'vdb' });
      expect(onDisks(wednesday(plan.next))).toEqual(['vda']);
      expect(wednesday(plan.next)).not.toHaveProperty('provisional');
      expect(plan.steps.find(({ command }) => command.kind === 'transaction')?.why).toBe(
        'Remove the bitmaps that nothing needs any more.',
      );
    },
  );

  it.each([
    ['push', push],
    ['pull', pull],
  ])('takes all of a %s back where nothing is complete, and the older checkpoint is current again', (_, request) => {
    const { plan } = endBackup(two, request, []);
    expect(spell(plan).filter((step) => step === 'cancel')).toHaveLength(2);
    expect(plan.next.checkpoints).toStrictEqual(two.checkpoints);
    const [removal] = plan.steps.filter(({ command }) => command.kind === 'transaction');
    expect(removal).toMatchObject({
      irreversible: true,
      why: 'Remove the temporary bitmaps, and those of checkpoint "wednesday", whose backup is not complete.',
    });
  });

  it.each([
    ['push', push],
    ['pull', pull],
  ])('has nothing to say of checkpoints where the %s began none', (_, { checkpoint: __, ...request }) => {
    for (const complete of [[], ['vda', 'vdb']]) {
      expect(endBackup(two, request, complete).plan.next.checkpoints).toStrictEqual(two.checkpoints);
    }
  });

  it('keeps a checkpoint on a disk that was not backed up, unless all of it goes', () => {
    const disks = [{ disk: 'vda' }, { disk: 'vdb' }];
    const request: BackupRequest = { mode: 'push', disks: [whole('vda')], checkpoint: { name: 'wednesday', disks } };
    expect(onDisks(wednesday(endBackup(two, request, ['vda']).plan.next))).toEqual(['vda', 'vdb']);
    const { plan } = endBackup(two, request, []);
    expect(spell(plan)).toContainEqual(['remove wednesday on vda-active', 'remove wednesday on vdb-active']);
    expect(wednesday(plan.next)).toBeUndefined();
  });

  it('removes the checkpoint where the disk that is complete takes no part in it', () => {
    const checkpointOf = { name: 'wednesday', disks: [{ disk: 'vdb' }] };
    const request: BackupRequest = { mode: 'push', disks: incremental, checkpoint: checkpointOf };
    const { plan } = endBackup(two, request, ['vda']);
    expect(plan.next.checkpoints).toStrictEqual(two.checkpoints);
  });

  it('fails where a job has, and can be told then that the other disk is complete', () => {
    const { qemu, plan, look, run, expectGone } = beginBackup(two, push);
    qemu.breakJob(theirs, 'No space left on device');
    qemu.work();
    const stopped = planEndBackup(look(plan.next.checkpoints), plan.backup, { complete: ['vda', 'vdb'] });
    expect(() => run(stopped.steps.map(({ command }) => command))).toThrow('No space left on device');
    const { steps, next } = planEndBackup(look(plan.next.checkpoints), plan.backup, { complete: ['vda'] });
    run(steps.map(({ command }) => command));
    expectGone(next);
    expect(onDisks(wednesday(next))).toEqual(['vda']);
  });

  it.each([
    ['push', push],
    ['pull', pull],
  ])('takes a %s back whose jobs, exports, server and images are gone already', (_, request) => {
    const begun = beginBackup(two, request);
    begun.qemu.restart();
    expectTakenBack(begun, begun.plan.next.checkpoints);
  });
});

describe('what happens while a backup runs', () => {
  const begun = () => beginBackup(two, push);

  it('another checkpoint may be made: it comes to hang from the older one', () => {
    const { qemu, plan, look, run, expectGone } = begun();
    const thursday = planCreateCheckpoint(look(plan.next.checkpoints), { name: 'thursday' }, { now: now + 1 });
    for (const { command } of thursday.steps) qemu.execute(command);
    const { steps, next } = planEndBackup(look(thursday.next.checkpoints), plan.backup);
    run(steps.map(({ command }) => command));
    expectGone(next);
    expect(next.checkpoints.current).toBe('thursday');
    expect(next.checkpoints.checkpoints.map(({ name, parent }) => [name, parent])).toEqual([
      ['monday', undefined],
      ['tuesday', undefined],
      ['thursday', 'tuesday'],
    ]);
  });

  it('a confirmed checkpoint stays current only where it was', () => {
    const { plan, look } = begun();
    const { next } = planCreateCheckpoint(look(plan.next.checkpoints), { name: 'thursday' }, { now: now + 1 });
    const ended = planEndBackup(next, plan.backup, { complete: ['vda', 'vdb'] });
    expect(ended.next.checkpoints.current).toBe('thursday');
    expect(wednesday(ended.next)).not.toHaveProperty('provisional');
  });

  it.each<[string, (found: Checkpoint) => Checkpoint | undefined]>([
    ['was deleted', () => undefined],
    ['was confirmed already', ({ provisional: _, ...found }) => found],
    ['was made anew with another backup', (found) => ({ ...found, creationTimeSeconds: now + 1 })],
  ])('a checkpoint that %s is none of its business', (_, change) => {
    const { plan, look } = begun();
    const found = plan.next.checkpoints.checkpoints.flatMap((each) =>
      each.name === 'wednesday' ? (change(each) ?? []) : [each],
    );
    const checkpoints = tree(found, 'tuesday');
    const ended = planEndBackup(look(checkpoints), plan.backup);
    expect(ended.next.checkpoints).toStrictEqual(checkpoints);
    expect(spell(ended).flat()).not.toContain('remove wednesday on vda-active');
    expect(spell(ended).flat()).toContain(`remove ${ours} on vda-active`);
  });

  it('a snapshot may be taken: the layer below is opened to remove what is there', () => {
    const { qemu, plan, look, run, expectGone } = begun();
    const overlay = { nodeName: 'vdb-new', filename: '/images/vdb-new.qcow2' };
    const snapshot = planTakeSnapshot(look(plan.next.checkpoints), { disks: [{ diskTarget: 'vdb', overlay }] });
    for (const { command } of snapshot.steps) qemu.execute(command);
    const { steps, next } = planEndBackup(look(snapshot.next.checkpoints), plan.backup);
    run(steps.map(({ command }) => command));
    expect(spell({ steps, next })).toContain('open vdb-active for writing');
    expectGone(next);
  });

  it('a disk may leave: that is told, and its image is closed', () => {
    const { plan } = begun();
    const { disks, ...rest } = plan.next;
    const ended = planEndBackup({ ...rest, disks: disks.slice(0, 1) }, plan.backup, { complete: ['vda'] });
    expect(detailsOf(ended.warnings ?? [])).toEqual([
      { code: 'disk-gone', diskTarget: 'vdb', checkpoint: 'wednesday' },
    ]);
    expect(spell(ended)).toEqual(expect.arrayContaining(close(theirs)));
    expect(onDisks(wednesday(ended.next))).toEqual(['vda']);
  });
});

describe('the end of a backup is refused', () => {
  const { backup, next } = planBeginBackup(two, push, { now });

  it('where a disk is said to be complete that is not one of it', () => {
    expect(detailsOf(refusal(() => planEndBackup(next, backup, { complete: ['vda', 'vdz'] })))).toEqual([
      { code: 'disk-not-found', disk: 'vdz' },
    ]);
  });

  it('where someone else holds a bitmap of the checkpoint that is to go', () => {
    const held = withBitmap(next, 0, 'wednesday', { busy: true });
    expect(codesOf(refusal(() => planEndBackup(held, backup)))).toEqual(['bitmap-busy', 'bitmap-busy']);
    expect(codesOf(refusal(() => planEndBackup(held, backup, { complete: ['vda'] })))).toEqual(['bitmap-busy']);
    expect(refusal(() => planEndBackup(held, backup, { complete: ['vda', 'vdb'] }))).toEqual([]);
  });

  it('not where its own job holds its bitmap', () => {
    const held = withBitmap(next, 0, ours, { busy: true });
    expect(refusal(() => planEndBackup(held, backup))).toEqual([]);
  });

  it('where a layer that has the bitmap cannot be opened for writing', () => {
    const below = withLayer(next, 0, { readOnly: true, fileReadOnly: true });
    expect(codesOf(refusal(() => planEndBackup(below, backup)))).toEqual([
      'node-not-reopenable',
      'node-not-reopenable',
    ]);
  });

  it.each<[string, unknown]>([
    ['nothing', undefined],
    ['a backup of another mode', { ...backup, mode: 'drag' }],
    ['a backup without disks', { ...backup, disks: undefined }],
  ])('where it is given %s', (_, given) => {
    expect(new Set(codesOf(refusal(() => planEndBackup(next, given as Backup))))).toEqual(new Set(['invalid-input']));
  });

  it('where it is given no domain', () => {
    expect(codesOf(refusal(() => planEndBackup(undefined as unknown as Domain, backup)))).toEqual(['invalid-input']);
  });
});
