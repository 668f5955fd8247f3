import { describe, expect, it } from 'vitest';
import { checkTakeSnapshot, type SnapshotRequest } from '../../../src/core/check/take-snapshot.js';
import { planTakeSnapshot } from '../../../src/core/plan/take-snapshot.js';
import type { Domain } from '../../../src/index.js';
import {
  bitmap,
  chain,
  checkpoint,
  disk,
  domain,
  freshDomain,
  GiB,
  line,
  node,
  now,
  tree,
} from '../../support/builders.js';
import { expectPlan } from '../../support/expect-plan.js';
import { codesOf, refusal } from '../../support/refusal.js';

const overlay = node('vda-2');
const made = { nodeName: 'vda-2', filename: '/images/vda-2.qcow2' } as const;
const beside = (given: Domain, ...otherNodes: NonNullable<Domain['otherNodes']>): Domain => ({ ...given, otherNodes });
const on = (diskTarget: string, what: SnapshotRequest['disks'][number]['overlay']) => ({ diskTarget, overlay: what });
const snapshot = (request: SnapshotRequest) => (given: Domain) => planTakeSnapshot(given, request, { now });

const take = (nodeName: string, overlayNodeName: string) =>
  ({ kind: 'snapshot-take', nodeName, overlayNodeName }) as const;
const add = (nodeName: string, name: string, granularity?: number) =>
  ({
    kind: 'bitmap-add',
    nodeName,
    bitmap: name,
    persistent: true,
    recording: true,
    ...(granularity !== undefined && { granularity }),
  }) as const;
const together = (...actions: readonly (ReturnType<typeof take> | ReturnType<typeof add>)[]) => ({
  command: { kind: 'transaction' as const, actions },
});

/** The steps that make the image `vda-2` for disk vda. */
const making = (() => {
  const job = (nodeName: string, options: { readonly driver: string; readonly [option: string]: unknown }) =>
    ({ kind: 'create', jobId: `checkpoint-create-${nodeName}`, options }) as const;
  const file = job('vda-2-file', { driver: 'file', filename: made.filename, size: 0 });
  const backing = { 'backing-file': '/images/vda-active.qcow2', 'backing-fmt': 'qcow2' };
  const format = job('vda-2', { driver: 'qcow2', file: 'vda-2-file', size: GiB, ...backing });
  const run = (of: typeof file) => [
    { command: { kind: 'job-start' as const, job: of }, undo: { kind: 'job-cancel' as const, job: of } },
    { command: { kind: 'job-wait' as const, job: of, until: 'concluded' as const } },
    { command: { kind: 'job-dismiss' as const, job: of } },
  ];
  const { filename } = made;
  return [
    ...run(file),
    {
      command: {
        kind: 'node-add' as const,
        nodeName: 'vda-2-file',
        format: 'file',
        virtualSize: 0,
        filename,
        options: { filename },
      },
      undo: { kind: 'node-remove' as const, nodeName: 'vda-2-file' },
    },
    ...run(format),
    {
      command: {
        kind: 'node-add' as const,
        nodeName: 'vda-2',
        format: 'qcow2',
        virtualSize: GiB,
        filename,
        fileNodeName: 'vda-2-file',
        backingNodeName: null,
      },
      undo: { kind: 'node-remove' as const, nodeName: 'vda-2' },
    },
  ];
})();

