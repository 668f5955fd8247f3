import { describe, expect, it } from 'vitest';
import {
  type BackupDiskRequest,
  type BackupRequest,
  checkBeginBackup,
  type Domain,
  type NbdServer,
  planBeginBackup,
} from '../../../src/index.js';
import { bitmap, chain, checkpoint, disk, domain, freshDomain, node, now, tree } from '../../support/builders.js';
import { layered, withBitmap } from '../../support/layers.js';
import { codesOf, detailsOf, refusal } from '../../support/refusal.js';

const image = { filename: '/backup/vda.qcow2' };
const vda: BackupDiskRequest = { diskTarget: 'vda', image };
const vdb: BackupDiskRequest = { diskTarget: 'vdb', image: { filename: '/backup/vdb.qcow2' } };
const server: NbdServer = { type: 'unix', path: '/run/backup.sock' };
const push = (...disks: readonly BackupDiskRequest[]): BackupRequest => ({ mode: 'push', disks });
const pull = (...disks: readonly BackupDiskRequest[]): BackupRequest => ({ mode: 'pull', disks, server });
const pullAt = (at: object): BackupRequest => ({ ...pull(vda), server: at as NbdServer });

const both = freshDomain(disk('vda'), disk('vdb'));
const ours = 'checkpoint-backup-vda';
const leftover = (layer: number, change: object = {}) => {
  const layers = [[], []].map((_, at) => (at === layer ? [bitmap(ours, change)] : []));
  return freshDomain(disk('vda', chain('vda', layers)));
};
const other = (nodeName: string, change: object = {}): Domain => ({
  ...domain(),
  otherNodes: [node(nodeName, change)],
});
const tcp = { type: 'tcp', host: '::', port: 10809 } as const;
const elsewhere = { diskTarget: 'vda', bitmap: 'monday', madeOn: image.filename };

/** By the number of the rule in the description of examineBackup. */
const refusals: readonly (readonly [number, string, Domain, BackupRequest, readonly string[]])[] = [
  [1, 'no disk', domain(), push(), ['backup-without-disks']],
  [1, 'a disk twice', domain(), push(vda, vda), ['disk-asked-twice']],
  [1, 'a disk that is not there', domain(), push(vdb), ['disk-not-found']],
  [1, 'a disk without a medium', freshDomain(disk('vda', [])), push(vda), ['disk-empty']],
  [2, 'a checkpoint that is not there', domain(), push({ ...vda, since: 'friday' }), ['checkpoint-not-found']],
  [
    2,
    'a checkpoint whose bitmap is lost',
    domain({ disks: [disk('vda')] }),
    push({ ...vda, since: 'monday' }),
    ['bitmap-missing'],
  ],
  [
    2,
    'a bitmap that is held',
    withBitmap(layered, 1, 'a', { busy: true }),
    push({ ...vda, since: 'a' }),
    ['bitmap-busy'],
  ],
  [
    3,
    'only what changed, to a raw image',
    domain(),
    push({ ...vda, since: 'monday', image: { ...image, format: 'raw' } }),
    ['image-not-qcow2'],
  ],
  [9, 'a push with fleecing', domain(), push({ ...vda, fleecing: true }), ['fleecing-unused']],
  [
    9,
    'a pull whose snapshot may break',
    domain(),
    pull({ ...vda, onCbwError: 'break-snapshot' }),
    ['snapshot-may-break'],
  ],
  [3, 'a raw scratch image', domain(), pull({ ...vda, image: { ...image, format: 'raw' } }), ['image-not-qcow2']],
  [
    3,
    'an image of another format',
    domain(),
    push({ ...vda, image: { ...image, format: 'vmdk' as 'raw' } }),
    ['invalid-input'],
  ],
  [
    4,
    'a file that is no absolute path',
    domain(),
    push({ ...vda, image: { filename: 'vda.qcow2' } }),
    ['filename-invalid'],
  ],
  [
    4,
    'a file that is in use',
    domain(),
    push({ ...vda, image: { filename: '/images/vda-active.qcow2' } }),
    ['filename-taken'],
  ],
  [
    4,
    'a file that a checkpoint was made on',
    domain({ checkpoints: tree([checkpoint('monday', { disks: [elsewhere] })]) }),
    push(vda),
    ['filename-taken'],
  ],
  [4, 'one file for two disks', both, push(vda, { ...vdb, image }), ['filename-taken']],
  [4, 'a node-name that is taken', other(ours, { fileNodeName: 'f' }), push(vda), ['node-name-taken']],
  [4, 'a protocol layer that is there', other('x', { fileNodeName: `${ours}-file` }), push(vda), ['node-name-taken']],
  [
    4,
    'clusters of an odd size',
    domain(),
    push({ ...vda, image: { ...image, clusterSize: 1000 } }),
    ['cluster-size-invalid'],
  ],
  [5, 'a leftover on the active layer', leftover(0), push(vda), ['bitmap-exists']],
  [5, 'a leftover on a layer below', leftover(1, { inconsistent: true }), pull(vda), ['bitmap-exists']],
  [
    5,
    'the name of a checkpoint’s bitmap',
    domain({ checkpoints: tree([checkpoint('a', { disks: [{ diskTarget: 'vda', bitmap: ours }] })]) }),
    push(vda),
    ['bitmap-claimed'],
  ],
  [6, 'a pull without a server', domain(), { mode: 'pull', disks: [vda] }, ['server-needed']],
  [6, 'a push with a server', domain(), { ...push(vda), server }, ['server-unused']],
  [6, 'a server on the network in plain', domain(), pullAt(tcp), ['server-plain']],
  [6, 'a server of another kind', domain(), pullAt({ type: 'vsock', cid: 3 }), ['invalid-input']],
  [6, 'a server at port 0', domain(), pullAt({ ...tcp, port: 0, plain: true }), ['invalid-input']],
  [7, 'one export name for two disks', both, pull(vda, { ...vdb, exportName: 'vda' }), ['export-name-taken']],
  [
    8,
    'a checkpoint that is there',
    domain(),
    { ...push(vda), checkpoint: { name: 'monday' } },
    ['checkpoint-exists', 'bitmap-exists'],
  ],
  [
    8,
    'a checkpoint on a raw disk alone',
    freshDomain(disk('vda', [node('n', { format: 'raw' })])),
    { ...push(vda), checkpoint: {} },
    ['format-unsupported'],
  ],
];

