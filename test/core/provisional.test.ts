import { describe, expect, it } from 'vitest';
import {
  type Checkpoint,
  type Domain,
  parseCheckpoint,
  pendingChangeOf,
  planBeginBackup,
  planCreateCheckpoint,
  planDeleteCheckpoint,
  planEndBackup,
  planReconcile,
  planRedefineCheckpoint,
  planRescueCheckpoint,
  planResumeJob,
  planTakeSnapshot,
} from '../../src/index.js';
import { domain, now } from '../support/builders.js';
import { expectPlanLaws } from '../support/expect-plan.js';
import { layered, spell, withBitmap } from '../support/layers.js';
import { startQemu } from '../support/model.js';
import { codesOf, refusal } from '../support/refusal.js';

const vda = { diskTarget: 'vda', image: { filename: '/backup/vda.qcow2' } };
const begin = planBeginBackup(domain(), { mode: 'push', disks: [vda], checkpoint: { name: 'wednesday' } }, { now });
const { otherNodes: _, ...begun } = begin.next;
const wednesday = ({ checkpoints }: Domain): Checkpoint | undefined =>
  checkpoints.checkpoints.find(({ name }) => name === 'wednesday');

describe('a checkpoint whose backup is not complete', () => {
  it('is read as it is written, and only so', () => {
    expect(parseCheckpoint(JSON.parse(JSON.stringify(wednesday(begun))))).toStrictEqual(wednesday(begun));
    expect(wednesday(begun)?.provisional).toBe(true);
    expect(codesOf(refusal(() => parseCheckpoint({ ...wednesday(begun), provisional: false })))).toEqual([
      'invalid-input',
    ]);
  });

  it('can be deleted, and its backup ends without it', () => {
    const { next } = expectPlanLaws(begun, (given) => planDeleteCheckpoint(given, 'wednesday'));
    expect(next.checkpoints).toStrictEqual(domain().checkpoints);
    expect(planEndBackup(next, begin.backup, { complete: ['vda'] }).next.checkpoints).toBe(next.checkpoints);
  });

  it('stays what it is where its parent is deleted', () => {
    const { next } = expectPlanLaws(begun, (given) => planDeleteCheckpoint(given, 'tuesday'));
    expect(wednesday(next)).toMatchObject({ parent: 'monday', provisional: true });
  });

  it('keeps its name, its bitmap and its place: the next one hangs from it', () => {
    const again = planBeginBackup(begun, { mode: 'push', disks: [vda], checkpoint: { name: 'thursday' } }, { now });
    expect(again.next.checkpoints.checkpoints.at(-1)?.parent).toBe('wednesday');
    expect(codesOf(refusal(() => planCreateCheckpoint(begun, { name: 'wednesday' }, { now })))).toEqual([
      'checkpoint-exists',
      'bitmap-exists',
    ]);
  });

  it('is put back by hand as it was, and confirmed by hand by leaving that out', () => {
    const made = wednesday(begun) as Checkpoint;
    const put = planRedefineCheckpoint({ ...begun, checkpoints: domain().checkpoints }, made, { validate: true });
    expect(put.next.checkpoints).toStrictEqual(begun.checkpoints);
    const { provisional: __, ...confirmed } = made;
    expect(wednesday(planRedefineCheckpoint(begun, confirmed).next)).toStrictEqual(confirmed);
  });

  it('is still provisional where a reconciliation finds that it was made, so that it goes with its backup', () => {
    const pending = pendingChangeOf(domain(), begin);
    expect(pending).toMatchObject({ kind: 'create', checkpoint: { name: 'wednesday', provisional: true } });
    const unsaved = { ...begun, checkpoints: domain().checkpoints };
    const { decisions, next } = planReconcile(unsaved, pending === undefined ? [] : [pending]);
    expect(decisions.map(({ verdict }) => verdict)).toEqual(['confirm']);
    expect(next.checkpoints).toStrictEqual(begun.checkpoints);
    expect(planEndBackup(next, begin.backup).next.checkpoints).toStrictEqual(domain().checkpoints);
  });

  it('is not made where a reconciliation finds no bitmap', () => {
    const pending = pendingChangeOf(domain(), begin);
    const { decisions, next } = planReconcile(domain(), pending === undefined ? [] : [pending]);
    expect(decisions.map(({ verdict }) => verdict)).toEqual(['drop']);
    expect(next.checkpoints).toStrictEqual(domain().checkpoints);
  });

  it('stays provisional where its bitmap is rescued, or the layers change', () => {
    const [a, ...rest] = layered.checkpoints.checkpoints as [Checkpoint, ...Checkpoint[]];
    const unsure = {
      ...layered,
      checkpoints: { ...layered.checkpoints, checkpoints: [{ ...a, provisional: true as const }, ...rest] },
    };
    const rescued = planRescueCheckpoint(withBitmap(unsure, 0, 'a', undefined), { diskTarget: 'vda', checkpoint: 'a' });
    expect(rescued.next.checkpoints.checkpoints.map(({ provisional }) => provisional)).toEqual([
      true,
      undefined,
      undefined,
    ]);
    const overlay = { nodeName: 'new', filename: '/images/new.qcow2' };
    const snapshot = expectPlanLaws(begun, (given) =>
      planTakeSnapshot(given, { disks: [{ diskTarget: 'vda', overlay }] }),
    );
    expect(wednesday(snapshot.next)?.provisional).toBe(true);
  });
});

describe('whoever resumes changes of layers', () => {
  it.each(['running', 'concluded'])('leaves the job of a backup alone that is %s', (status) => {
    const jobs = [{ id: begin.backup.disks[0]?.jobId ?? '', type: 'backup', status }];
    expect(planResumeJob(begin.next, jobs)).toMatchObject({ steps: [], changes: [] });
  });

  it('forgets the jobs that were to make its image', () => {
    const qemu = startQemu(domain());
    for (const { command } of begin.steps.slice(0, 1)) qemu.execute(command);
    const jobs = qemu.jobs().map(({ jobId: id, ...job }) => ({ id, ...job }));
    expect(spell(planResumeJob(domain(), jobs))).toEqual(['cancel']);
  });
});
