import { describe, expect, it } from 'vitest';
import type { Domain } from '../../src/index.js';
import { disk, node } from '../support/builders.js';
import { layered, withBitmap, withLayer } from '../support/layers.js';
import { runOnFiles } from '../support/run-on-files.js';

const spare = node('spare', { virtualSize: 1024 ** 3 });
const twoDisks: Domain = { ...layered, disks: [...layered.disks, disk('vdb')], otherNodes: [spare] };
const onFile = '/images/new.qcow2';

interface Command {
  readonly execute: string;
  readonly arguments: { readonly [name: string]: unknown };
}

/** The commands that a line prints for a disk of three layers, and a second one. */
async function commandsOf(line: string, given: Domain = twoDisks): Promise<readonly Command[]> {
  const { status, printed, complained } = await runOnFiles(`${line} --domain d`, { d: given });
  expect({ status, warnings: complained.filter((text) => text.startsWith('warning')) }).toEqual({
    status: 0,
    warnings: [],
  });
  return printed.map((text) => JSON.parse(text));
}

const whatIn = (commands: readonly Command[], execute: string) =>
  commands.filter((command) => command.execute === execute).map((command) => command.arguments);

describe('snapshot on files', () => {
  const put = (target: string, overlay: string) => ({
    type: 'blockdev-snapshot',
    data: { node: `${target}-active`, overlay },
  });
  const add = (target: string, name: string, more: object = { granularity: 65536 }) => ({
    type: 'block-dirty-bitmap-add',
    data: { node: target, name, persistent: true, ...more },
  });

  it.each<[string, string, readonly string[], readonly object[]]>([
    [
      'makes an overlay',
      `--overlay vda=new:${onFile}`,
      ['new-file', 'new'],
      [put('vda', 'new'), ...['a', 'b', 'c'].map((name) => add('new', name))],
    ],
    [
      'makes one for each disk',
      '--overlay vda=new:/images/a --overlay vdb=other:/images/b',
      ['new-file', 'new', 'other-file', 'other'],
      [put('vda', 'new'), ...['a', 'b', 'c'].map((name) => add('new', name)), put('vdb', 'other')],
    ],
    ['puts a node on the disk that is there', '--overlay vdb=spare', [], [put('vdb', 'spare')]],
    [
      'begins a checkpoint with it, on the other disk too',
      '--overlay vdb=spare --checkpoint now',
      [],
      [put('vdb', 'spare'), add('vda-active', 'now', {}), add('spare', 'now', {})],
    ],
    [
      'begins one as it is asked for',
      '--overlay vdb=spare --checkpoint now --only vdb --granularity 512 --description x --now 5',
      [],
      [put('vdb', 'spare'), add('spare', 'now', { granularity: 512 })],
    ],
  ])('%s', async (_, words, added, actions) => {
    const commands = await commandsOf(`snapshot ${words}`);
    expect(whatIn(commands, 'blockdev-add').map((options) => options['node-name'])).toEqual(added);
    expect(whatIn(commands, 'transaction')).toEqual([{ actions }]);
  });

  it('keeps the checkpoint as it was asked for', async () => {
    const line = 'snapshot --overlay vdb=spare --checkpoint now --only vdb --description x --now 5 --json --domain d';
    const { printed } = await runOnFiles(line, { d: twoDisks });
    const { checkpoints, disks } = JSON.parse(printed[0] ?? '');
    expect(checkpoints).toMatchObject({
      current: 'now',
      checkpoints: [{}, {}, {}, { name: 'now', parent: 'c', description: 'x', creationTimeSeconds: 5 }],
    });
    expect(disks[1]).toEqual({ diskTarget: 'vdb', layers: ['spare', 'vdb-active'] });
  });

  it('finds the node that is there in a reply of QEMU, and the files that are in use', async () => {
    const reply = ['vda', 'spare'].map((name) => ({
      'node-name': name,
      drv: 'qcow2',
      file: `/images/${name}`,
      ro: false,
      image: { 'virtual-size': 1048576 },
    }));
    const nodes = '--block-nodes r --disk vda=vda';
    const { status, printed } = await runOnFiles(`snapshot --overlay vda=spare ${nodes}`, { r: reply });
    expect(status).toBe(0);
    expect(printed).toEqual([
      '{"execute":"transaction","arguments":{"actions":[{"type":"blockdev-snapshot","data":{"node":"vda","overlay":"spare"}}]}}',
    ]);
    const taken = await runOnFiles(`snapshot --overlay vda=new:/images/spare ${nodes}`, { r: reply });
    expect(taken.complained).toEqual(['"/images/spare" is in use by node "spare"; choose another file name']);
  });
});

