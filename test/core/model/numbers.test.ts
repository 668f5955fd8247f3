import { describe, expect, it } from 'vitest';
import { byteCountSchema } from '../../../src/core/model/numbers.js';

describe('a count of bytes', () => {
  it.each([0, 1, 2 ** 53 - 1])('may be %d', (count) => {
    expect(byteCountSchema.safeParse(count)).toEqual({ success: true, data: count });
  });

  it.each([-1, 0.5, 2 ** 53, JSON.parse('9007199254740993'), Number.NaN, Number.POSITIVE_INFINITY, '1', 1n, null])(
    'may not be %o',
    (count) => {
      expect(byteCountSchema.safeParse(count).success).toBe(false);
    },
  );
});
