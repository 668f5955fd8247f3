import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { parseWith } from '../../../src/core/model/parse-with.js';
import { refusal } from '../../support/refusal.js';

const schema = z.object({
  text: z.exactOptional(z.string().min(1)),
  count: z.exactOptional(z.int().min(1).max(9)),
  one: z.exactOptional(z.enum(['a', 'b'])),
  list: z.exactOptional(z.array(z.object({ flag: z.boolean() }))),
  even: z.exactOptional(z.int().refine((value) => value % 2 === 0, { error: 'must be even' })),
  either: z.exactOptional(z.union([z.string(), z.boolean()])),
});

const faultsOf = (input: unknown) =>
  refusal(() => parseWith(schema, input, 'thing')).map(
    (each) => each.code === 'invalid-input' && [each.path, each.expected],
  );

describe('parseWith', () => {
  it('gives what the schema makes of the input, members it does not know left out', () => {
    expect(parseWith(schema, { text: 'a', unknown: 1 }, 'thing')).toStrictEqual({ text: 'a' });
  });

  it.each<[string, unknown, readonly (string | number)[], string]>([
    ['nothing', undefined, [], 'must be of type object'],
    ['a list for an object', [], [], 'must be of type object'],
    ['a number for a text', { text: 1 }, ['text'], 'must be of type string'],
    ['a member that is there and undefined', { text: undefined }, ['text'], 'must be of type string'],
    ['an empty text', { text: '' }, ['text'], 'must be at least 1 character long'],
    ['a text for a number', { count: '1' }, ['count'], 'must be a safe integer'],
    ['a fraction', { count: 1.5 }, ['count'], 'must be a safe integer'],
    ['NaN', { count: Number.NaN }, ['count'], 'must be a safe integer'],
    ['a number that has lost its last digits', { even: 2 ** 53 }, ['even'], 'must be a safe integer'],
    ['a number that is too small', { count: 0 }, ['count'], 'must be at least 1'],
    ['another word', { one: 'c' }, ['one'], 'must be one of "a", "b"'],
    ['something deep inside', { list: [{ flag: true }, { flag: 1 }] }, ['list', 1, 'flag'], 'must be of type boolean'],
    ['what a rule of the schema refuses', { even: 3 }, ['even'], 'must be even'],
    ['none of two kinds', { either: 1 }, ['either'], 'is not of the expected form'],
  ])('says where it was given %s', (_, input, path, expected) => {
    expect(faultsOf(input)).toEqual([[path, expected]]);
  });

  it('says everything that is wrong', () => {
    const problems = refusal(() => parseWith(schema, { text: 1, list: [{}, {}] }, 'thing'));
    expect(problems.map(({ text }) => text)).toEqual([
      'thing.text must be of type string; correct that value and try again',
      'thing.list[0].flag must be of type boolean; correct that value and try again',
      'thing.list[1].flag must be of type boolean; correct that value and try again',
    ]);
  });

  it.each<[string, unknown, string]>([
    ['an error', new TypeError('no entry'), 'cannot be read (no entry)'],
    ['anything else', 'no entry', 'cannot be read'],
  ])('tells that the input throws %s while it is read', (_, thrown, expected) => {
    const input = {
      get text() {
        throw thrown;
      },
    };
    expect(faultsOf(input)).toEqual([[[], expected]]);
  });

  it('keeps what was thrown as the cause', () => {
    const thrown = new Error('no entry');
    const input = new Proxy(
      {},
      {
        get: () => {
          throw thrown;
        },
      },
    );
    expect(() => parseWith(schema, input, 'thing')).toThrow(expect.objectContaining({ cause: thrown }));
  });
});
