import { describe, expect, it } from 'vitest';
import type { Job } from '../../src/core/job.js';
import {
  type Command,
  type Domain,
  type Plan,
  planCreateCheckpoint,
  planDeleteCheckpoint,
  type StandaloneAction,
  type TransactionAction,
} from '../../src/index.js';
import { formatCommand } from '../../src/qmp/index.js';
import { chain, disk, domain, node, now } from '../support/builders.js';
import { describeCorpus } from '../support/corpus.js';
import { faultsOf, readSchema, schemaVersions } from '../support/qmp-schema.js';

type Samples<T extends { readonly kind: string }> = {
  readonly [K in T['kind']]: readonly (T & { readonly kind: K })[];
};

const on = <K extends string>(kind: K) => [{ kind, nodeName: 'n', bitmap: 'é "a"' }] as const;

const backup = { kind: 'backup', jobId: 'j', diskTarget: 'vda', nodeName: 'n', targetNodeName: 't' } as const;

/** Every kind of action, in each way it can be spelled: whoever adds a kind adds it here, or the types do not fit. */
const transactionActions: Samples<TransactionAction> = {
  'bitmap-add': [
    { kind: 'bitmap-add', nodeName: 'n', bitmap: 'a', persistent: true, recording: true },
    { kind: 'bitmap-add', nodeName: 'n', bitmap: 'a', persistent: false, recording: false, granularity: 2 ** 31 },
  ],
  'bitmap-remove': on('bitmap-remove'),
  'bitmap-clear': on('bitmap-clear'),
  'bitmap-enable': on('bitmap-enable'),
  'bitmap-disable': on('bitmap-disable'),
  'bitmap-merge': [
    { kind: 'bitmap-merge', nodeName: 'n', intoBitmap: 'a', sources: [] },
    {
      kind: 'bitmap-merge',
      nodeName: 'n',
      intoBitmap: 'a',
      sources: ['x', 'y'].map((nodeName) => ({ nodeName, bitmap: 'b' })),
    },
  ],
  'backup-start': [
    { kind: 'backup-start', job: { ...backup, sync: 'full', options: { speed: 2 ** 20, compress: true } } },
    { kind: 'backup-start', job: { ...backup, sync: 'incremental', bitmap: 'a' } },
    { kind: 'backup-start', job: { ...backup, sync: 'none' } },
  ],
  'snapshot-take': [{ kind: 'snapshot-take', nodeName: 'n', overlayNodeName: 'o' }],
};

const layers = { jobId: 'j', diskTarget: 'vda', activeNodeName: 'top' } as const;
const jobs: Samples<Job> = {
  commit: [
    { kind: 'commit', ...layers, topNodeName: 'top', baseNodeName: 'base' },
    { kind: 'commit', ...layers, topNodeName: 'middle', baseNodeName: 'base' },
  ],
  copy: [true, false].map((shallow) => ({ kind: 'copy', ...layers, targetNodeName: 't', shallow })),
  pull: [
    { kind: 'pull', ...layers },
    { kind: 'pull', ...layers, baseNodeName: 'base' },
  ],
  backup: [
    { ...backup, sync: 'full' },
    { ...backup, sync: 'incremental', bitmap: 'a' },
    { ...backup, sync: 'none' },
  ],
  fill: [{ kind: 'fill', jobId: 'j', nodeName: 'n', bitmap: 'a', targetNodeName: 't' }],
  create: [{ kind: 'create', jobId: 'j', options: { driver: 'qcow2', file: 'f', size: 2 ** 30 } }],
};
const [commit] = jobs.commit as [Job, ...Job[]];
const goOn = <K extends string>(kind: K) => [{ kind, job: commit }] as const;

