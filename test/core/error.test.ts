import { describe, expect, it, vi } from 'vitest';
import { throwProblems } from '../../src/core/error.js';
import { problem } from '../../src/core/problem.js';
import { CheckpointError, isCheckpointError } from '../../src/index.js';

const problems = ['a', 'b'].map((checkpoint) => problem({ code: 'checkpoint-not-found', checkpoint }));

describe('CheckpointError', () => {
  it('holds the problems, and their texts one a line', () => {
    const error = new CheckpointError(problems, { cause: 'it' });
    expect(error).toMatchObject({ name: 'CheckpointError', problems, cause: 'it' });
    expect(error.message.split('\n')).toEqual(problems.map(({ text }) => text));
    expect(String(error)).toMatch(/^CheckpointError: the domain has no checkpoint "a"/);
  });

  it('shows nothing of its mark to those who list its members', () => {
    expect(Object.keys(new CheckpointError(problems)).sort()).toEqual(['name', 'problems']);
    expect(JSON.parse(JSON.stringify(new CheckpointError(problems)))).toEqual({ name: 'CheckpointError', problems });
  });
});

describe('isCheckpointError', () => {
  it('knows one that another copy of this library made, whose class is another', async () => {
    vi.resetModules();
    const other = await import('../../src/core/error.js');
    expect(other.CheckpointError).not.toBe(CheckpointError);
    const theirs = new other.CheckpointError(problems);
    expect(theirs).not.toBeInstanceOf(CheckpointError);
    expect(isCheckpointError(theirs)).toBe(true);
    expect(other.isCheckpointError(new CheckpointError(problems))).toBe(true);
  });

  it.each([
    undefined,
    null,
    'CheckpointError',
    new Error('other'),
    { name: 'CheckpointError', problems },
    { [Symbol.for('qemu-checkpoint.error')]: true, problems },
    Object.assign(new Error('other'), { name: 'CheckpointError', problems }),
  ])('does not take %o for one', (value) => {
    expect(isCheckpointError(value)).toBe(false);
  });
});

describe('throwProblems', () => {
  it('throws all as one, and nothing where there are none', () => {
    expect(() => throwProblems([])).not.toThrow();
    expect(() => throwProblems(problems)).toThrow(expect.objectContaining({ problems }));
  });
});