describe('planTakeSnapshot', () => {
  it('puts the overlay on the disk and every bitmap on it, in one transaction', () => {
    const { next } = expectPlan(beside(domain(), overlay), snapshot({ disks: [on('vda', overlay)] }), {
      steps: [together(take('vda-active', 'vda-2'), add('vda-2', 'monday', 65536), add('vda-2', 'tuesday', 65536))],
      checkpoints: line('monday', 'tuesday'),
    });
    expect(next.otherNodes).toBeUndefined();
    expect(next.disks[0]?.sourcePath).toBe('/images/vda-2.qcow2');
    expect(next.disks[0]?.backingChain.map(({ nodeName, readOnly, bitmaps }) => [nodeName, readOnly, bitmaps])).toEqual(
      [
        ['vda-2', false, [bitmap('tuesday'), bitmap('monday')]],
        ['vda-active', true, [bitmap('tuesday'), bitmap('monday')]],
      ],
    );
  });

  it('makes an overlay that is not there, opens it on nothing, and closes it where anything fails', () => {
    expectPlan(domain(), snapshot({ disks: [on('vda', made)] }), {
      steps: [
        ...making,
        together(take('vda-active', 'vda-2'), add('vda-2', 'monday', 65536), add('vda-2', 'tuesday', 65536)),
      ],
    });
  });

  it('makes it with the clusters, the file node and the header that are asked for', () => {
    const asked = { ...made, fileNodeName: 'f', clusterSize: 4096, backingFilename: 'vda-active.qcow2' };
    const { steps, next } = planTakeSnapshot(domain(), { disks: [on('vda', asked)] });
    const formatted = steps.flatMap(({ command }) => (command.kind === 'job-start' ? [command.job] : []))[1];
    expect(formatted).toMatchObject({
      options: { file: 'f', 'cluster-size': 4096, 'backing-file': 'vda-active.qcow2', 'backing-fmt': 'qcow2' },
    });
    expect(next.disks[0]?.backingChain[0]).toMatchObject({ fileNodeName: 'f', clusterSize: 4096 });
    // The file name in use is what counts, whatever the header says.
    expect(next.disks[0]?.backingChain[0]?.backingFilename).toBe('/images/vda-active.qcow2');
    expectPlan(domain(), snapshot({ disks: [on('vda', asked)] }), { steps: steps.map(({ why: _, ...step }) => step) });
  });

  it('names the format of what is below in the header, so that no one has to guess it', () => {
    const raw = freshDomain(disk('vda', [node('vda-active', { format: 'raw' })]));
    const { steps } = planTakeSnapshot(raw, { disks: [on('vda', made)] });
    expect(JSON.stringify(steps)).toContain('"backing-fmt":"raw"');
  });

  it('begins a checkpoint at the same instant, on the overlay only', () => {
    const { next } = expectPlan(
      beside(domain(), overlay),
      snapshot({ disks: [on('vda', overlay)], checkpoint: { name: 'friday', description: 'with a snapshot' } }),
      {
        steps: [
          together(
            take('vda-active', 'vda-2'),
            add('vda-2', 'monday', 65536),
            add('vda-2', 'tuesday', 65536),
            add('vda-2', 'friday'),
          ),
        ],
        checkpoints: tree([
          ...line('monday', 'tuesday').checkpoints,
          checkpoint('friday', {
            parent: 'tuesday',
            description: 'with a snapshot',
            disks: [{ diskTarget: 'vda', bitmap: 'friday', madeOn: '/images/vda-2.qcow2' }],
          }),
        ]),
      },
    );
    expect(next.checkpoints.current).toBe('friday');
  });

  it('takes all disks at one point in time; one without an overlay has the checkpoint where it is', () => {
    const three = freshDomain(disk('vda'), disk('vdb'), disk('vdc', undefined, { readOnly: true }));
    const vdb = node('vdb-2');
    const { next } = expectPlan(
      beside(three, overlay, vdb),
      snapshot({ disks: [on('vda', overlay)], checkpoint: { name: 'a' } }),
      { steps: [together(take('vda-active', 'vda-2'), add('vda-2', 'a'), add('vdb-active', 'a'))] },
    );
    expect(next.checkpoints.checkpoints[0]?.disks).toEqual([
      { diskTarget: 'vda', bitmap: 'a', madeOn: '/images/vda-2.qcow2' },
      { diskTarget: 'vdb', bitmap: 'a', madeOn: '/images/vdb-active.qcow2' },
      { diskTarget: 'vdc' },
    ]);
    const both = snapshot({ disks: [on('vdb', vdb), on('vda', overlay)] });
    expectPlan(beside(three, overlay, vdb), both, {
      steps: [together(take('vdb-active', 'vdb-2'), take('vda-active', 'vda-2'))],
    });
  });

  it('finds a disk of the checkpoint by the path that it has before', () => {
    const request = {
      disks: [on('vda', overlay)],
      checkpoint: { name: 'a', disks: [{ disk: '/images/vda-active.qcow2', bitmap: 'b', granularity: 4096 }] },
    };
    expectPlan(beside(freshDomain(disk('vda'), disk('vdb')), overlay), snapshot(request), {
      steps: [together(take('vda-active', 'vda-2'), add('vda-2', 'b', 4096))],
    });
  });

  it('carries a bitmap of nobody, as fine as it is, one that is busy too, and leaves the granularity to QEMU where it is not known', () => {
    const layer = node('vda-active', {
      bitmaps: [
        bitmap('foreign\n', { granularity: 512 }),
        bitmap('b', { busy: true }),
        bitmap('c', { granularity: 0 }),
      ],
    });
    const { steps } = planTakeSnapshot(freshDomain(disk('vda', [layer])), { disks: [on('vda', overlay)] });
    expect(steps.map(({ command }) => command)).toEqual([
      together(take('vda-active', 'vda-2'), add('vda-2', 'c'), add('vda-2', 'b', 65536), add('vda-2', 'foreign\n', 512))
        .command,
    ]);
  });

  it.each([
    ['inconsistent', { inconsistent: true, recording: false }, 'bitmap-inconsistent'],
    ['stopped', { recording: false }, 'bitmap-not-recording'],
    ['transient', { persistent: false }, 'bitmap-transient'],
  ])('leaves a bitmap behind that is %s, and says so', (_, state, code) => {
    const layer = node('vda-active', { bitmaps: ['good', bitmap('bad', state)] });
    expectPlan(beside(freshDomain(disk('vda', [layer])), overlay), snapshot({ disks: [on('vda', overlay)] }), {
      steps: [together(take('vda-active', 'vda-2'), add('vda-2', 'good', 65536))],
      warnings: [code],
    });
  });

  it('takes an overlay that the domain does not tell of yet', () => {
    const { next } = planTakeSnapshot(domain(), { disks: [on('vda', overlay)] });
    expect(next.disks[0]?.backingChain.map(({ nodeName }) => nodeName)).toEqual(['vda-2', 'vda-active']);
  });

  it('can be taken of a snapshot, over and over', () => {
    const second = { nodeName: 'vda-3', filename: '/images/vda-3.qcow2' };
    const { next } = planTakeSnapshot(domain(), { disks: [on('vda', made)] });
    const { steps } = expectPlan(next, snapshot({ disks: [on('vda', second)] }), {
      steps: planTakeSnapshot(next, { disks: [on('vda', second)] }).steps.map(({ why: _, ...step }) => step),
    });
    expect(steps.at(-1)?.command).toEqual(
      together(take('vda-2', 'vda-3'), add('vda-3', 'monday', 65536), add('vda-3', 'tuesday', 65536)).command,
    );
  });

  it('plans nothing where nothing is asked for, and a checkpoint alone where only that is', () => {
    expectPlan(domain(), snapshot({ disks: [] }), { steps: [] });
    expectPlan(domain(), snapshot({ disks: [], checkpoint: { name: 'a' } }), {
      steps: [together(add('vda-active', 'a'))],
    });
  });
});

