import { describe, expect, it } from 'vitest';
import { tellProgress } from '../../src/cli/tell-progress.js';
import type { Terminal } from '../../src/cli/terminal.js';
import { planCopy, type Step } from '../../src/index.js';
import type { JobProgress, StepProgress } from '../../src/qmp/index.js';
import { domain } from '../support/builders.js';
import { capturedTerminal } from '../support/captured-terminal.js';

const mirror = { nodeName: 'copy', filename: '/images/copy.qcow2' };
const step = planCopy(domain(), { diskTarget: 'vda', mirror }).steps.find(
  ({ command }) => command.kind === 'job-wait',
) as Step;

/** A step that waits while its job comes so far, in percent. */
function waiting(...percents: readonly number[]): readonly StepProgress[] {
  return run(...percents.map((current) => ({ current, total: 100 })));
}

function run(...all: readonly JobProgress[]): readonly StepProgress[] {
  const at = { step, index: 1, total: 3 };
  return [
    { state: 'started', ...at },
    ...all.map((progress) => ({ state: 'progress', ...at, progress }) as const),
    { state: 'done', ...at },
  ];
}

function told(steps: readonly StepProgress[], isTerminal: boolean) {
  const rewritten: string[] = [];
  const { terminal, printed, complained } = capturedTerminal();
  const rewrite: Terminal['rewrite'] = (line) => rewritten.push(line);
  const tell = tellProgress({ ...terminal, ...(isTerminal && { rewrite }) });
  for (const each of steps) tell(each);
  expect(printed).toEqual([]);
  return { complained, rewritten };
}

describe('tellProgress', () => {
  const why = `2/3 ${step.why}`;

  it.each<[string, readonly StepProgress[], readonly string[]]>([
    ['a job that has not begun', waiting(0), []],
    ['one that is done at once', waiting(100), []],
    ['one that gets on little by little', waiting(3, 9, 10, 11, 19, 20, 29), ['10 %', '20 %']],
    ['one that leaps', waiting(4, 37, 41, 99, 100), ['37 %', '41 %', '99 %']],
    ['one that is given more to do', waiting(50, 30, 45, 61), ['50 %', '61 %']],
    ['one that does not say how much there is to do', run({ current: 0, total: 0 }, { current: 7, total: 0 }), []],
    ['one that has done more than it said', run({ current: 1, total: 3 }, { current: 9, total: 8 }), ['33 %']],
  ])('tells of %s no more than a line for each ten percent', (_, steps, lines) => {
    expect(told(steps, false)).toEqual({ complained: [why, ...lines.map((line) => `2/3 ${line}`)], rewritten: [] });
  });

  it('begins anew with each step', () => {
    const { complained } = told([...waiting(50), ...waiting(20)], false);
    expect(complained).toEqual([why, '2/3 50 %', why, '2/3 20 %']);
  });

  it('shows a bar where lines can be written over', () => {
    expect(told(waiting(0, 4, 50, 99, 100), true)).toEqual({
      complained: [why],
      rewritten: [
        '2/3 [--------------------] 0 %',
        '2/3 [--------------------] 4 %',
        '2/3 [##########----------] 50 %',
        '2/3 [###################-] 99 %',
        '2/3 [####################] 100 %',
      ],
    });
  });

  it.each([false, true])('says nothing of a plan of one step, which says itself when it is done', (isTerminal) => {
    const alone = waiting().map((each) => ({ ...each, index: 0, total: 1 }));
    expect(told(alone, isTerminal)).toEqual({ complained: [], rewritten: [] });
  });

  it('says nothing of what is put back: the error does', () => {
    expect(told([{ state: 'undone', step, index: 0, total: 3 }], true)).toEqual({ complained: [], rewritten: [] });
  });
});