describe('commit, copy and pull on files', () => {
  it.each<[string, string, object]>([
    ['commit vda', 'block-commit', { device: 'vda-active', 'top-node': 'vda-active', 'base-node': 'vda-2' }],
    ['commit vda --base vda-1', 'block-commit', { 'top-node': 'vda-active', 'base-node': 'vda-1' }],
    ['commit vda --top vda-1', 'block-commit', { device: 'vda-active', 'top-node': 'vda-1', 'base-node': 'vda-2' }],
    ['commit vda --top vda-1 --base vda-2', 'block-commit', { 'top-node': 'vda-1', 'base-node': 'vda-2' }],
    ['copy vda --mirror spare', 'blockdev-mirror', { device: 'vda-active', target: 'spare', sync: 'full' }],
    [`copy vda --mirror new:${onFile} --shallow`, 'blockdev-mirror', { target: 'new', sync: 'top' }],
    ['pull vda --base vda-2', 'block-stream', { device: 'vda-active', 'base-node': 'vda-2' }],
    ['pull vda', 'block-stream', { device: 'vda-active' }],
  ])('"%s" starts a job on the layers that it names', async (line, command, job) => {
    expect(whatIn(await commandsOf(line), command)).toEqual([expect.objectContaining(job)]);
  });

  it('"rescue" makes the bitmap anew where it was lost, and says what else would help', async () => {
    const lost = withBitmap(layered, 0, 'a', undefined);
    const { status, printed, complained } = await runOnFiles('rescue a --only vda --domain d', { d: lost });
    expect(status).toBe(0);
    const commands: readonly Command[] = printed.map((text) => JSON.parse(text));
    expect(whatIn(commands, 'blockdev-backup')).toMatchObject([{ device: 'vda-active' }]);
    expect(JSON.stringify(whatIn(commands, 'transaction').at(-1))).toContain('"node":"vda-active","name":"a"');
    expect(complained[0]).toMatch(/^warning: .*commit/);
    expect(await runOnFiles('rescue a --only vda --domain d', { d: layered })).toEqual({
      status: 0,
      printed: [],
      complained: [],
    });
  });

  it('"pull vda" leaves no layer below', async () => {
    expect(whatIn(await commandsOf('pull vda'), 'block-stream')[0]).not.toHaveProperty('base-node');
  });

  it.each<[string, readonly (string | RegExp)[]]>([
    ['commit vdz', [/^no disk of the domain has the target or source path "vdz"/]],
    ['commit vda --base x', ['disk vda has no layer "x"; name one of its backing chain by its node-name']],
    ['commit vdb', [/^node "vdb-active" \(disk vdb\) does not lie below node "vdb-active"/]],
    ['copy vda --mirror x', [/^there is no node "x"/]],
    ['copy vda --mirror new:new.qcow2', ['"new.qcow2" is no absolute path; name the file from the root on']],
    ['snapshot --overlay vda=vda-2', [/is a layer of a disk/, /is read-only/, /stands on/].slice(0, 2)],
    ['rescue d --only vda', ['the domain has no checkpoint "d"; list the checkpoints and name one of them']],
    ['rescue a --only vdb', [/^checkpoint "a" cannot be rescued on disk vdb/]],
    ['pull vdb', [/^disk vdb has no layer between/]],
  ])('"%s" is refused, and says why', async (line, words) => {
    const { status, printed, complained } = await runOnFiles(`${line} --domain d`, { d: twoDisks });
    expect({ status, printed }).toEqual({ status: 1, printed: [] });
    for (const [at, text] of words.entries()) expect(complained[at]).toMatch(text);
  });

  it.each<[string, Domain, readonly string[]]>([
    ['commit vda', withLayer(layered, 2, { format: 'raw', bitmaps: [] }), ['b', 'c']],
    ['copy vda --mirror spare', { ...layered, otherNodes: [{ ...spare, format: 'raw' }] }, ['a', 'b', 'c']],
    ['pull vda --base vda-2', withBitmap(layered, 1, 'a', undefined), ['a']],
  ])('"%s" ends checkpoints only where that is asked for, and tells each', async (line, given, ending) => {
    const ends = /^checkpoint "(\w)" would end on disk vda: /;
    const told = (lines: readonly string[]) => lines.flatMap((text) => ends.exec(text)?.[1] ?? []).toSorted();
    const refused = await runOnFiles(`${line} --domain d`, { d: given });
    expect(refused).toMatchObject({ status: 1, printed: [] });
    expect(told(refused.complained)).toEqual(ending);
    const { status, complained } = await runOnFiles(`${line} --end-checkpoints --domain d`, { d: given });
    expect(status).toBe(0);
    expect(told(complained.map((text) => text.replace('warning: ', '')))).toEqual(ending);
  });
});
