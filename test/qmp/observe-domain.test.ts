import { describe, expect, it } from 'vitest';
import { type CheckpointTree, type Domain, isCheckpointError, parseDomain } from '../../src/index.js';
import {
  type ObserveOptions,
  observeDomain,
  parseBlockNodes,
  QmpClosedError,
  QmpCommandError,
  type ScriptedSession,
  scriptedSession,
} from '../../src/qmp/index.js';
import { makeNonsense, nonsenseNames } from '../support/arbitrary-malformed.js';
import { line } from '../support/builders.js';
import { deepFreeze } from '../support/deep-freeze.js';
import { fixtureVersions, readWorld } from '../support/fixtures.js';
import { bitmapRow, fileRow, nodeRow } from '../support/node-row.js';
import { detailsOf } from '../support/refusal.js';
import { rejection } from '../support/rejection.js';

/** What a QEMU shows; what is an error is what it answers with. */
interface Shown {
  readonly nodes?: unknown;
  readonly devices?: unknown;
  readonly jobs?: unknown;
}

const noJobs = new QmpCommandError('query-jobs', { class: 'CommandNotFound', desc: 'The command is not there' });

function showing({ nodes = [], devices = [], jobs = [] }: Shown): ScriptedSession {
  const replies = deepFreeze({ 'query-named-block-nodes': nodes, 'query-block': devices, 'query-jobs': jobs });
  return scriptedSession((command) => {
    const reply = replies[command as keyof typeof replies];
    if (reply instanceof Error) throw reply;
    return reply;
  });
}

const observe = (shown: Shown, options: Partial<ObserveOptions> = {}): Promise<Domain> =>
  observeDomain(showing(shown), { name: 'web', ...options });

/** Details of the problems it is refused with. */
async function refusedWith(run: Promise<unknown>): Promise<readonly object[]> {
  const error = await rejection(run);
  if (!isCheckpointError(error)) throw error;
  return detailsOf(error.problems);
}

/** A row of `query-block`. */
const device = (nodeName: string | undefined, change: object) => ({
  device: '',
  locked: false,
  removable: nodeName === undefined,
  type: 'unknown',
  ...(nodeName !== undefined && { inserted: { 'node-name': nodeName, ro: false, drv: 'qcow2', file: '/x' } }),
  ...change,
});

/** `vda: vda-active, vda-base`, with `ro` where the disk is read-only. */
const show = ({ disks }: Domain) =>
  disks.map(({ diskTarget, readOnly, backingChain }) =>
    [`${diskTarget}:`, ...backingChain.map(({ nodeName }) => nodeName), ...(readOnly ? ['ro'] : [])].join(' '),
  );

const nodes = [
  nodeRow('vda', { backing_file: '/images/base.qcow2', 'dirty-bitmaps': [bitmapRow('monday')] }),
  fileRow('vda'),
  nodeRow('base', { ro: true, 'dirty-bitmaps': [bitmapRow('monday')] }),
  fileRow('base', { ro: true }),
  nodeRow('throttle', { drv: 'throttle', file: '/images/vdb.qcow2' }),
  nodeRow('vdb'),
  fileRow('vdb'),
];