const standaloneActions: Samples<StandaloneAction> = {
  'node-reopen': [
    { kind: 'node-reopen', nodeName: 'n', format: 'qcow2', readOnly: true, fileNodeName: 'f' },
    {
      kind: 'node-reopen',
      nodeName: 'n',
      format: 'qcow2',
      readOnly: false,
      fileNodeName: 'f',
      backingNodeName: 'b',
      options: { cache: { direct: true, 'no-flush': false }, 'detect-zeroes': 'unmap', discard: 'unmap' },
    },
  ],
  'node-add': [
    { kind: 'node-add', nodeName: 'n', format: 'qcow2', virtualSize: 1, fileNodeName: 'f', backingNodeName: null },
    { kind: 'node-add', nodeName: 'n', format: 'qcow2', virtualSize: 1, fileNodeName: 'f', backingNodeName: 'b' },
    { kind: 'node-add', nodeName: 'n', format: 'snapshot-access', virtualSize: 1, fileNodeName: 'f' },
    { kind: 'node-add', nodeName: 'n', format: 'file', virtualSize: 1, options: { filename: '/images/a' } },
  ],
  'node-remove': [{ kind: 'node-remove', nodeName: 'n' }],
  'bitmaps-expect': [{ kind: 'bitmaps-expect', nodeName: 'n', bitmaps: ['a'] }],
  'job-start': Object.values(jobs).flatMap((each: readonly Job[]) =>
    each.map((job) => ({ kind: 'job-start', job }) as const),
  ),
  'job-complete': goOn('job-complete'),
  'job-finalize': goOn('job-finalize'),
  'job-cancel': goOn('job-cancel'),
  'job-dismiss': goOn('job-dismiss'),
  'job-wait': [{ kind: 'job-wait', job: commit, until: 'ready' }],
  'backup-cancel': [
    { kind: 'backup-cancel', jobs: [{ ...backup, sync: 'full' }], bitmaps: [{ nodeName: 'n', bitmap: 'a' }] },
  ],
  'nbd-server-start': [
    { kind: 'nbd-server-start', server: { type: 'unix', path: '/run/nbd' } },
    { kind: 'nbd-server-start', server: { type: 'tcp', host: '::1', port: 10809, tlsCreds: 'c', tlsAuthz: 'a' } },
  ],
  'nbd-server-stop': [{ kind: 'nbd-server-stop' }],
  'export-add': [
    { kind: 'export-add', exportId: 'e', nodeName: 'n', exportName: 'vda' },
    { kind: 'export-add', exportId: 'e', nodeName: 'n', exportName: 'vda', bitmap: 'a' },
    { kind: 'export-add', exportId: 'e', nodeName: 'n', exportName: 'vda', bitmap: 'a', bitmapNodeName: 'o' },
  ],
  'export-remove': [{ kind: 'export-remove', exportId: 'e' }],
};

const actions: readonly TransactionAction[] = Object.values(transactionActions).flat();
const standalone: readonly StandaloneAction[] = Object.values(standaloneActions).flat();
const commands: readonly Command[] = [
  { kind: 'transaction', actions: [] },
  { kind: 'transaction', actions },
  ...standalone,
];

const options = { cache: { direct: true } };
const layered: Domain = domain({
  disks: [
    disk('vda', chain('vda', [['tuesday', 'monday'], ['monday'], ['monday']])),
    disk('vdb', [node('top'), node('base', { bitmaps: ['monday'], readOnly: true, reopenOptions: options })]),
  ],
});

describeCorpus('the schemas of QEMU', () => {
  describe.each(schemaVersions)('%s', (version) => {
    const schema = readSchema(version);

    it.each(commands.map((command) => [command.kind, command] as const))('takes a %s', (_, command) => {
      // Bitmaps of other nodes are exported since 7.1 only, which the check before a run says.
      const isLater = version === '7.0' && 'bitmapNodeName' in command;
      const faults = isLater ? ['block-export-add.bitmaps[0]: not of type string'] : [];
      expect(faultsOf(schema, formatCommand(command))).toEqual(faults);
    });

    it.each<[string, Plan]>([
      ['create', planCreateCheckpoint(layered, { name: 'wednesday' }, { now })],
      ['delete', planDeleteCheckpoint(layered, 'monday', { children: 'delete' })],
    ])('takes every step of a %s and its undoing', (_, { steps }) => {
      const sent = steps.flatMap(({ command, undo }) => (undo === undefined ? [command] : [command, undo]));
      expect(sent.length).toBeGreaterThan(1);
      for (const command of sent) expect(faultsOf(schema, formatCommand(command))).toEqual([]);
    });

    const transaction = (type: string, data: object) => ({
      execute: 'transaction',
      arguments: { actions: [{ type, data }] },
    });

    it.each<[string, Parameters<typeof faultsOf>[1], readonly string[]]>([
      [
        'a command that is not there',
        { execute: 'block-dirty-bitmap-frob' },
        ['block-dirty-bitmap-frob: no such command'],
      ],
      [
        'a member that is not there',
        transaction('block-dirty-bitmap-add', { node: 'n', name: 'a', recording: true }),
        ['transaction.actions[0].data.recording: no such member'],
      ],
      [
        'a member that is missing',
        transaction('block-dirty-bitmap-remove', { node: 'n' }),
        ['transaction.actions[0].data.name: missing'],
      ],
      [
        'a member of another type',
        transaction('block-dirty-bitmap-add', { node: 'n', name: 1, persistent: 'yes', granularity: 0.5 }),
        [
          'transaction.actions[0].data.name: not of type string',
          'transaction.actions[0].data.persistent: not of type boolean',
          'transaction.actions[0].data.granularity: not of type int',
        ],
      ],
      [
        'what is deprecated',
        { execute: 'block-commit', arguments: { device: 'n', top: '/a' } },
        ['block-commit.top: deprecated'],
      ],
    ])('would not let %s pass', (_, command, faults) => {
      expect(faultsOf(schema, command)).toEqual(faults);
    });

    it('would not let a value that is not of the enumeration pass', () => {
      expect(faultsOf(schema, transaction('block-dirty-bitmap-frob', {}))).toEqual(
        [
          'transaction.actions[0].data: no such member',
          'transaction.actions[0].type: no value "block-dirty-bitmap-frob"',
        ].toReversed(),
      );
    });
  });
});
