import { describe, expect, it } from 'vitest';
import { type Options, readOptions } from '../../src/cli/options.js';
import { explainPlan, printPlan, printResult } from '../../src/cli/print-plan.js';
import type { Terminal } from '../../src/cli/terminal.js';
import {
  type Domain,
  type Plan,
  planCommit,
  planCopy,
  planCreateCheckpoint,
  planDeleteCheckpoint,
  planPull,
  planRescueCheckpoint,
  planTakeSnapshot,
} from '../../src/index.js';
import { formatCommand } from '../../src/qmp/index.js';
import { chain, disk, domain, freshDomain, now } from '../support/builders.js';
import { capturedTerminal } from '../support/captured-terminal.js';

const layered = domain({ disks: [disk('vda', chain('vda', [['monday'], ['monday']]))] });
const lost = domain({ disks: [disk('vda', chain('vda', [[], ['monday']]))] });
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

const overlay = (diskTarget: string) => ({
  diskTarget,
  overlay: { nodeName: `${diskTarget}-2`, filename: `/images/${diskTarget}-2.qcow2` },
});
const twoDisks = freshDomain(disk('vda'), disk('vdb'));
const mirror = { nodeName: 'copy', filename: '/images/copy.qcow2' };
const committed = planCommit(layered, { diskTarget: 'vda', topNodeName: 'vda-active', baseNodeName: 'vda-1' });

const sentBy = ({ steps }: Plan) => steps.map(({ command }) => formatCommand(command));
const warning = expect.stringMatching(/^warning: disk vda of checkpoint "monday" is no longer in the domain/);

describe('printPlan', () => {
  it.each<[string, Plan, readonly unknown[]]>([
    ['a plan', removal, []],
    ['a plan without steps', nothing, []],
    ['a plan with a warning', warned, [warning]],
    [
      'a plan that waits for a job',
      committed,
      [expect.stringMatching(/^send them one by one; query-jobs stands where/)],
    ],
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
      {
        commands: sentBy(warned),
        steps,
        checkpoints: next.checkpoints,
        disks: [{ diskTarget: 'vdb', layers: ['vdb-active'] }],
        warnings,
      },
    ]);
    expect(complained).toEqual([]);
  });
});

describe('printResult', () => {
  const options = (line: string) => readOptions(line.split(' ')) as Options;

  it.each<[string, Domain, Plan, readonly string[], string]>([
    ['create', twoDisks, create, ['created: friday on vda, vdb'], 'vda: vda-active; vdb: vdb-active'],
    [
      'create',
      freshDomain(disk('vda', [])),
      planCreateCheckpoint(freshDomain(disk('vda', [])), { name: 'friday' }, { now }),
      ['created: friday on no disk'],
      'vda: ',
    ],
    ['delete monday', layered, removal, ['deleted: monday'], 'vda: vda-active vda-1'],
    ['delete monday', domain({ disks: [disk('vdb')] }), warned, ['deleted: monday'], 'vdb: vdb-active'],
    [
      'snapshot --overlay vda=x --overlay vdb=x',
      twoDisks,
      planTakeSnapshot(twoDisks, { disks: [overlay('vda'), overlay('vdb')] }),
      [
        'snapshot taken: vda, vdb',
        'the active layer of vda is "vda-2" now: --disk vda=vda-2',
        'the active layer of vdb is "vdb-2" now: --disk vdb=vdb-2',
      ],
      'vda: vda-2 vda-active; vdb: vdb-2 vdb-active',
    ],
    [
      'snapshot --overlay vda=x --checkpoint friday',
      twoDisks,
      planTakeSnapshot(twoDisks, { disks: [overlay('vda')], checkpoint: { name: 'friday' } }, { now }),
      ['snapshot taken: vda, with checkpoint friday', 'the active layer of vda is "vda-2" now: --disk vda=vda-2'],
      'vda: vda-2 vda-active; vdb: vdb-active',
    ],
    [
      'commit vda',
      layered,
      committed,
      ['committed: vda', 'the active layer of vda is "vda-1" now: --disk vda=vda-1'],
      'vda: vda-1',
    ],
    [
      'copy vda --mirror x',
      layered,
      planCopy(layered, { diskTarget: 'vda', mirror }),
      ['copied: vda', 'the active layer of vda is "copy" now: --disk vda=copy'],
      'vda: copy',
    ],
    [
      'rescue monday --only vda',
      layered,
      planRescueCheckpoint(layered, { diskTarget: 'vda', checkpoint: 'monday' }),
      ['nothing is lacking: monday on vda'],
      'vda: vda-active vda-1',
    ],
    [
      'rescue monday --only vda',
      lost,
      planRescueCheckpoint(lost, { diskTarget: 'vda', checkpoint: 'monday' }),
      ['rescued: monday on vda'],
      'vda: vda-active vda-1',
    ],
    ['pull vda', layered, planPull(layered, { diskTarget: 'vda' }), ['pulled: vda'], 'vda: vda-active'],
  ])(
    'of "%s" says what was done, and where a disk has another active layer now',
    (line, before, plan, lines, layers) => {
      const result = { plan, before };
      const { checkpoints } = plan.next;
      expect(printed((terminal) => printResult(result, options(line), terminal)).printed).toEqual(lines);
      const json = printed((terminal) => printResult(result, options(`${line} --json`), terminal));
      const [data, ...more] = json.printed.map((each) => JSON.parse(each));
      expect(data).toEqual({ checkpoints, disks: expect.anything(), warnings: plan.warnings ?? [] });
      expect(
        (data.disks as readonly { diskTarget: string; layers: readonly string[] }[])
          .map((each) => `${each.diskTarget}: ${each.layers.join(' ')}`)
          .join('; '),
      ).toBe(layers);
      expect([...more, ...json.complained]).toEqual([]);
    },
  );
});
