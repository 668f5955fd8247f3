import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { frozen } from '../../../src/core/model/frozen.js';

const schema = frozen(z.object({ list: frozen(z.array(z.number())) }));

describe('frozen', () => {
  it('freezes what was read, and not what it was read from', () => {
    const given = { list: [1] };
    const read = schema.parse(given);
    expect(read).toStrictEqual(given);
    expect([read, read.list].map(Object.isFrozen)).toEqual([true, true]);
    expect([given, given.list].map(Object.isFrozen)).toEqual([false, false]);
  });

  it.each<[string, object]>([
    ['of another kind', { list: { length: 0 } }],
    ['with an element of another kind', { list: ['1'] }],
    ['without a member', {}],
  ])('leaves a value %s as it was', (_, given) => {
    expect(schema.safeParse(given).success).toBe(false);
    expect([given, ...Object.values(given)].map(Object.isFrozen)).not.toContain(true);
  });
});