describe('observeDomain', () => {
  it('gives a domain with all that plans are made from', async () => {
    const domain = await observe(
      { nodes, devices: [device('vda', { qdev: 'vda' })] },
      { uuid: '8c3b1b6e-0000-4000-8000-000000000001', checkpoints: line('monday') },
    );
    const parsed = parseBlockNodes(nodes);
    const named = (nodeName: string) => parsed.find((node) => node.nodeName === nodeName);
    expect(domain).toStrictEqual({
      name: 'web',
      uuid: '8c3b1b6e-0000-4000-8000-000000000001',
      disks: [
        {
          diskTarget: 'vda',
          sourcePath: '/images/vda.qcow2',
          readOnly: false,
          backingChain: [named('vda'), named('base')],
        },
      ],
      checkpoints: line('monday'),
      otherNodes: [named('vdb')],
    });
    expect(parseDomain(domain)).toStrictEqual(domain);
  });

  it.each<[string, readonly object[], readonly string[]]>([
    ['the id of the device', [device('vda', { qdev: 'disk-a' })], ['disk-a: vda base']],
    [
      'the id in the path of a virtio disk',
      [device('vda', { qdev: '/machine/peripheral/disk-a/virtio-backend' })],
      ['disk-a: vda base'],
    ],
    ['the id of a scsi disk', [device('vda', { qdev: 'scsi0-0-0-1' })], ['scsi0-0-0-1: vda base']],
    [
      'the id before the name of the drive',
      [device('vda', { device: 'drive-a', qdev: 'disk-a' })],
      ['disk-a: vda base'],
    ],
    ['the name of the drive', [device('vda', { device: 'drive-a' })], ['drive-a: vda base']],
    [
      'the name of the drive where the device has no id',
      [device('vda', { device: 'ide0-hd0', qdev: '/machine/unattached/device[20]' })],
      ['ide0-hd0: vda base'],
    ],
    [
      'the path of a device that has neither',
      [device('vda', { qdev: '/machine/peripheral-anon/device[0]/virtio-backend' })],
      ['/machine/peripheral-anon/device[0]/virtio-backend: vda base'],
    ],
    ['its id where it is empty', [device(undefined, { device: 'ide1-cd0', qdev: 'cd' })], ['cd:']],
    [
      'its id where it is read-only',
      [device(undefined, { qdev: 'cd', inserted: { 'node-name': 'base', ro: true } })],
      ['cd: base ro'],
    ],
    ['its id where what is in it has no node', [device(undefined, { qdev: 'cd', inserted: { ro: false } })], ['cd:']],
    ['their ids in the order of the reply', ['z', 'a'].map((qdev) => device(undefined, { qdev })), ['z:', 'a:']],
  ])('calls a disk by %s', async (_, devices, disks) => {
    expect(show(await observe({ nodes, devices }))).toEqual(disks);
  });

  const devices = [
    device('throttle', { device: 'drive-b', qdev: '/machine/peripheral/disk-b/virtio-backend' }),
    device('vda', { device: 'drive-a', qdev: 'vda', inserted: { 'node-name': 'vda', ro: true } }),
    device(undefined, { qdev: 'cd' }),
  ];

  it.each<[string, ObserveOptions['disks'], readonly string[]]>([
    ['by node-name', [{ diskTarget: 'x', nodeName: 'vda' }], ['x: vda base ro']],
    ['by node-name of a lower layer', [{ diskTarget: 'x', nodeName: 'base' }], ['x: base']],
    ['by node-name of a filter', [{ diskTarget: 'x', nodeName: 'throttle' }], ['x: vdb']],
    ['by id', [{ diskTarget: 'x', device: 'disk-b' }], ['x: vdb']],
    ['by name of the drive', [{ diskTarget: 'x', device: 'drive-b' }], ['x: vdb']],
    ['by path', [{ diskTarget: 'x', device: '/machine/peripheral/disk-b/virtio-backend' }], ['x: vdb']],
    ['by disk target', [{ diskTarget: 'vda' }], ['vda: vda base ro']],
    ['by node-name before the device', [{ diskTarget: 'x', nodeName: 'vdb', device: 'vda' }], ['x: vdb']],
    ['where it is empty', [{ diskTarget: 'x', device: 'cd' }], ['x:']],
    [
      'in the order that is asked for',
      [{ diskTarget: 'vda' }, { diskTarget: 'b', device: 'disk-b' }, { diskTarget: 'cd' }],
      ['vda: vda base ro', 'b: vdb', 'cd:'],
    ],
    ['none', [], []],
  ])('finds a disk %s', async (_, disks, found) => {
    expect(show(await observe({ nodes, devices }, { ...(disks && { disks }) }))).toEqual(found);
  });

  it.each(fixtureVersions)('finds the disks of a storage daemon %s where they are named', async (version) => {
    const world = readWorld(version, 'layered') as { readonly return: unknown };
    const disks = [
      { diskTarget: 'vda', nodeName: 'vda-active' },
      { diskTarget: 'vdb', nodeName: 'vdb' },
    ];
    const domain = await observe({ nodes: world.return }, { disks });
    expect(show(domain)).toEqual(['vda: vda-active vda-middle vda-base', 'vdb: vdb']);
    expect(domain).not.toHaveProperty('otherNodes');
    expect(show(await observe({ nodes: world.return }))).toEqual([]);
  });

  it.each<[string, ObserveOptions['disks']]>([
    ['is named by it', [{ diskTarget: 'x', nodeName: 'throttle' }]],
    ['is named by its active layer', [{ diskTarget: 'x', nodeName: 'vdb' }]],
    ['is found by its device', [{ diskTarget: 'x', device: 'disk-b' }]],
  ])('notes the filter above a disk that %s', async (_, disks) => {
    const domain = await observe({ nodes, devices }, { ...(disks && { disks }) });
    expect(domain.disks).toMatchObject([{ diskTarget: 'x', filterNodeName: 'throttle' }]);
    expect(parseDomain(domain)).toStrictEqual(domain);
  });

  it('tells images that are no layer of a disk, but neither protocol nodes nor filters', async () => {
    const { otherNodes } = await observe({ nodes, devices }, { disks: [{ diskTarget: 'vdb', nodeName: 'throttle' }] });
    expect(otherNodes?.map(({ nodeName }) => nodeName)).toEqual(['vda', 'base']);
  });
});

