import { describe, expect, it } from 'vitest';
import { type Options, readOptions } from '../../src/cli/options.js';
import { explainPlan, printPlan, printResult } from '../../src/cli/print-plan.js';
import type { Terminal } from '../../src/cli/terminal.js';
import { type Plan, planCreateCheckpoint, planDeleteCheckpoint } from '../../src/index.js';
import { formatCommand } from '../../src/qmp/index.js';
import { chain, disk, domain, freshDomain, now } from '../support/builders.js';
import { capturedTerminal } from '../support/captured-terminal.js';

const layered = domain({ disks: [disk('vda', chain('vda', [['monday'], ['monday']]))] });
const removal = planDeleteCheckpoint(layered, 'monday');
const nothing: Plan = { steps: [], next: layered };
const create = planCreateCheckpoint(freshDomain(disk('vda'), disk('vdb')), { name: 'friday' }, { now });
/** Its disk has left, so nothing is sent and there is a warning. */
const warned = planDeleteCheckpoint(domain({ disks: [disk('vdb')] }), 'monday');

function printed(print: (terminal: Terminal) => void) {
  const { terminal, ...lines } = capturedTerminal();
  print(terminal);
  return lines;
}

const sentBy = ({ steps }: Plan) => steps.map(({ command }) => formatCommand(command));
const warning = expect.stringMatching(/^warning: disk vda of checkpoint "monday" is no longer in the domain/);

describe('printPlan', () => {
  it.each<[string, Plan, readonly unknown[]]>([
    ['a plan', removal, []],
    ['a plan without steps', nothing, []],
    ['a plan with a warning', warned, [warning]],
  ])('prints the commands of %s, one a line', (_, plan, complained) => {
    const lines = sentBy(plan).map((command) => JSON.stringify(command));
    expect(printed((terminal) => printPlan(plan, false, terminal))).toEqual({ printed: lines, complained });
  });
});

describe('explainPlan', () => {
  it('prints each step with its reason, and says where there is no way back', () => {
    const { printed: lines } = printed((terminal) => explainPlan(removal, false, terminal));
    expect(lines.map((line) => line.replace(/\{.*/, '{'))).toEqual([
      '1. Open layer "vda-1" of disk vda for writing: its bitmaps cannot be changed otherwise.',
      '   {',
      '2. Remove the bitmaps of checkpoint "monday" from every layer that has them; no other bitmap is touched. This cannot be put back.',
      '   {',
      '3. Make layer "vda-1" of disk vda read-only again, which stores its other bitmaps.',
      '   {',
    ]);
    const commands = lines.filter((line) => line.startsWith('   ')).map((line) => JSON.parse(line));
    expect(commands).toEqual(sentBy(removal));
  });

  it('says where nothing is sent, and warns', () => {
    expect(printed((terminal) => explainPlan(warned, false, terminal))).toEqual({
      printed: ['Nothing is sent to QEMU.'],
      complained: [warning],
    });
  });

  it.each([explainPlan, printPlan])('prints all there is to a plan for machines: %o', (print) => {
    const { printed: lines, complained } = printed((terminal) => print(warned, true, terminal));
    const { steps, next, warnings } = warned;
    expect(lines.map((line) => JSON.parse(line))).toEqual([
      { commands: sentBy(warned), steps, checkpoints: next.checkpoints, warnings },
    ]);
    expect(complained).toEqual([]);
  });
});

describe('printResult', () => {
  const options = (line: string) => readOptions(line.split(' ')) as Options;

  it.each<[string, Plan, string, object]>([
    ['create', create, 'created: friday on vda, vdb', { warnings: [] }],
    [
      'create',
      planCreateCheckpoint(freshDomain(disk('vda', [])), { name: 'friday' }, { now }),
      'created: friday on no disk',
      { warnings: [] },
    ],
    ['delete monday', removal, 'deleted: monday', { warnings: [] }],
    ['delete monday', warned, 'deleted: monday', { warnings: warned.warnings }],
  ])('of %s says what was done', (line, plan, text, data) => {
    const { checkpoints } = plan.next;
    expect(printed((terminal) => printResult(plan, options(line), terminal)).printed).toEqual([text]);
    const json = printed((terminal) => printResult(plan, options(`${line} --json`), terminal));
    expect(json.printed.map((each) => JSON.parse(each))).toEqual([{ checkpoints, ...data }]);
    expect(json.complained).toEqual([]);
  });
});
