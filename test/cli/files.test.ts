import { describe, expect, it } from 'vitest';
import { parseCheckpointTree } from '../../src/index.js';
import { bitmap, chain, disk } from '../support/builders.js';
import { runOnFiles } from '../support/run-on-files.js';

const monday = {
  name: 'monday',
  creationTimeSeconds: 1700000000,
  disks: [
    { diskTarget: 'vda', bitmap: 'monday' },
    { diskTarget: 'vdb', bitmap: 'monday' },
  ],
};
const tuesday = {
  name: 'tuesday',
  parent: 'monday',
  creationTimeSeconds: 1700086400,
  disks: [{ diskTarget: 'vda', bitmap: 'tuesday' }, { diskTarget: 'vdb' }],
};
const checkpoints = { checkpoints: [monday, tuesday], current: 'tuesday' };
const domain = {
  name: 'test',
  disks: [
    disk('vda', chain('vda', [[bitmap('tuesday', { dirtyBytes: 65536 }), bitmap('monday', { dirtyBytes: 196608 })]])),
    disk('vdb', chain('vdb', [[bitmap('monday', { inconsistent: true, recording: false })]])),
  ],
  checkpoints,
};
const sound = { ...domain, disks: [domain.disks[0], disk('vdb', chain('vdb', [['monday']]))] };
const add = (node: string, name: string, more = {}) => ({
  type: 'block-dirty-bitmap-add',
  data: { node, name, persistent: true, ...more },
});
const transaction = (...actions: readonly object[]) =>
  JSON.stringify({ execute: 'transaction', arguments: { actions } });

/** Nodes as QEMU tells them, without bitmaps. */
const reply = {
  return: ['vda', 'vdb'].map((name) => ({
    'node-name': name,
    drv: 'qcow2',
    file: `/images/${name}`,
    ro: false,
    image: { 'virtual-size': 1048576 },
  })),
};
const nodes = '--block-nodes r.json --disk vda=vda --disk vdb=vdb';

describe('create on files', () => {
  it.each([
    [`create --name wed ${nodes}`, transaction(add('vda', 'wed'), add('vdb', 'wed'))],
    [`create wed ${nodes}`, transaction(add('vda', 'wed'), add('vdb', 'wed'))],
    [`create ${nodes}`, transaction(add('vda', '1700000000'), add('vdb', '1700000000'))],
    [`create --now 5 ${nodes}`, transaction(add('vda', '5'), add('vdb', '5'))],
    [`create wed --only vdb ${nodes}`, transaction(add('vdb', 'wed'))],
    [`create wed --only /images/vda ${nodes}`, transaction(add('vda', 'wed'))],
    [
      `create wed --granularity 4096 ${nodes}`,
      transaction(add('vda', 'wed', { granularity: 4096 }), add('vdb', 'wed', { granularity: 4096 })),
    ],
  ])('"%s" prints one line of QMP, ready for a monitor', async (line, command) => {
    expect(await runOnFiles(line, { 'r.json': reply })).toEqual({ status: 0, printed: [command], complained: [] });
  });

  it('takes a whole domain from standard input', async () => {
    const { printed } = await runOnFiles('create wed --domain -', { '-': domain });
    expect(printed).toEqual([transaction(add('vda-active', 'wed'), add('vdb-active', 'wed'))]);
  });

  it('asks for a granularity on the disks that take part by themselves, and not on others', async () => {
    const disks = [disk('vda'), disk('cd', chain('cd', [[]]), { readOnly: true }), disk('empty', [])];
    const { printed } = await runOnFiles('create wed --granularity 512 --domain d', { d: { ...domain, disks } });
    expect(printed).toEqual([transaction(add('vda-active', 'wed', { granularity: 512 }))]);
  });

  it('prints nothing where no disk takes part', async () => {
    const empty = { ...domain, disks: [disk('vda', [])] };
    expect(await runOnFiles('create wed --domain d', { d: empty })).toEqual({ status: 0, printed: [], complained: [] });
  });

  it('prints with --json the commands, the steps with their reasons, and the tree to keep', async () => {
    const { printed } = await runOnFiles('create wed --description x --domain d --json', { d: domain });
    const [line = '', ...more] = printed;
    const result = JSON.parse(line);
    expect(more).toEqual([]);
    expect(Object.keys(result)).toEqual(['commands', 'steps', 'checkpoints', 'disks', 'warnings']);
    expect(result.commands).toEqual([JSON.parse(transaction(add('vda-active', 'wed'), add('vdb-active', 'wed')))]);
    expect(parseCheckpointTree(result.checkpoints).checkpoints[2]).toMatchObject({
      name: 'wed',
      description: 'x',
      parent: 'tuesday',
    });
  });
});