describe('what observeDomain sends', () => {
  it('is a look at the jobs, and then two questions at once', async () => {
    let answer: (nodes: readonly unknown[]) => void = () => undefined;
    const replies: Record<string, () => unknown> = {
      'query-jobs': () => [],
      'query-named-block-nodes': () => new Promise((resolve) => (answer = resolve)),
      'query-block': () => answer([]),
    };
    // The nodes are told only once the devices have been asked for: who waits for one before the other waits for ever.
    const session = scriptedSession(async (command) => (await replies[command]?.()) ?? []);
    await observeDomain(session, { name: 'web' });
    expect(session.calls).toEqual([
      { command: 'query-jobs' },
      { command: 'query-named-block-nodes', arguments: { flat: true } },
      { command: 'query-block' },
    ]);
  });

  it('is nothing more before the jobs are known', async () => {
    const sentBefore: string[] = [];
    const session = scriptedSession(async (command) => {
      // Whatever is sent without waiting for this reply is sent before the promises below have settled.
      for (let turn = 0; turn < 20 && command === 'query-jobs'; turn += 1) await Promise.resolve();
      if (command === 'query-jobs') sentBefore.push(...session.calls.map((call) => call.command));
      return [];
    });
    await observeDomain(session, { name: 'web' });
    expect(sentBefore).toEqual(['query-jobs']);
    expect(session.calls).toHaveLength(3);
  });

  const job = (id: string, type: string, status: string) => ({ id, type, status });

  it('is no question for nodes where a pull has ended: QEMU would crash', async () => {
    const session = showing({
      jobs: [job('a', 'stream', 'concluded'), job('b', 'commit', 'concluded'), job('c', 'stream', 'concluded')],
    });
    expect(await refusedWith(observeDomain(session, { name: 'web' }))).toEqual([
      { code: 'job-not-dismissed', jobId: 'a' },
      { code: 'job-not-dismissed', jobId: 'c' },
    ]);
    expect(session.calls).toEqual([{ command: 'query-jobs' }]);
  });

  it.each<[string, unknown]>([
    ['a pull that runs', [job('a', 'stream', 'running')]],
    ['a pull that waits', [{ ...job('a', 'stream', 'pending'), 'current-progress': 1, 'total-progress': 2 }]],
    ['another job that has ended', [{ ...job('a', 'backup', 'concluded'), error: 'Operation canceled' }]],
    ['a QEMU too old for jobs', noJobs],
    ['a session that answers all alike', {}],
  ])('is all of it with %s', async (_, jobs) => {
    const session = showing({ jobs });
    expect((await observeDomain(session, { name: 'web' })).disks).toEqual([]);
    expect(session.calls).toHaveLength(3);
  });
});

