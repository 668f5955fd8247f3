import { describe, expect, it } from 'vitest';
import { tellCopies } from '../../src/cli/tell-copies.js';
import { capturedTerminal } from '../support/captured-terminal.js';

const MiB = 2 ** 20;

/** What is told when the copies of two disks come so far, in MiB of 100 each, at these seconds. */
function told(isTerminal: boolean, steps: readonly (readonly [second: number, vda: number, vdb: number])[]) {
  const rewritten: string[] = [];
  const { terminal, complained } = capturedTerminal();
  let now = 0;
  const rewrite = (line: string) => rewritten.push(line);
  const tell = tellCopies({ ...terminal, ...(isTerminal && { rewrite }) }, () => now);
  for (const [second, vda, vdb] of steps) {
    now = second;
    tell({ diskTarget: 'vda', current: vda * MiB, total: 100 * MiB });
    tell({ diskTarget: 'vdb', current: vdb * MiB, total: 100 * MiB });
  }
  return isTerminal ? rewritten.filter((_, place) => place % 2 === 1) : complained;
}

describe('tellCopies', () => {
  it('shows all disks together in a bar, with the rate and the time left once a second has passed', () => {
    expect(
      told(true, [
        [0, 0, 0],
        [0.5, 10, 0],
        [2, 20, 20],
        [10, 60, 40],
        [20, 100, 100],
      ]),
    ).toEqual([
      '[--------------------] 0 %',
      '[#-------------------] 5 %',
      '[####----------------] 20 %, 20 MiB/s, 0:08 left',
      '[##########----------] 50 %, 10 MiB/s, 0:10 left',
      '[####################] 100 %, 10 MiB/s, 0:00 left',
    ]);
  });

  it('shows hours where it takes that long', () => {
    expect(
      told(true, [
        [0, 0, 0],
        [100, 1, 1],
      ]).at(-1),
    ).toBe('[--------------------] 1 %, 20.5 KiB/s, 2:45:00 left');
  });

  it('tells no more than a line for each ten percent where lines cannot be written over', () => {
    expect(
      told(false, [
        [0, 0, 0],
        [1, 15, 4],
        [2, 15, 8],
        [3, 50, 50],
        [4, 100, 100],
      ]),
    ).toEqual([
      '11 %, 23 MiB of 200 MiB',
      '29 %, 58 MiB of 200 MiB',
      '50 %, 100 MiB of 200 MiB',
      '75 %, 150 MiB of 200 MiB',
    ]);
  });
});