describe('checkBeginBackup', () => {
  it.each(refusals)('by rule %i refuses %s', (_, __, given, request, codes) => {
    const found = () => checkBeginBackup(given, request, { now });
    expect(codesOf(refusal(() => planBeginBackup(given, request, { now })))).toEqual(codes);
    // What is no request at all is thrown.
    if (codes[0] !== 'invalid-input' || request.mode === 'push') expect(codesOf(found())).toEqual(codes);
    else expect(codesOf(refusal(found))).toEqual(codes);
  });

  it.each<[string, Domain, BackupRequest]>([
    ['a push', domain(), push(vda)],
    ['a pull', domain(), pull(vda)],
    ['credentials for the network', domain(), pullAt({ ...tcp, tlsCreds: 'tls0' })],
    ['plain, where that is wanted', domain(), pullAt({ ...tcp, plain: true })],
    ['a server that is there already, whatever it is', domain(), pullAt({ ...tcp, running: true })],
    ['a read-only disk', freshDomain(disk('vda', undefined, { readOnly: true })), push(vda)],
    [
      'a bitmap that is held and is not a base',
      withBitmap(layered, 0, 'c', { busy: true }),
      push({ ...vda, since: 'a' }),
    ],
    [
      'a bitmap of that name on another disk',
      domain({ disks: [disk('vda'), disk('vdb', chain('vdb', [[ours]]))] }),
      push(vda),
    ],
    [
      'a checkpoint’s bitmap of that name on another disk',
      { ...both, checkpoints: tree([checkpoint('a', { disks: [{ diskTarget: 'vdb', bitmap: ours }] })]) },
      push(vda),
    ],
    ['two exports of two names', both, pull(vda, vdb)],
    ['export names that no one looks at in a push', both, push(vda, { ...vdb, exportName: 'vda' })],
  ])('takes %s', (_, given, request) => {
    expect(checkBeginBackup(given, request, { now })).toEqual([]);
  });

  it('tells everything at once', () => {
    const request: BackupRequest = {
      mode: 'pull',
      disks: [
        { diskTarget: 'vda', since: 'friday', image: { filename: 'x', format: 'raw' } },
        { diskTarget: 'vdz', image },
      ],
      checkpoint: { name: 'a b', disks: [{ disk: 'vdy' }] },
    };
    expect(codesOf(checkBeginBackup(leftover(0), request, { now }))).toEqual([
      'checkpoint-not-found',
      'image-not-qcow2',
      'filename-invalid',
      'bitmap-exists',
      'disk-not-found',
      'server-needed',
      'checkpoint-name-invalid',
      'disk-not-found',
    ]);
  });

  it('says where the leftover is, and whose name it has', () => {
    expect(detailsOf(checkBeginBackup(leftover(1, { inconsistent: true }), push(vda), { now }))).toEqual([
      { code: 'bitmap-exists', diskTarget: 'vda', nodeName: 'vda-1', bitmap: ours, inconsistent: true },
    ]);
    expect(detailsOf(checkBeginBackup(domain(), pullAt(tcp), { now }))).toEqual([{ code: 'server-plain', host: '::' }]);
  });

  it.each([-1, 1.5, Number.NaN])('refuses %d as the time, with a checkpoint or without', (time) => {
    for (const request of [push(vda), { ...push(vda), checkpoint: { name: 'a' } }]) {
      expect(codesOf(checkBeginBackup(domain(), request, { now: time }))).toEqual(['creation-time-invalid']);
    }
  });

  it.each<[string, unknown]>([
    ['no mode', { disks: [vda] }],
    ['another mode', { ...push(vda), mode: 'Push' }],
    ['no disks', { mode: 'push' }],
    ['a disk without an image', push({ diskTarget: 'vda' } as BackupDiskRequest)],
    ['nothing', undefined],
  ])('refuses a request with %s', (_, request) => {
    const plan = () => planBeginBackup(domain(), request as BackupRequest, { now });
    expect(codesOf(refusal(plan))).toEqual(['invalid-input']);
  });
});