describe('observeDomain refuses', () => {
  it('with all problems of all disks', async () => {
    const disks = [
      { diskTarget: 'vda' },
      { diskTarget: 'vdb', device: 'gone' },
      { diskTarget: 'vdc', nodeName: 'gone' },
      { diskTarget: 'vdd', nodeName: 'vdd' },
      { diskTarget: 'vde', nodeName: 'vde' },
      { diskTarget: 'vdf', nodeName: 'vdf' },
      { diskTarget: 'vdg', nodeName: 'vda' },
    ];
    const rows = [
      ...nodes,
      nodeRow('vdd', { backing_file: '/images/lost.qcow2' }),
      nodeRow('vde', { backing_file: '/images/vde.qcow2' }),
      nodeRow('vdf', { backing_file: '/images/twin.qcow2' }),
      nodeRow('twin'),
      nodeRow('twin2', { file: '/images/twin.qcow2' }),
    ];
    expect(await refusedWith(observe({ nodes: rows }, { disks }))).toEqual([
      { code: 'device-not-found', diskTarget: 'vda', device: 'vda' },
      { code: 'device-not-found', diskTarget: 'vdb', device: 'gone' },
      { code: 'node-not-found', nodeName: 'gone' },
      { code: 'backing-node-missing', nodeName: 'vdd', backing: '/images/lost.qcow2' },
      { code: 'backing-chain-loop', nodeName: 'vde' },
      {
        code: 'backing-node-ambiguous',
        nodeName: 'vdf',
        backing: '/images/twin.qcow2',
        candidates: ['twin', 'twin2'],
      },
    ]);
  });

  const tree: CheckpointTree = { checkpoints: [], current: 'gone' };
  it.each<[string, Shown, Partial<ObserveOptions>, object]>([
    [
      'a disk that is asked for twice',
      { nodes },
      {
        disks: [
          { diskTarget: 'a', nodeName: 'vda' },
          { diskTarget: 'a', nodeName: 'vdb' },
        ],
      },
      { code: 'disk-duplicate', diskTarget: 'a' },
    ],
    [
      'checkpoints that do not hang together',
      {},
      { checkpoints: tree },
      { code: 'current-not-found', checkpoint: 'gone' },
    ],
    ['a name that is none', {}, { name: 5 as never }, { code: 'invalid-input', subject: 'domain', path: ['name'] }],
    [
      'an identity that is none',
      {},
      { uuid: 5 as never },
      { code: 'invalid-input', subject: 'domain', path: ['uuid'] },
    ],
    ['nodes that are none', { nodes: [5] }, {}, { code: 'invalid-input', subject: 'reply', path: [0] }],
    [
      'devices that are none',
      { devices: [{ device: 5 }] },
      {},
      { code: 'invalid-input', subject: 'reply', path: [0, 'device'] },
    ],
    [
      'a medium that is none',
      { devices: [device(undefined, { inserted: { ro: 'yes' } })] },
      {},
      { code: 'invalid-input', subject: 'reply', path: [0, 'inserted', 'ro'] },
    ],
  ])('%s', async (_, shown, options, details) => {
    const problems = await refusedWith(observe(shown, options));
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatchObject(details);
  });

  const asDefault = new Set(['undefined', 'null', 'an empty list']);
  it.each(nonsenseNames.filter((name) => !asDefault.has(name)))('%s for disks', async (name) => {
    const problems = await refusedWith(observe({ nodes }, { disks: makeNonsense(name) as never }));
    expect(problems).toContainEqual(
      expect.objectContaining({ code: expect.stringMatching(/^invalid-input$|not-found$/) }),
    );
  });

  it.each(nonsenseNames)('%s for a disk', async (name) => {
    const problems = await refusedWith(observe({ nodes }, { disks: [makeNonsense(name) as never] }));
    expect(problems).toContainEqual(
      expect.objectContaining({ code: expect.stringMatching(/^invalid-input$|not-found$/) }),
    );
  });

  const named = 'an own __proto__';
  it.each(nonsenseNames.filter((name) => name !== named))('%s for options', async (name) => {
    const [problem] = await refusedWith(observeDomain(showing({ nodes }), makeNonsense(name) as never));
    expect(problem).toMatchObject({ code: 'invalid-input' });
  });
});

describe('a session that fails', () => {
  const closed = new QmpClosedError('the monitor has gone', { mayHaveRun: true });
  const refused = new QmpCommandError('query-block', { desc: 'Not now' });

  it.each<[string, Shown, Error, number]>([
    ['at the jobs', { jobs: closed }, closed, 1],
    ['at the nodes', { nodes: closed }, closed, 3],
    ['at the devices', { devices: closed }, closed, 3],
    ['at both', { nodes: closed, devices: refused }, closed, 3],
    ['by a refusal', { devices: refused }, refused, 3],
  ])('is told of as it is: %s', async (_, shown, error, count) => {
    const session = showing(shown);
    expect(await rejection(observeDomain(session, { name: 'web' }))).toBe(error);
    expect(session.calls).toHaveLength(count);
  });
});
