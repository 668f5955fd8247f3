import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type BackupBaseRequest,
  type Checkpoint,
  type CheckpointIdentity,
  chooseBackupBase,
  type Domain,
  planBeginBackup,
} from '../../../src/index.js';
import { arbitraryDomain } from '../../support/arbitrary-domain.js';
import { bitmap, chain, checkpoint, disk, domain, freshDomain, GiB, now, tree } from '../../support/builders.js';
import { forAll } from '../../support/for-all.js';
import { codesOf, refusal } from '../../support/refusal.js';

const dirty = (name: string, granules: number) => bitmap(name, { dirtyBytes: granules * 65536 });
const at = (name: string, seconds: number, change: Partial<Checkpoint> = {}) =>
  checkpoint(name, { creationTimeSeconds: now + seconds, ...change, disks: ['vda'] });

/** A line of checkpoints a second apart, and a bitmap for each that is not lost. */
const week = (lost: readonly string[], change: (name: string) => Partial<Checkpoint> = () => ({})): Domain => {
  const names = ['monday', 'tuesday', 'wednesday'];
  const bitmaps = names.filter((name) => !lost.includes(name)).map((name) => dirty(name, 10 - names.indexOf(name)));
  return domain({
    disks: [disk('vda', chain('vda', [bitmaps]))],
    checkpoints: tree(
      names.map((name, place) =>
        at(name, place, { ...(place > 0 && { parent: names[place - 1] as string }), ...change(name) }),
      ),
    ),
  });
};
const identity = ({ name, creationTimeSeconds }: Checkpoint): CheckpointIdentity => ({ name, creationTimeSeconds });
const of = (given: Domain, ...names: readonly string[]) =>
  given.checkpoints.checkpoints.filter(({ name }) => names.includes(name)).map(identity);

const vda: BackupBaseRequest = { diskTarget: 'vda' };
const provisional = (which: string) => (name: string) => (name === which ? ({ provisional: true } as const) : {});

