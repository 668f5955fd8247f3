import { describe, expect, it } from 'vitest';
import { jsonSchema } from '../../../src/core/model/json.js';

describe('what JSON can hold', () => {
  it.each([null, true, 0, -1.5, '', 'a', [], [1, [2, {}]], { a: { b: [null] } }])('is read as it is: %j', (value) => {
    expect(jsonSchema.parse(value)).toStrictEqual(value);
  });

  it('is frozen all the way down, and not what was given', () => {
    const given = { cache: { direct: [true] } };
    const read = jsonSchema.parse(given) as typeof given;
    expect([read, read.cache, read.cache.direct].map(Object.isFrozen)).toEqual([true, true, true]);
    expect([given, given.cache, given.cache.direct].map(Object.isFrozen)).toEqual([false, false, false]);
  });

  it.each([
    undefined,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    1n,
    () => 1,
    Symbol('a'),
    new Date(),
    new Map(),
    [undefined],
  ])('is not %o', (value) => {
    expect(jsonSchema.safeParse(value).success).toBe(false);
  });
});
