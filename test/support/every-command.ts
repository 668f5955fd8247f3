import type { Job } from '../../src/core/job.js';
import type { Command, StandaloneAction, TransactionAction } from '../../src/index.js';

type Rows<T extends { readonly kind: string }> = {
  readonly [K in T['kind']]: readonly (readonly [what: string, action: T & { readonly kind: K }, text: string])[];
};

const job: Job = {
  kind: 'commit',
  jobId: 'j',
  diskTarget: 'vda',
  activeNodeName: 'top',
  topNodeName: 'top',
  baseNodeName: 'base',
};

const backup = { kind: 'backup', jobId: 'j', diskTarget: 'vda', nodeName: 'n', targetNodeName: 't' } as const;

const onBitmap = <K extends string>(kind: K) =>
  [
    [
      'of a bitmap',
      { kind, nodeName: 'n', bitmap: 'é "a"' },
      `{"type":"block-dirty-${kind}","data":{"node":"n","name":"é \\"a\\""}}`,
    ],
  ] as const;

const onJob = <K extends string>(kind: K) =>
  [['of a job', { kind, job }, `{"execute":"${kind}","arguments":{"id":"j"}}`]] as const;

/** Every kind of transaction action, in each way it can be spelled, and how: a new kind has to be added here. */
export const transactionRows: Rows<TransactionAction> = {
  'bitmap-add': [
    [
      'of a checkpoint',
      { kind: 'bitmap-add', nodeName: 'n', bitmap: 'a', persistent: true, recording: true },
      '{"type":"block-dirty-bitmap-add","data":{"node":"n","name":"a","persistent":true}}',
    ],
    [
      'with all at its default in QMP',
      { kind: 'bitmap-add', nodeName: 'n', bitmap: 'a', persistent: false, recording: true },
      '{"type":"block-dirty-bitmap-add","data":{"node":"n","name":"a"}}',
    ],
    [
      'with nothing at its default',
      { kind: 'bitmap-add', nodeName: 'n', bitmap: 'a', persistent: true, recording: false, granularity: 512 },
      '{"type":"block-dirty-bitmap-add","data":{"node":"n","name":"a","persistent":true,"disabled":true,"granularity":512}}',
    ],
  ],
  'bitmap-remove': onBitmap('bitmap-remove'),
  'bitmap-clear': onBitmap('bitmap-clear'),
  'bitmap-enable': onBitmap('bitmap-enable'),
  'bitmap-disable': onBitmap('bitmap-disable'),
  'bitmap-merge': [
    [
      'of nothing',
      { kind: 'bitmap-merge', nodeName: 'n', intoBitmap: 'a', sources: [] },
      '{"type":"block-dirty-bitmap-merge","data":{"node":"n","target":"a","bitmaps":[]}}',
    ],
    [
      'over layers, in their order',
      {
        kind: 'bitmap-merge',
        nodeName: 'n',
        intoBitmap: 'a',
        sources: [
          { nodeName: 'y', bitmap: 'b' },
          { nodeName: 'x', bitmap: 'b' },
        ],
      },
      '{"type":"block-dirty-bitmap-merge","data":{"node":"n","target":"a","bitmaps":[{"node":"y","name":"b"},{"node":"x","name":"b"}]}}',
    ],
  ],
  'backup-start': [
    [
      'of a whole disk',
      { kind: 'backup-start', job: { ...backup, sync: 'full' } },
      '{"type":"blockdev-backup","data":{"job-id":"j","device":"n","target":"t","sync":"full","auto-dismiss":false}}',
    ],
    [
      'of what a bitmap has, with what differs from the defaults',
      {
        kind: 'backup-start',
        job: { ...backup, sync: 'incremental', bitmap: 'tmp', options: { speed: 1024, compress: true } },
      },
      '{"type":"blockdev-backup","data":{"job-id":"j","device":"n","target":"t","sync":"incremental","bitmap":"tmp","speed":1024,"compress":true,"auto-dismiss":false}}',
    ],
    [
      'of what the guest is about to overwrite',
      { kind: 'backup-start', job: { ...backup, sync: 'none' } },
      '{"type":"blockdev-backup","data":{"job-id":"j","device":"n","target":"t","sync":"none","auto-dismiss":false}}',
    ],
    [
      'with a filter that others can stand on',
      { kind: 'backup-start', job: { ...backup, sync: 'none', filterNodeName: 'f' } },
      '{"type":"blockdev-backup","data":{"job-id":"j","device":"n","target":"t","sync":"none","filter-node-name":"f","auto-dismiss":false}}',
    ],
  ],
  'snapshot-take': [
    [
      'of a disk',
      { kind: 'snapshot-take', nodeName: 'n', overlayNodeName: 'o' },
      '{"type":"blockdev-snapshot","data":{"node":"n","overlay":"o"}}',
    ],
  ],
};