describe('chooseBackupBase', () => {
  it.each<[string, Domain, BackupBaseRequest, string | undefined, readonly string[]]>([
    ['the current one where nothing else is wanted', week([]), vda, 'wednesday', []],
    ['the one that is wanted', week([]), { ...vda, checkpoint: 'tuesday' }, 'tuesday', []],
    [
      'the nearest older one that is good',
      week(['tuesday']),
      { ...vda, checkpoint: 'tuesday' },
      'monday',
      ['tuesday bitmap-missing'],
    ],
    ['never a newer one', week(['monday']), { ...vda, checkpoint: 'monday' }, undefined, ['monday bitmap-missing']],
    [
      'none where none is good',
      week(['monday', 'tuesday', 'wednesday']),
      vda,
      undefined,
      ['wednesday bitmap-missing', 'tuesday bitmap-missing', 'monday bitmap-missing'],
    ],
    [
      'none that is provisional',
      week([], provisional('wednesday')),
      vda,
      'tuesday',
      ['wednesday checkpoint-provisional'],
    ],
    [
      'none of which no backup is at hand',
      week([]),
      { ...vda, among: of(week([]), 'monday') },
      'monday',
      ['wednesday backup-missing', 'tuesday backup-missing'],
    ],
    [
      'none where no backup is at hand at all',
      week([]),
      { ...vda, among: [] },
      undefined,
      ['wednesday backup-missing', 'tuesday backup-missing', 'monday backup-missing'],
    ],
    [
      'none whose name was another’s once',
      week([]),
      { ...vda, among: [{ name: 'wednesday', creationTimeSeconds: 5 }, ...of(week([]), 'tuesday')] },
      'tuesday',
      ['wednesday backup-missing'],
    ],
    ['none where there is no checkpoint', freshDomain(disk('vda')), vda, undefined, []],
    [
      'the newest of all where none is current',
      { ...week([]), checkpoints: tree(week([]).checkpoints.checkpoints, null) },
      vda,
      'wednesday',
      [],
    ],
  ])('chooses %s', (_, given, request, since, passedOver) => {
    const chosen = chooseBackupBase(given, request);
    expect(chosen.since).toBe(since);
    expect('since' in chosen).toBe(since !== undefined);
    const over = chosen.passedOver.map(({ checkpoint: name, problems }) => [name, ...codesOf(problems)].join(' '));
    expect(over).toEqual(passedOver);
  });

  it('tells both what is wrong with the bitmaps and that there is no backup', () => {
    const { passedOver } = chooseBackupBase(week(['wednesday']), { ...vda, among: [] });
    expect(codesOf(passedOver[0]?.problems ?? [])).toEqual(['backup-missing', 'bitmap-missing']);
  });

  it('says why, and what it costs', () => {
    expect(chooseBackupBase(week(['wednesday']), vda)).toMatchObject({
      diskTarget: 'vda',
      since: 'tuesday',
      bytes: 9 * 65536,
      why: `Disk vda: what was written since checkpoint "tuesday", at most ${9 * 65536} of ${GiB} bytes.`,
    });
    expect(chooseBackupBase(freshDomain(disk('vda')), vda)).toStrictEqual({
      diskTarget: 'vda',
      why: `Disk vda: all of its ${GiB} bytes, for there is no checkpoint.`,
      bytes: GiB,
      passedOver: [],
    });
    const { why } = chooseBackupBase(week(['monday', 'tuesday', 'wednesday']), vda);
    expect(why).toBe(`Disk vda: all of its ${GiB} bytes, for no checkpoint is good.`);
  });

  it.each<[string, readonly Checkpoint[], string | undefined]>([
    ['of the same second the parent', [at('a', 0), at('b', 0, { parent: 'a' })], 'a'],
    ['of the same second no other', [at('a', 0), at('b', 0)], undefined],
    [
      'an older one of another branch',
      [at('root', 0), at('a', 2, { parent: 'root' }), at('b', 3, { parent: 'root' })],
      'a',
    ],
    ['the youngest of the older ones', [at('x', 1), at('y', 2), at('b', 3, { parent: 'x' })], 'y'],
    ['no child, though the clock says that it is older', [at('a', -5, { parent: 'b' }), at('b', 0)], undefined],
    ['no parent that the clock says is younger', [at('a', 5), at('b', 0, { parent: 'a' })], undefined],
  ])('takes for older %s', (_, checkpoints, since) => {
    const names = checkpoints.map(({ name }) => name);
    const bitmaps = names.filter((name) => name !== 'b').map((name) => dirty(name, 1));
    const given = domain({ disks: [disk('vda', chain('vda', [bitmaps]))], checkpoints: tree(checkpoints, 'b') });
    expect(chooseBackupBase(given, { ...vda, checkpoint: 'b' }).since).toBe(since);
  });

  it('takes any where none is wanted, for all are older than now: the current one, what it descends from, the others by their times', () => {
    const checkpoints = [at('x', 1), at('y', 9), at('root', 5), at('by-hand', 0, { parent: 'root' })];
    const choose = (...bitmaps: readonly string[]) =>
      chooseBackupBase(
        domain({
          disks: [disk('vda', chain('vda', [bitmaps.map((name) => dirty(name, 1))]))],
          checkpoints: tree(checkpoints, 'by-hand'),
        }),
        vda,
      ).since;
    expect(choose('x', 'y', 'root', 'by-hand')).toBe('by-hand');
    expect(choose('x', 'y', 'root')).toBe('root');
    expect(choose('x', 'y')).toBe('y');
    expect(choose('x')).toBe('x');
  });

  it.each<[string, Domain, BackupBaseRequest, string]>([
    ['a disk that is not there', domain(), { diskTarget: 'vdz' }, 'disk-not-found'],
    ['a disk without a medium', freshDomain(disk('vda', [])), vda, 'disk-empty'],
    ['a checkpoint that is not there', domain(), { ...vda, checkpoint: 'friday' }, 'checkpoint-not-found'],
    ['nothing', domain(), undefined as unknown as BackupBaseRequest, 'invalid-input'],
  ])('refuses %s', (_, given, request, code) => {
    expect(codesOf(refusal(() => chooseBackupBase(given, request)))).toEqual([code]);
  });

  it('finds in any tree what looking at all of them finds', () => {
    forAll(
      worlds,
      ({ given, request }) => {
        const { since, bytes, passedOver } = chooseBackupBase(given, request);
        expect(since).toBe(reference(given, request)?.name);
        const passed = passedOver.map(({ checkpoint: name }) => name);
        expect(new Set(passed).size).toBe(passed.length);
        expect(passed).not.toContain(since);
        expect(bytes).toBeLessThanOrEqual(GiB);
        if (since !== undefined) expectUsable(given, since);
      },
      500,
    );
  });
});

/** A backup can be based on it, but for bitmaps that are held just then. */
function expectUsable(given: Domain, since: string): void {
  const disks = [{ diskTarget: 'vda', since, image: { filename: '/backup/vda.qcow2' } }];
  const problems = refusal(() => planBeginBackup(given, { mode: 'push', disks }, { now }));
  expect(codesOf(problems).filter((code) => code !== 'bitmap-busy')).toEqual([]);
}