describe('what is refused', () => {
  it('is one problem a line, all of them, with status 1', async () => {
    expect(await runOnFiles('create monday --domain d', { d: domain })).toEqual({
      status: 1,
      printed: [],
      complained: [
        'a checkpoint "monday" exists; choose another name, or delete that one first',
        expect.stringMatching(/^bitmap "monday" on node "vda-active" \(disk vda\) exists; /),
        expect.stringMatching(/^bitmap "monday" on node "vdb-active" \(disk vdb\) exists and is inconsistent/),
      ],
    });
  });

  it('is data with --json, and lines all the same', async () => {
    const { status, printed, complained } = await runOnFiles('delete friday --domain d --json', { d: domain });
    expect(status).toBe(1);
    expect(complained).toEqual(['the domain has no checkpoint "friday"; list the checkpoints and name one of them']);
    expect(JSON.parse(printed[0] ?? '').problems).toMatchObject([{ code: 'checkpoint-not-found' }]);
  });

  it.each([
    ['list --domain none', 'none cannot be read (no such file); correct that value and try again'],
    ['list --domain bad', /^bad is not JSON \(.+\); correct that value and try again$/],
    ['list --domain wrong', 'domain.disks must be of type array; correct that value and try again'],
    [`list --block-nodes wrong --disk vda=vda`, 'reply.return must be of type array; correct that value and try again'],
    [`list ${nodes}x`, 'there is no node "vdbx"; use a node-name of the reply'],
    [`list --tree wrong ${nodes}`, 'tree.checkpoints must be of type array; correct that value and try again'],
  ])('"%s" tells what is wrong with the file', async (line, words) => {
    const wrong = { name: 'x', disks: 1, checkpoints: { checkpoints: [] } };
    const { status, complained } = await runOnFiles(line, { bad: '{', wrong, 'r.json': reply });
    expect(status).toBe(1);
    expect(complained).toEqual([typeof words === 'string' ? words : expect.stringMatching(words)]);
  });
});

describe('delete on files', () => {
  const remove = (node: string, name: string) => ({ type: 'block-dirty-bitmap-remove', data: { node, name } });

  it.each([
    ['delete tuesday', [transaction(remove('vda-active', 'tuesday'))]],
    ['delete monday', [transaction(remove('vda-active', 'monday'), remove('vdb-active', 'monday'))]],
    [
      'delete monday --children delete',
      [transaction(remove('vda-active', 'monday'), remove('vdb-active', 'monday'), remove('vda-active', 'tuesday'))],
    ],
    ['delete monday --children delete-only', [transaction(remove('vda-active', 'tuesday'))]],
    ['delete monday --metadata-only', []],
  ])('"%s" prints the commands, one a line', async (line, commands) => {
    const outcome = await runOnFiles(`${line} --domain d`, { d: domain });
    expect(outcome).toEqual({ status: 0, printed: commands, complained: [] });
  });

  it('opens a read-only layer before and closes it after, and warns of what is missing', async () => {
    const layered = { ...domain, disks: [disk('vda', chain('vda', [[], ['monday']]))] };
    const { printed, complained } = await runOnFiles('delete monday --domain d', { d: layered });
    expect(printed.map((line) => JSON.parse(line).execute)).toEqual([
      'blockdev-reopen',
      'transaction',
      'blockdev-reopen',
    ]);
    expect(complained).toEqual([expect.stringMatching(/^warning: disk vdb of checkpoint "monday" is no longer in/)]);
  });
});