/** Every kind of action that stands alone, likewise. */
export const standaloneRows: Rows<StandaloneAction> = {
  'node-reopen': [
    [
      'for reading only',
      { kind: 'node-reopen', nodeName: 'n', format: 'qcow2', readOnly: true, fileNodeName: 'f' },
      '{"execute":"blockdev-reopen","arguments":{"options":[{"driver":"qcow2","node-name":"n","read-only":true,"file":"f"}]}}',
    ],
    [
      'for writing, over a backing image',
      { kind: 'node-reopen', nodeName: 'n', format: 'qcow2', readOnly: false, fileNodeName: 'f', backingNodeName: 'b' },
      '{"execute":"blockdev-reopen","arguments":{"options":[{"driver":"qcow2","node-name":"n","file":"f","backing":"b"}]}}',
    ],
    [
      'with what else it was opened with, which cannot change what node it is',
      {
        kind: 'node-reopen',
        nodeName: 'n',
        format: 'qcow2',
        readOnly: false,
        fileNodeName: 'f',
        options: { 'node-name': 'other', cache: { direct: true }, 'detect-zeroes': 'unmap' },
      },
      '{"execute":"blockdev-reopen","arguments":{"options":[{"node-name":"n","cache":{"direct":true},"detect-zeroes":"unmap","driver":"qcow2","file":"f"}]}}',
    ],
  ],
  'node-add': [
    [
      'of an image without a backing image',
      { kind: 'node-add', nodeName: 'n', format: 'qcow2', virtualSize: 1, fileNodeName: 'f', backingNodeName: null },
      '{"execute":"blockdev-add","arguments":{"driver":"qcow2","node-name":"n","file":"f","backing":null}}',
    ],
    [
      'of an image over another',
      { kind: 'node-add', nodeName: 'n', format: 'qcow2', virtualSize: 1, fileNodeName: 'f', backingNodeName: 'b' },
      '{"execute":"blockdev-add","arguments":{"driver":"qcow2","node-name":"n","file":"f","backing":"b"}}',
    ],
    [
      'of an image over what it names itself',
      { kind: 'node-add', nodeName: 'n', format: 'qcow2', virtualSize: 1, fileNodeName: 'f', clusterSize: 65536 },
      '{"execute":"blockdev-add","arguments":{"driver":"qcow2","node-name":"n","file":"f"}}',
    ],
    [
      'of a protocol node',
      {
        kind: 'node-add',
        nodeName: 'n',
        format: 'file',
        virtualSize: 1,
        filename: '/images/a',
        options: { filename: '/images/a', 'auto-read-only': true },
      },
      '{"execute":"blockdev-add","arguments":{"filename":"/images/a","auto-read-only":true,"driver":"file","node-name":"n"}}',
    ],
  ],
  'node-remove': [
    ['of a node', { kind: 'node-remove', nodeName: 'n' }, '{"execute":"blockdev-del","arguments":{"node-name":"n"}}'],
  ],
  'bitmaps-expect': [
    [
      'of two bitmaps, which is a look at all nodes',
      { kind: 'bitmaps-expect', nodeName: 'n', bitmaps: ['a', 'b'] },
      '{"execute":"query-named-block-nodes","arguments":{"flat":true}}',
    ],
  ],
  'job-start': [
    [
      'of a job, as formatJob spells it',
      { kind: 'job-start', job },
      '{"execute":"block-commit","arguments":{"job-id":"j","device":"top","top-node":"top","base-node":"base","auto-dismiss":false}}',
    ],
  ],
  'job-complete': onJob('job-complete'),
  'job-finalize': onJob('job-finalize'),
  'job-cancel': onJob('job-cancel'),
  'job-dismiss': onJob('job-dismiss'),
  'job-wait': [
    [
      'for a job, which is a look at all jobs',
      { kind: 'job-wait', job, until: 'ready' },
      '{"execute":"query-jobs","arguments":{}}',
    ],
  ],
  'backup-cancel': [
    [
      'of a backup, whose jobs are gone by then',
      {
        kind: 'backup-cancel',
        jobs: [{ ...backup, sync: 'full' }],
        bitmaps: [
          { nodeName: 'n', bitmap: 'a' },
          { nodeName: 'm', bitmap: 'b' },
        ],
      },
      '{"execute":"transaction","arguments":{"actions":[{"type":"block-dirty-bitmap-remove","data":{"node":"n","name":"a"}},{"type":"block-dirty-bitmap-remove","data":{"node":"m","name":"b"}}]}}',
    ],
  ],
  'nbd-server-start': [
    [
      'at a UNIX socket',
      { kind: 'nbd-server-start', server: { type: 'unix', path: '/run/nbd' } },
      '{"execute":"nbd-server-start","arguments":{"addr":{"type":"unix","data":{"path":"/run/nbd"}}}}',
    ],
    [
      'on the network, in plain',
      { kind: 'nbd-server-start', server: { type: 'tcp', host: '::', port: 10809, plain: true } },
      '{"execute":"nbd-server-start","arguments":{"addr":{"type":"inet","data":{"host":"::","port":"10809"}}}}',
    ],
    [
      'on the network, with credentials',
      {
        kind: 'nbd-server-start',
        server: { type: 'tcp', host: 'h', port: 1, tlsCreds: 'creds', tlsAuthz: 'authz' },
      },
      '{"execute":"nbd-server-start","arguments":{"addr":{"type":"inet","data":{"host":"h","port":"1"}},"tls-creds":"creds","tls-authz":"authz"}}',
    ],
  ],
  'nbd-server-stop': [['of the only one', { kind: 'nbd-server-stop' }, '{"execute":"nbd-server-stop","arguments":{}}']],
  'export-add': [
    [
      'of a node',
      { kind: 'export-add', exportId: 'e', nodeName: 'n', exportName: 'é' },
      '{"execute":"block-export-add","arguments":{"type":"nbd","id":"e","node-name":"n","name":"é"}}',
    ],
    [
      'of a node with a bitmap',
      { kind: 'export-add', exportId: 'e', nodeName: 'n', exportName: 'vda', bitmap: 'tmp' },
      '{"execute":"block-export-add","arguments":{"type":"nbd","id":"e","node-name":"n","name":"vda","bitmaps":["tmp"]}}',
    ],
    [
      'with a bitmap of another node',
      { kind: 'export-add', exportId: 'e', nodeName: 'n', exportName: 'vda', bitmap: 'tmp', bitmapNodeName: 'o' },
      '{"execute":"block-export-add","arguments":{"type":"nbd","id":"e","node-name":"n","name":"vda","bitmaps":[{"node":"o","name":"tmp"}]}}',
    ],
  ],
  'export-remove': [
    [
      'of an export, whoever reads it',
      { kind: 'export-remove', exportId: 'e' },
      '{"execute":"block-export-del","arguments":{"id":"e","mode":"hard"}}',
    ],
  ],
};

/** One of each, to try something on all. */
export const everyCommand: readonly Command[] = [
  { kind: 'transaction', actions: Object.values(transactionRows).flatMap((rows) => rows.map(([, action]) => action)) },
  ...Object.values(standaloneRows).flatMap((rows) => rows.map(([, action]): Command => action)),
];
