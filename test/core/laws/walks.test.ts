import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  checkBitmapChain,
  checkCreateCheckpoint,
  type DeleteOptions,
  type Domain,
  type Plan,
  planCreateCheckpoint,
  planDeleteCheckpoint,
} from '../../../src/index.js';
import { checkpointName } from '../../support/arbitrary-domain.js';
import { chain, disk, freshDomain, MiB, now } from '../../support/builders.js';
import { forAll } from '../../support/for-all.js';
import { type Qemu, startQemu } from '../../support/model.js';
import { refusal } from '../../support/refusal.js';

const size = 16 * MiB;
const targets = ['vda', 'vdb'] as const;
type Target = (typeof targets)[number];

interface Write {
  readonly target: Target;
  readonly offset: number;
  readonly length: number;
}

type Event =
  | ({ readonly kind: 'write' } & Write)
  | { readonly kind: 'create'; readonly name: string; readonly on: readonly Target[]; readonly granularity: number }
  | { readonly kind: 'delete'; readonly pick: number; readonly children: NonNullable<DeleteOptions['children']> }
  | { readonly kind: 'restart' };

const target = fc.constantFrom(...targets);
const write = fc
  .record({
    kind: fc.constant('write' as const),
    target,
    offset: fc.nat({ max: size - 1 }),
    length: fc.integer({ min: 1, max: 3 * MiB }),
  })
  .map((each) => ({ ...each, length: Math.min(each.length, size - each.offset) }));
const create = fc.record({
  kind: fc.constant('create' as const),
  name: checkpointName,
  on: fc.subarray([...targets], { minLength: 1 }),
  granularity: fc.constantFrom(4096, 65536, MiB),
});
const remove = fc.record({
  kind: fc.constant('delete' as const),
  pick: fc.nat(),
  children: fc.constantFrom('keep' as const, 'keep' as const, 'delete' as const, 'delete-only' as const),
});
const restart = fc.constant({ kind: 'restart' as const });

const events: fc.Arbitrary<readonly Event[]> = fc.array(
  fc.oneof(
    { weight: 5, arbitrary: write },
    { weight: 4, arbitrary: create },
    { weight: 2, arbitrary: remove },
    { weight: 1, arbitrary: restart },
  ),
  { maxLength: 30, size: 'max' },
);

/** A machine that lives through events: QEMU's bitmaps on one side, what was really written on the other. */
function live(
  story: readonly Event[],
  check: (qemu: Qemu, domain: Domain, writtenSince: (name: string) => readonly Write[]) => void,
) {
  let domain = freshDomain(
    ...targets.map((each) =>
      disk(
        each,
        chain(each, [[], []]).map((layer) => ({ ...layer, virtualSize: size })),
      ),
    ),
  );
  const qemu = startQemu(domain);
  const written: Write[] = [];
  const madeAt = new Map<string, number>();
  const follow = ({ steps, next }: Plan) => {
    for (const { command } of steps) qemu.execute(command);
    // The plan foresaw, to the bit, what QEMU then has.
    expect(qemu.observe(next)).toStrictEqual(next);
    domain = next;
  };
  for (const event of story) {
    domain = qemu.observe(domain);
    if (event.kind === 'write') {
      qemu.write(`${event.target}-active`, event.offset, event.length);
      written.push(event);
    } else if (event.kind === 'restart') {
      qemu.restart();
      expect(qemu.observe(domain)).toStrictEqual(domain);
    } else if (event.kind === 'create') {
      const disks = event.on.map((each) => ({ disk: each, granularity: event.granularity }));
      const asked = { name: event.name, disks };
      const problems = checkCreateCheckpoint(domain, asked, { now });
      expect(problems.length > 0).toBe(domain.checkpoints.checkpoints.some(({ name }) => name === event.name));
      if (problems.length > 0) continue;
      follow(planCreateCheckpoint(domain, asked, { now }));
      madeAt.set(event.name, written.length);
    } else {
      const { checkpoints } = domain.checkpoints;
      const name = checkpoints[event.pick % (checkpoints.length || 1)]?.name;
      if (name === undefined) expect(refusal(() => planDeleteCheckpoint(domain, 'none'))).toHaveLength(1);
      else follow(planDeleteCheckpoint(domain, name, { children: event.children }));
    }
    check(qemu, domain, (name) => written.slice(madeAt.get(name)));
  }
  return domain;
}

function granulesOf(writes: readonly Write[], on: string, granularity: number): readonly number[] {
  const granules = new Set<number>();
  for (const { target: where, offset, length } of writes) {
    if (where !== on) continue;
    for (let at = offset - (offset % granularity); at < offset + length; at += granularity)
      granules.add(at / granularity);
  }
  return [...granules].sort((one, other) => one - other);
}

describe('a machine that is written to while checkpoints come and go', () => {
  it('has in each remaining checkpoint’s bitmap every write since it was made, and no other', () => {
    let looked = 0;
    forAll(
      events,
      (story) => {
        live(story, (qemu, domain, writtenSince) => {
          for (const { name, disks } of domain.checkpoints.checkpoints) {
            for (const { diskTarget, bitmap } of disks) {
              if (bitmap === undefined) continue;
              const active = domain.disks.find((each) => each.diskTarget === diskTarget)?.backingChain[0];
              const granularity = active?.bitmaps.find((each) => each.name === bitmap)?.granularity ?? Number.NaN;
              const expected = granulesOf(writtenSince(name), diskTarget, granularity);
              expect(qemu.dirtyGranules(`${diskTarget}-active`, bitmap)).toEqual(expected);
              looked += expected.length > 0 ? 1 : 0;
            }
          }
        });
      },
      200,
    );
    expect(looked).toBeGreaterThan(1000);
  });

  it('has a usable bitmap for each remaining checkpoint, and none that no checkpoint owns', () => {
    forAll(events, (story) => {
      const domain = live(story, () => {});
      for (const { diskTarget, backingChain } of domain.disks) {
        const owned = domain.checkpoints.checkpoints.flatMap(({ disks }) =>
          disks.filter((each) => each.diskTarget === diskTarget && each.bitmap),
        );
        for (const { bitmap = '', madeOn = 'unknown' } of owned) {
          expect(checkBitmapChain(backingChain, bitmap, { madeOn, diskTarget })).toEqual([]);
        }
        const names = backingChain.flatMap(({ bitmaps }) => bitmaps.map(({ name }) => name));
        expect(names.toSorted()).toEqual(owned.map(({ bitmap = '' }) => bitmap).toSorted());
      }
    });
  });
});