describe('what is there', () => {
  it('is shown by list as checkpoints by disks, the newest first', async () => {
    const { printed } = await runOnFiles('list --domain d', { d: domain });
    expect(printed).toEqual([
      '  checkpoint  created               vda      vdb',
      '> tuesday     2023-11-15 22:13:20Z  64 KiB   -',
      '  monday      2023-11-14 22:13:20Z  192 KiB  inconsistent',
    ]);
  });

  it('is shown by list with --layers as the layers that have each bitmap', async () => {
    const layered = { ...domain, disks: [disk('vda', chain('vda', [['tuesday', 'monday'], ['monday']]))] };
    const { printed } = await runOnFiles('list --layers --domain d', { d: layered });
    expect(printed.slice(1)).toEqual([
      '> tuesday     2023-11-15 22:13:20Z  0 B (vda-active)         -',
      '  monday      2023-11-14 22:13:20Z  0 B (vda-active, vda-1)  gone',
    ]);
  });

  it('is shown by list with --json as data', async () => {
    const { printed } = await runOnFiles('list --domain d --json', { d: domain });
    expect(JSON.parse(printed[0] ?? '')).toMatchObject([
      {
        name: 'monday',
        current: false,
        usable: false,
        disks: [{ usable: true, dirtyBytes: 196608 }, { usable: false }],
      },
      { name: 'tuesday', current: true, usable: true, disks: [{ diskTarget: 'vda', problems: [] }] },
    ]);
  });

  it('is shown by list where there is nothing', async () => {
    expect((await runOnFiles(`list ${nodes}`, { 'r.json': reply })).printed).toEqual(['no checkpoints']);
  });

  it('shows disks that have left, and sizes in the largest unit that fits', async () => {
    const only = disk('vda', chain('vda', [[bitmap('monday', { dirtyBytes: 1.5 * 2 ** 20 })]]));
    const { printed } = await runOnFiles('list --domain d', { d: { ...domain, disks: [only] } });
    expect(printed).toEqual([
      '  checkpoint  created               vda      vdb',
      '> tuesday     2023-11-15 22:13:20Z  missing  -',
      '  monday      2023-11-14 22:13:20Z  1.5 MiB  gone',
    ]);
  });

  it('is shown by tree as branches', async () => {
    const named = (name: string, parent?: string) => ({
      name,
      ...(parent !== undefined && { parent }),
      creationTimeSeconds: 1,
      disks: [],
    });
    const all = [named('a'), named('b', 'a'), named('c', 'b'), named('d', 'a'), named('e')];
    const grown = { ...domain, checkpoints: { checkpoints: all, current: 'c' } };
    expect((await runOnFiles('tree --domain d', { d: grown })).printed).toEqual([
      'a',
      '├─ b',
      '│  └─ c  (current)',
      '└─ d',
      'e',
    ]);
    expect((await runOnFiles('tree --domain d --json', { d: domain })).printed).toEqual([JSON.stringify(checkpoints)]);
  });

  it('passes check with status 0 where every bitmap can be used', async () => {
    expect(await runOnFiles('check --domain d', { d: sound })).toEqual({
      status: 0,
      printed: ['2 of 2 checkpoints can be used on all their disks'],
      complained: [],
    });
    expect((await runOnFiles('check tuesday --domain d', { d: domain })).status).toBe(0);
  });

  it('fails check with status 1 and the reason where one cannot', async () => {
    const { status, printed, complained } = await runOnFiles('check --domain d', { d: domain });
    expect(status).toBe(1);
    expect(printed).toEqual(['1 of 2 checkpoints can be used on all their disks']);
    expect(complained).toEqual([
      expect.stringMatching(/^checkpoint "monday": bitmap "monday" on node "vdb-active" \(disk vdb\) is inconsistent/),
    ]);
    const data = JSON.parse((await runOnFiles('check monday --domain d --json', { d: domain })).printed[0] ?? '');
    expect(data).toMatchObject([{ name: 'monday', usable: false }]);
  });

  it('fails check of a checkpoint that is not there', async () => {
    expect(await runOnFiles('check friday --domain d', { d: domain })).toMatchObject({ status: 1, printed: [] });
  });
});
