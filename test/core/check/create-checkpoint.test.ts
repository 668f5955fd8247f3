import { describe, expect, it } from 'vitest';
import { type CheckpointDefinition, checkCreateCheckpoint, type Domain } from '../../../src/index.js';
import { chain, checkpoint, disk, domain, freshDomain, line, node, now, tree } from '../../support/builders.js';
import { codesOf, detailsOf, refusal } from '../../support/refusal.js';

const problemsOf = (given: Domain, definition: CheckpointDefinition, time = now) =>
  detailsOf(checkCreateCheckpoint(given, definition, { now: time }));

describe('checkCreateCheckpoint', () => {
  it('finds nothing wrong with a new checkpoint of every disk', () => {
    expect(checkCreateCheckpoint(domain(), {}, { now })).toEqual([]);
  });

  it.each<[string, string, object]>([
    ['exists', 'monday', { code: 'checkpoint-exists', checkpoint: 'monday', byDefault: false }],
    ['starts with a dot', '.a', { code: 'checkpoint-name-invalid', checkpoint: '.a' }],
    ['has a slash', 'a/b', { code: 'checkpoint-name-invalid', checkpoint: 'a/b' }],
    ['has a blank', 'a b', { code: 'checkpoint-name-invalid', checkpoint: 'a b' }],
    ['ends with a line break', 'a\n', { code: 'checkpoint-name-invalid', checkpoint: 'a\n' }],
    ['is empty', '', { code: 'checkpoint-name-invalid', checkpoint: '' }],
  ])('refuses a name that %s', (_, name, expected) => {
    expect(problemsOf(domain(), { name, disks: [{ disk: 'vda', checkpoint: 'no' }] })).toEqual([expected]);
  });

  it.each(['__proto__', 'constructor', 'toString', 'hasOwnProperty', '10', '2', '-', '_', 'a.b'])(
    'takes the name %s',
    (name) => {
      expect(problemsOf(domain(), { name })).toEqual([]);
      const taken = domain({ checkpoints: line(name) });
      expect(problemsOf(taken, { name, disks: [{ disk: 'vda', checkpoint: 'no' }] })).toEqual([
        { code: 'checkpoint-exists', checkpoint: name, byDefault: false },
      ]);
    },
  );

  it('tells when the name that is taken was made up from the second', () => {
    const taken = domain({ checkpoints: tree([checkpoint(String(now), { disks: [] })]) });
    expect(problemsOf(taken, {})).toEqual([{ code: 'checkpoint-exists', checkpoint: String(now), byDefault: true }]);
    expect(problemsOf(taken, {}, now + 1)).toEqual([]);
  });

  it.each([-1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53])('refuses %d as a time', (time) => {
    expect(problemsOf(domain(), {}, time)).toEqual([{ code: 'creation-time-invalid' }]);
  });

  it.each([0, 1, 2 ** 53 - 1])('takes %d as a time', (time) => {
    expect(problemsOf(domain(), {}, time)).toEqual([]);
  });

  it('refuses two disks on one node, and says which', () => {
    const twice = freshDomain(disk('vda', [node('same')]), disk('vdb', [node('same')]), disk('vdc'));
    const shared = { code: 'node-shared', diskTarget: 'vdb', nodeName: 'same', otherDiskTarget: 'vda' };
    expect(problemsOf(twice, {})).toEqual([shared]);
    expect(problemsOf(twice, { disks: [{ disk: 'vda' }] })).toEqual([]);
  });

  it('does not let a new bitmap pass for the lost one of another checkpoint', () => {
    const lost = domain({ disks: [disk('vda'), disk('vdb')], checkpoints: line('monday', 'tuesday') });
    const claimed = { code: 'bitmap-claimed', diskTarget: 'vda', bitmap: 'monday', checkpoint: 'monday' };
    expect(problemsOf(lost, { name: 'a', disks: [{ disk: 'vda', bitmap: 'monday' }] })).toEqual([claimed]);
    expect(problemsOf(lost, { name: 'a', disks: [{ disk: 'vdb', bitmap: 'monday' }] })).toEqual([]);
  });

  it.each([
    [
      'frozen',
      (given: Domain['checkpoints']) => Object.freeze({ ...given, checkpoints: Object.freeze(given.checkpoints) }),
    ],
    ['not frozen', (given: Domain['checkpoints']) => given],
  ])('finds the owner of a bitmap that is not called after its checkpoint, in a tree that is %s', (_, make) => {
    const disks = [Object.freeze({ diskTarget: 'vda', bitmap: 'other' })];
    const renamed = make(tree([Object.freeze({ ...checkpoint('monday'), disks: Object.freeze(disks) })]));
    expect(problemsOf(domain({ checkpoints: renamed }), { name: 'other' })).toEqual([
      { code: 'bitmap-claimed', diskTarget: 'vda', bitmap: 'other', checkpoint: 'monday' },
    ]);
  });

  it('lists every problem, not the first', () => {
    const given = domain({
      disks: [
        disk('vda', [node('vda-active', { bitmaps: ['monday'], readOnly: true })]),
        disk('vdb', [node('vdb-active', { format: 'raw' })]),
        disk('vdc', []),
        disk('vdd', chain('vdd', [[]]), { readOnly: true }),
      ],
    });
    const disks = [
      { disk: 'vdx' },
      { disk: 'vda', granularity: 3 },
      { disk: 'vda' },
      { disk: 'vdb', bitmap: 'a\nb' },
      { disk: 'vdc' },
      { disk: 'vdd' },
    ];
    expect(codesOf(checkCreateCheckpoint(given, { name: 'monday', disks }, { now: -1 }))).toEqual([
      'creation-time-invalid',
      'checkpoint-exists',
      'disk-not-found',
      'disk-asked-twice',
      'disk-empty',
      'disk-read-only',
      'node-read-only',
      'bitmap-exists',
      'granularity-invalid',
      'format-unsupported',
      'bitmap-name-invalid',
    ]);
  });

  it.each<[string, () => unknown]>([
    ['no domain', () => checkCreateCheckpoint(undefined as never, {}, { now })],
    ['no definition', () => checkCreateCheckpoint(domain(), null as never, { now })],
    ['no options', () => checkCreateCheckpoint(domain(), {}, undefined as never)],
    ['a disk asked for that is nothing', () => checkCreateCheckpoint(domain(), { disks: [null as never] }, { now })],
  ])('tells that it was given %s', (_, run) => {
    expect(codesOf(refusal(run))).toEqual(['invalid-input']);
  });
});
