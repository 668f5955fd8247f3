import { describe, expect, it } from 'vitest';
import { defaultGranularity, isGranularity } from '../../../src/core/model/granularity.js';

describe('isGranularity', () => {
  it('takes exactly the powers of two from 512 to 2 GiB', () => {
    const taken = Array.from({ length: 60 }, (_, power) => 2 ** power).filter(isGranularity);
    expect(taken).toEqual(Array.from({ length: 23 }, (_, place) => 2 ** (9 + place)));
  });

  it.each([511, 513, 65535, 65537, 2 ** 31 - 1, 2 ** 31 + 1, 512 + 2 ** -43, 2 ** 31 - 2 ** -21])(
    'refuses %d',
    (bytes) => {
      expect(isGranularity(bytes)).toBe(false);
    },
  );

  it.each([-512, 0, Number.NaN, Number.POSITIVE_INFINITY, '512', 512n, null, undefined, [512]])(
    'refuses %o',
    (value) => {
      expect(isGranularity(value)).toBe(false);
    },
  );
});

describe('defaultGranularity', () => {
  it.each<[number | undefined, number]>([
    [undefined, 65536],
    [512, 4096],
    [4096, 4096],
    [8192, 8192],
    [65536, 65536],
    [131072, 65536],
    [2 ** 21, 65536],
  ])('of clusters of %j bytes is %d', (clusterSize, expected) => {
    expect(defaultGranularity(clusterSize)).toBe(expected);
  });
});
