import { describe, expect, it } from 'vitest';
import { CheckpointError } from '../../src/core/error.js';
import { guardInput } from '../../src/core/guard-input.js';
import { problem } from '../../src/core/problem.js';
import { checkCreateCheckpoint, checkDeleteCheckpoint, type Problem } from '../../src/index.js';
import { checkpoint, domain, now } from '../support/builders.js';
import { refusal } from '../support/refusal.js';

const stumble = () => (undefined as unknown as { readonly a: { readonly b: 1 } }).a.b;
const where = (problems: readonly Problem[]) =>
  problems.map((each) => each.code === 'invalid-input' && [each.subject, ...each.path]);

describe('guardInput', () => {
  it('gives what the function gives', () => {
    expect(guardInput({ domain: 'never looked at' }, () => 1)).toBe(1);
  });

  it('lets a refusal through as it is', () => {
    const refused = new CheckpointError([problem({ code: 'disk-empty', diskTarget: 'vda' })]);
    const run = () => {
      throw refused;
    };
    expect(() => guardInput({ domain: undefined }, run)).toThrow(refused);
  });

  it('tells every fault of all the values where the function stumbles, and keeps what it stumbled over', () => {
    const values = {
      domain: { name: 1, disks: [], checkpoints: [] },
      definition: { disks: [1] },
      tree: null,
      checkpoint: checkpoint('a'),
    };
    expect(where(refusal(() => guardInput(values, stumble)))).toEqual([
      ['domain', 'name'],
      ['domain', 'checkpoints'],
      ['definition', 'disks', 0],
      ['tree'],
    ]);
    expect(() => guardInput(values, stumble)).toThrow(expect.objectContaining({ cause: expect.any(TypeError) }));
  });

  it('tells that something else was wrong where the values are as they should be', () => {
    expect(refusal(() => guardInput({ domain: domain() }, stumble)).map(({ text }) => text)).toEqual([
      'arguments must be of the kinds the documentation names; correct that value and try again',
    ]);
    expect(() => guardInput({}, stumble)).toThrow(expect.objectContaining({ cause: expect.any(TypeError) }));
  });

  it('tells a fault that was found inside by its path from the top', () => {
    const broken = { ...domain(), checkpoints: { checkpoints: [null] } } as never;
    const path = ['domain', 'checkpoints', 'checkpoints', 0];
    expect(where(refusal(() => checkDeleteCheckpoint(broken, 'a')))).toEqual([path]);
    expect(where(refusal(() => checkCreateCheckpoint(broken, {}, { now })))).toEqual([path]);
  });

  it('keeps a fault found inside where all the values are as they should be', () => {
    const inner = () => guardInput({ checkpoint: 1 }, stumble);
    expect(where(refusal(() => guardInput({ domain: domain() }, inner)))).toEqual([['checkpoint']]);
  });
});