const worlds = arbitraryDomain
  .filter(({ disks }) => disks.some(({ diskTarget, backingChain }) => diskTarget === 'vda' && backingChain.length > 0))
  .chain((given) => {
    const { checkpoints } = given.checkpoints;
    const aged = fc.tuple(
      ...checkpoints.map((each) =>
        fc.record({ seconds: fc.nat({ max: 3 }), isProvisional: fc.integer({ min: 0, max: 5 }) }).map(
          ({ seconds, isProvisional }): Checkpoint => ({
            ...each,
            creationTimeSeconds: now + seconds,
            ...(isProvisional === 0 && { provisional: true as const }),
          }),
        ),
      ),
    );
    return aged.chain((all) => {
      const wanted = all.length === 0 ? fc.constant(undefined) : fc.option(fc.constantFrom(...all), { nil: undefined });
      const among = fc.option(fc.subarray(all.map(identity)), { nil: undefined });
      return fc.record({ wanted, among }).map((asked) => ({
        given: { ...given, checkpoints: { ...given.checkpoints, checkpoints: all } },
        request: {
          diskTarget: 'vda',
          ...(asked.wanted !== undefined && { checkpoint: asked.wanted.name }),
          ...(asked.among !== undefined && { among: asked.among }),
        },
      }));
    });
  });

/** The best by what is promised, found by comparing each with each, from the bitmaps themselves. */
function reference({ disks, checkpoints: { checkpoints, current } }: Domain, request: BackupBaseRequest) {
  const named = new Map(checkpoints.map((each) => [each.name, each]));
  const wanted = named.get(request.checkpoint ?? current ?? '');
  /** How many generations above it, 0 for itself; -1 where it is no ancestor. */
  const generations = (from: Checkpoint, to: Checkpoint): number => {
    if (from === to) return 0;
    const parent = from.parent === undefined ? undefined : named.get(from.parent);
    const above = parent === undefined ? -1 : generations(parent, to);
    return above === -1 ? -1 : above + 1;
  };
  const layers = disks.find(({ diskTarget }) => diskTarget === 'vda')?.backingChain ?? [];
  const isGood = ({ name, creationTimeSeconds, provisional: isProvisional, disks: parts }: Checkpoint) => {
    const isKnown = request.among?.some(
      (each) => each.name === name && each.creationTimeSeconds === creationTimeSeconds,
    );
    const of = parts.find(({ diskTarget }) => diskTarget === 'vda')?.bitmap;
    if (isProvisional || isKnown === false || of === undefined) return false;
    const found = layers.map(({ bitmaps }) => bitmaps.find((each) => each.name === of));
    const height = found.findLastIndex((each) => each !== undefined) + 1;
    const isWhole = found.slice(0, height).every((each) => each?.recording && each.persistent && !each.inconsistent);
    return height > 0 && isWhole;
  };
  if (wanted === undefined || request.checkpoint === undefined) {
    // All are older than now: by generations above the current one, and then by time and place.
    const order = (each: Checkpoint): readonly number[] => {
      const above = wanted === undefined ? -1 : generations(wanted, each);
      return above >= 0 ? [1, -above] : [0, each.creationTimeSeconds, checkpoints.indexOf(each)];
    };
    return checkpoints
      .filter(isGood)
      .toSorted((one, other) => compare(order(other), order(one)))
      .at(0);
  }
  const isOlder = (each: Checkpoint) => {
    const { creationTimeSeconds: then } = each;
    if (each === wanted || generations(each, wanted) > 0) return false;
    const isAncestor = generations(wanted, each) > 0;
    return then < wanted.creationTimeSeconds || (isAncestor && then === wanted.creationTimeSeconds);
  };
  if (isGood(wanted)) return wanted;
  const older = checkpoints.filter((each) => isOlder(each) && isGood(each));
  const rank = (each: Checkpoint) => {
    const above = generations(wanted, each);
    // Of the same second the nearest ancestor is better, and then what stands later in the list.
    return [each.creationTimeSeconds, above > 0 ? 1 : 0, above > 0 ? -above : checkpoints.indexOf(each)] as const;
  };
  const isBetter = (one: Checkpoint, other: Checkpoint) => {
    const [ours, theirs] = [rank(one), rank(other)];
    const place = ours.findIndex((value, index) => value !== theirs[index]);
    return place !== -1 && (ours[place] as number) > (theirs[place] as number);
  };
  return older.find((each) => older.every((rival) => rival === each || isBetter(each, rival)));
}

function compare(one: readonly number[], other: readonly number[]): number {
  const place = one.findIndex((value, index) => value !== other[index]);
  return place === -1 ? 0 : (one[place] as number) - (other[place] as number);
}