const inUse = node('vdb-active', { filename: '/images/other.qcow2', backingFilename: '/images/other-base.qcow2' });
const two = domain({ disks: [disk('vda', chain('vda', [['tuesday', 'monday']])), disk('vdb', [inUse])] });

describe('a snapshot is refused', () => {
  const refusals: [string, SnapshotRequest, readonly string[], Domain?][] = [
    ['of a disk that is not there', { disks: [on('vdz', made)] }, ['disk-not-found']],
    ['of a disk that is asked for twice', { disks: [on('vda', made), on('vda', made)] }, ['disk-asked-twice']],
    ['of a disk without a medium', { disks: [on('vda', made)] }, ['disk-empty'], freshDomain(disk('vda', []))],
    [
      'of a disk that is read-only',
      { disks: [on('vda', made)] },
      ['disk-read-only'],
      freshDomain(disk('vda', undefined, { readOnly: true })),
    ],
    [
      'of a disk whose active layer is another’s too',
      { disks: [on('vda', made)] },
      ['node-shared'],
      freshDomain(disk('vda'), disk('vdb', chain('vda', [[]]))),
    ],
    ['onto a layer of a disk', { disks: [on('vda', inUse)] }, ['node-unsuitable', 'node-unsuitable']],
    [
      'onto a node that stands on an image',
      { disks: [on('vda', { ...overlay, backingFilename: '/b' })] },
      ['node-unsuitable'],
    ],
    [
      'onto a raw node',
      { disks: [on('vda', node('o', { format: 'raw' }))] },
      ['node-unsuitable', 'format-unsupported'],
    ],
    [
      'onto a node that is read-only',
      { disks: [on('vda', node('o', { readOnly: true }))] },
      ['node-unsuitable', 'node-read-only'],
    ],
    ['onto a node of another size', { disks: [on('vda', node('o', { virtualSize: 2 * GiB }))] }, ['size-differs']],
    [
      'onto a node whose file is another’s',
      { disks: [on('vda', node('o', { filename: '/images/other.qcow2' }))] },
      ['filename-taken'],
    ],
    ['onto one node for two disks', { disks: [on('vda', overlay), on('vdb', overlay)] }, ['node-shared']],
    [
      'onto a node whose file has the name that a checkpoint was made on',
      { disks: [on('vda', overlay)] },
      ['filename-taken'],
      beside(
        domain({
          checkpoints: tree([
            checkpoint('tuesday', { disks: [{ diskTarget: 'vda', bitmap: 'tuesday', madeOn: '/images/vda-2.qcow2' }] }),
          ]),
        }),
        overlay,
      ),
    ],
    [
      'onto a node that cannot hold the bitmaps: it has one of that name',
      { disks: [on('vda', node('o', { bitmaps: ['monday'] }))] },
      ['bitmap-exists'],
    ],
    [
      'onto a node that cannot hold the bitmaps: it is qcow2 of version 2',
      { disks: [on('vda', node('o', { qcow2Version: 2 }))] },
      ['qcow2-version-unsupported'],
    ],
    [
      'where the names of new nodes are taken',
      { disks: [on('vda', { ...made, nodeName: 'vdb-active' })] },
      ['node-name-taken', 'node-name-taken'],
    ],
    [
      'where the names of new nodes are none',
      { disks: [on('vda', { ...made, nodeName: '#a' })] },
      ['node-name-invalid', 'node-name-invalid'],
    ],
    [
      'where the name of a protocol layer would be too long',
      { disks: [on('vda', { ...made, nodeName: 'a'.repeat(31) })] },
      ['node-name-invalid'],
    ],
    [
      'where one new node is asked for twice',
      { disks: [on('vda', made), on('vdb', made)] },
      ['node-name-taken', 'node-name-taken', 'filename-taken', 'node-shared'],
    ],
    [
      'into a file without an absolute path',
      { disks: [on('vda', { ...made, filename: 'a.qcow2' })] },
      ['filename-invalid'],
    ],
    [
      'into a file that is in use',
      { disks: [on('vda', { ...made, filename: '/images/vda-active.qcow2' })] },
      ['filename-taken'],
    ],
    [
      'into a file that another image stands on',
      { disks: [on('vda', { ...made, filename: '/images/other-base.qcow2' })] },
      ['filename-taken'],
    ],
    ['with clusters that cannot be', { disks: [on('vda', { ...made, clusterSize: 3000 })] }, ['cluster-size-invalid']],
    [
      'with clusters that are too large',
      { disks: [on('vda', { ...made, clusterSize: 2 ** 22 })] },
      ['cluster-size-invalid'],
    ],
    [
      'with clusters that are too small',
      { disks: [on('vda', { ...made, clusterSize: 256 })] },
      ['cluster-size-invalid'],
    ],
    [
      'on an image whose file name is not known',
      { disks: [on('vda', made)] },
      ['backing-filename-unknown'],
      freshDomain(disk('vda', [node('vda-active', { filename: 'relative.qcow2' })])),
    ],
    [
      'on an image whose file name is too long for a header',
      { disks: [on('vda', { ...made, backingFilename: 'é'.repeat(512) })] },
      ['backing-filename-unknown'],
    ],
    [
      'with a checkpoint that cannot be made',
      { disks: [on('vda', made)], checkpoint: { name: 'monday' } },
      ['checkpoint-exists', 'bitmap-exists'],
    ],
    [
      'with a checkpoint on an overlay that cannot hold it, told once',
      { disks: [on('vda', node('o', { qcow2Version: 2 }))], checkpoint: { name: 'x', disks: [{ disk: 'vda' }] } },
      ['qcow2-version-unsupported'],
    ],
  ];

  it.each(refusals)('%s', (_, request, codes, given = two) => {
    expect(codesOf(checkTakeSnapshot(given, request, { now }))).toEqual(codes);
    expect(codesOf(refusal(() => planTakeSnapshot(given, request, { now })))).toEqual(codes);
  });

  it('with a checkpoint, where no time is given', () => {
    const request = { disks: [on('vda', made)], checkpoint: { name: 'a' } };
    expect(codesOf(refusal(() => planTakeSnapshot(domain(), request)))).toEqual(['creation-time-invalid']);
    expect(codesOf(checkTakeSnapshot(domain(), request))).toEqual(['creation-time-invalid']);
  });

  it('with all its problems at once', () => {
    const request = { disks: [on('vda', { ...made, filename: 'a' }), on('vdz', made)], checkpoint: { name: '/' } };
    expect(codesOf(checkTakeSnapshot(domain(), request))).toEqual([
      'filename-invalid',
      'disk-not-found',
      'creation-time-invalid',
      'checkpoint-name-invalid',
    ]);
  });

  it.each<[string, unknown]>([
    ['nothing', undefined],
    ['no disks', {}],
    ['an overlay that is none', { disks: [{ diskTarget: 'vda', overlay: 5 }] }],
    ['a definition that is none', { disks: [], checkpoint: { disks: 5 } }],
  ])('where the request is %s', (_, request) => {
    expect(codesOf(refusal(() => planTakeSnapshot(domain(), request as SnapshotRequest)))).toContain('invalid-input');
    expect(codesOf(refusal(() => checkTakeSnapshot(domain(), request as SnapshotRequest)))).toContain('invalid-input');
  });
});
