import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type Domain,
  findCheckpoint,
  parseDomain,
  planCreateCheckpoint,
  planDeleteCheckpoint,
  planRedefineCheckpoint,
} from '../../../src/index.js';
import { awkwardNames, checkpointNames } from '../../support/arbitrary-domain.js';
import { chain, disk, freshDomain, now } from '../../support/builders.js';
import { forAll } from '../../support/for-all.js';

const fresh = freshDomain(disk('vda'), disk('vdb', chain('vdb', [[], []])));
const stored = (domain: Domain): Domain => parseDomain(JSON.parse(JSON.stringify(domain)));
const namesIn = ({ checkpoints }: Domain) => checkpoints.checkpoints.map(({ name }) => name);
const bitmapsOn = ({ disks }: Domain) => disks.map((each) => each.backingChain[0]?.bitmaps.map(({ name }) => name));

/** A domain that got these checkpoints one after the other, stored and read again after each. */
function created(names: readonly string[]): Domain {
  return names.reduce((domain, name) => {
    const after = stored(planCreateCheckpoint(domain, { name }, { now }).next);
    expect(after.checkpoints.current).toBe(name);
    expect(findCheckpoint(after.checkpoints, name)?.name).toBe(name);
    return after;
  }, fresh);
}

const anyNames = checkpointNames({ minLength: 1, maxLength: 12 });

describe('any legal checkpoint name', () => {
  it('stays what it is through create, storing and reading', () => {
    forAll(anyNames, (names) => {
      const domain = created(names);
      expect(namesIn(domain)).toEqual(names);
      expect(bitmapsOn(domain)).toEqual([names.toReversed(), names.toReversed()]);
      expect(stored(domain)).toStrictEqual(domain);
    });
  });

  it('is gone after a delete, it alone, in whatever order', () => {
    forAll(
      anyNames.chain((names) => fc.tuple(fc.constant(names), fc.shuffledSubarray(names))),
      ([names, doomed]) => {
        const domain = doomed.reduce((before, name) => {
          const { next, warnings } = planDeleteCheckpoint(before, name);
          expect(warnings).toBeUndefined();
          return stored(next);
        }, created(names));
        const left = names.filter((name) => !doomed.includes(name));
        expect(namesIn(domain)).toEqual(left);
        expect(bitmapsOn(domain)).toEqual([left.toReversed(), left.toReversed()]);
        expect(domain.checkpoints.current).toBe(left.at(-1));
      },
    );
  });

  it('comes back by a redefine, validated, in whatever order', () => {
    forAll(
      anyNames.chain((names) => fc.tuple(fc.constant(names), fc.shuffledSubarray(names, { minLength: names.length }))),
      ([names, order]) => {
        const domain = created(names);
        const lost = { ...domain, checkpoints: { checkpoints: [] } };
        const metadata = order.map(
          (name) => findCheckpoint(domain.checkpoints, name) as NonNullable<ReturnType<typeof findCheckpoint>>,
        );
        expect(stored(planRedefineCheckpoint(lost, metadata, { validate: true }).next)).toStrictEqual(domain);
      },
    );
  });

  it('may be any of the awkward ones', () => {
    const domain = created(awkwardNames);
    expect(namesIn(domain)).toEqual(awkwardNames);
    expect(bitmapsOn(planDeleteCheckpoint(domain, '__proto__', { children: 'delete' }).next)).toEqual([[], []]);
  });
});
