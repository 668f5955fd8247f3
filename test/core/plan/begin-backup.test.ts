import { describe, expect, it } from 'vitest';
import { type BackupRequest, type Domain, type NbdServer, planBeginBackup } from '../../../src/index.js';
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
import { beginBackup, expectTakenBack, startBackup } from '../../support/expect-backup.js';
import { layered, spell } from '../../support/layers.js';

const server: NbdServer = { type: 'unix', path: '/run/backup.sock' };
const image = (diskTarget: string, change: object = {}) => ({ filename: `/backup/${diskTarget}.qcow2`, ...change });
const whole = (diskTarget = 'vda') => ({ diskTarget, image: image(diskTarget) });
const since = (name: string, diskTarget = 'vda') => ({ ...whole(diskTarget), since: name });
const push = (...disks: BackupRequest['disks']): BackupRequest => ({ mode: 'push', disks });
const pull = (...disks: BackupRequest['disks']): BackupRequest => ({ mode: 'pull', disks, server });

/** Two disks with checkpoints monday and tuesday, and one that can have none. */
const three: Domain = {
  ...domain(),
  disks: [
    disk('vda', chain('vda', [['tuesday', 'monday'], ['monday']])),
    disk('vdb', chain('vdb', [['tuesday', 'monday']])),
    disk('vdc', [node('vdc-active', { format: 'raw' })]),
  ],
  checkpoints: tree(['monday', 'tuesday'].map((name) => checkpoint(name, { disks: ['vda', 'vdb'] }))),
};
const ours = 'checkpoint-backup-vda';
const makeImage = [
  `start checkpoint-create-${ours}-file`,
  'wait until concluded',
  'dismiss',
  `add ${ours}-file`,
  `start checkpoint-create-${ours}`,
  'wait until concluded',
  'dismiss',
  `add ${ours}`,
];
/** A backup without the steps that make its images. */
const spellBegin = (given: Domain, request: BackupRequest) => {
  const { plan } = beginBackup(given, request);
  return spell(plan).filter((step) => typeof step !== 'string' || /^(serve|export)/.test(step));
};

describe('planBeginBackup', () => {
  it('makes the image, and pushes the whole disk to it', () => {
    const { plan } = beginBackup(domain(), push(whole()));
    expect(spell(plan)).toEqual([...makeImage, [`back up vda-active to ${ours}, full`]]);
    expect(plan.next.checkpoints).toEqual(domain().checkpoints);
  });

  it.each<[string, Domain, string, readonly string[]]>([
    ['one layer', domain(), 'monday', ['vda-active']],
    ['all layers', layered, 'a', ['vda-active', 'vda-1', 'vda-2']],
    ['the layers down to the one it was made on', layered, 'b', ['vda-active', 'vda-1']],
  ])('pushes what was written since a checkpoint, from %s, by a bitmap of its own', (_, given, name, sources) => {
    expect(spellBegin(given, push(since(name)))).toEqual([
      [
        `add ${ours} on vda-active transient stopped by 65536`,
        `merge ${ours} on vda-active from ${sources.join(' ')}`,
        `back up vda-active to ${ours}, incremental by ${ours}`,
      ],
    ]);
  });

  it('lets what was written since a checkpoint be pulled: scratch image, server, instant, export', () => {
    const { plan } = beginBackup(layered, pull(since('b')));
    expect(spell(plan)).toEqual([
      ...makeImage,
      'serve at /run/backup.sock',
      [
        `add ${ours} on ${ours} transient stopped by 65536`,
        `merge ${ours} on ${ours} from vda-active vda-1`,
        `back up vda-active to ${ours}, none`,
      ],
      `export ${ours} with ${ours} as vda`,
    ]);
    // The guest sees none of the scratch image, whose header does not name the disk.
    const made = plan.steps.flatMap(({ command }) => (command.kind === 'job-start' ? [command.job] : []));
    expect(JSON.stringify(made)).not.toContain('backing');
    expect(plan.next.otherNodes).toMatchObject([{ nodeName: ours, backingFilename: '/images/vda-active.qcow2' }]);
  });

  it('lets a whole disk be pulled, under a name of the caller’s', () => {
    expect(spellBegin(domain(), pull({ ...whole(), exportName: 'disk one' }))).toEqual([
      'serve at /run/backup.sock',
      [`back up vda-active to ${ours}, none`],
      `export ${ours} as disk one`,
    ]);
  });

  it('uses a server that is there already, and neither starts nor stops it', () => {
    const running: NbdServer = { ...server, running: true };
    const world = [{ kind: 'nbd-server-start', server }] as const;
    const { plan, qemu } = beginBackup(domain(), { ...pull(whole()), server: running }, world);
    expect(spell(plan)).not.toContain('serve at /run/backup.sock');
    expect(plan.backup.server).toEqual(running);
    expect(qemu.exports()).toEqual([ours]);
  });

  it('backs several disks up at one instant, each in its way', () => {
    const disks = [since('monday'), whole('vdb'), { diskTarget: 'vdc', image: { filename: '/b/vdc', format: 'raw' } }];
    const { plan } = beginBackup(three, push(...(disks as BackupRequest['disks'])));
    expect(spell(plan).filter((step) => typeof step !== 'string')).toEqual([
      [
        `add ${ours} on vda-active transient stopped by 65536`,
        `merge ${ours} on vda-active from vda-active vda-1`,
        `back up vda-active to ${ours}, incremental by ${ours}`,
        'back up vdb-active to checkpoint-backup-vdb, full',
        'back up vdc-active to checkpoint-backup-vdc, full',
      ],
    ]);
    expect(plan.steps.at(-1)?.why).toBe('Back up vda, vdb, vdc as of one instant.');
  });

  it('makes a raw image as large as the disk, which is full of zeros', () => {
    const raw = { diskTarget: 'vda', image: { filename: '/backup/vda.raw', format: 'raw' } } as const;
    const { plan } = beginBackup(domain(), push(raw));
    expect(plan.steps.map(({ command }) => command)).toMatchObject([
      { job: { options: { driver: 'file', filename: '/backup/vda.raw', size: GiB } } },
      { kind: 'job-wait' },
      { kind: 'job-dismiss' },
      { nodeName: `${ours}-file`, format: 'file' },
      { nodeName: ours, format: 'raw', fileNodeName: `${ours}-file`, virtualSize: GiB },
      { kind: 'transaction' },
    ]);
    expect(plan.backup.disks[0]?.image).toEqual({
      nodeName: ours,
      fileNodeName: `${ours}-file`,
      filename: '/backup/vda.raw',
      format: 'raw',
    });
  });

  it('makes a qcow2 image with clusters as asked', () => {
    const { plan } = beginBackup(domain(), push({ diskTarget: 'vda', image: image('vda', { clusterSize: 2 ** 20 }) }));
    expect(plan.next.otherNodes).toMatchObject([{ nodeName: ours, clusterSize: 2 ** 20, virtualSize: GiB }]);
  });

  it.each<[string, object, object | undefined]>([
    ['nothing where nothing is asked', {}, undefined],
    ['no compression where none is wanted', { compress: false }, undefined],
    ['speed and compression', { speed: 1024, compress: true }, { speed: 1024, compress: true }],
    ['a speed of nothing, which is none', { speed: 0 }, { speed: 0 }],
    ['how it works', { maxWorkers: 8, maxChunk: 2 ** 20 }, { 'x-perf': { 'max-workers': 8, 'max-chunk': 2 ** 20 } }],
    [
      'what happens to the guest',
      { onCbwError: 'break-snapshot', cbwTimeout: 30 },
      { 'on-cbw-error': 'break-snapshot', 'cbw-timeout': 30 },
    ],
  ])('tells the job %s', (_, asked, options) => {
    const { steps } = planBeginBackup(domain(), push({ ...whole(), ...asked }), { now });
    const job = { kind: 'backup', jobId: ours, diskTarget: 'vda', nodeName: 'vda-active', targetNodeName: ours };
    const start = { kind: 'backup-start', job: { ...job, sync: 'full', ...(options !== undefined && { options }) } };
    expect(steps.at(-1)?.command).toStrictEqual({ kind: 'transaction', actions: [start] });
  });

  it.each<[string, number, object]>([
    ['as fine as the base is on the active layer', 4096, { granularity: 4096 }],
    ['by QEMU’s choice where that is not known', 0, {}],
  ])('merges into a bitmap %s', (_, granularity, expected) => {
    const of = (bytes: number) => bitmap('monday', { granularity: bytes });
    const given = domain({
      disks: [disk('vda', chain('vda', [[of(granularity)], [of(2 ** 20)]]))],
      checkpoints: line('monday'),
    });
    const { steps, backup } = planBeginBackup(given, push(since('monday')), { now });
    const { command } = steps.at(-1) as { command: { actions?: readonly object[] } };
    const add = { kind: 'bitmap-add', nodeName: 'vda-active', bitmap: ours, persistent: false, recording: false };
    expect(command.actions?.[0]).toStrictEqual({ ...add, ...expected });
    expect('granularity' in (backup.disks[0] ?? {})).toBe(granularity > 0);
  });

  it.each([
    ['of a push', push(since('tuesday')), {}],
    ['of a pull', pull(since('tuesday')), { exportName: 'vda' }],
  ])('says all that is needed to end it, %s', (_, request, more) => {
    const { backup } = planBeginBackup(domain(), { ...request, checkpoint: { name: 'wednesday' } }, { now: now + 5 });
    expect(backup).toStrictEqual({
      mode: request.mode,
      timeSeconds: now + 5,
      checkpoint: 'wednesday',
      disks: [
        {
          diskTarget: 'vda',
          jobId: ours,
          nodeName: 'vda-active',
          virtualSize: GiB,
          since: { name: 'tuesday', creationTimeSeconds: now },
          bitmap: ours,
          granularity: 65536,
          inCheckpoint: true,
          image: {
            nodeName: ours,
            fileNodeName: `${ours}-file`,
            filename: '/backup/vda.qcow2',
            format: 'qcow2',
          },
          ...more,
        },
      ],
      ...(request.server !== undefined && { server: request.server }),
    });
  });

  it.each([
    ['a push', push(since('tuesday')), [`${ours} on vda-active`, 'wednesday on vda-active']],
    ['a pull', pull(since('tuesday')), [`${ours} on ${ours}`, 'wednesday on vda-active']],
    ['a whole one', push(whole()), ['wednesday on vda-active']],
  ])('takes %s back by its jobs first, and then the bitmaps it made', (_, request, bitmaps) => {
    const { steps } = planBeginBackup(domain(), { ...request, checkpoint: { name: 'wednesday' } }, { now });
    const { undo, command } = steps.find((step) => step.command.kind === 'transaction') ?? {};
    if (undo?.kind !== 'backup-cancel' || command?.kind !== 'transaction') throw new Error('it is another');
    expect(undo.jobs).toEqual(
      command.actions.flatMap((action) => (action.kind === 'backup-start' ? [action.job] : [])),
    );
    expect(undo.bitmaps.map((each) => `${each.bitmap} on ${each.nodeName}`).toSorted()).toEqual(bitmaps.toSorted());
  });
});

describe('the checkpoint of a backup', () => {
  it('begins in the same transaction, and is provisional and current', () => {
    const { plan } = beginBackup(domain(), {
      ...push(since('tuesday')),
      checkpoint: { name: 'wednesday', description: 'with a backup' },
    });
    expect(spell(plan).at(-1)).toEqual([
      'add wednesday on vda-active',
      `add ${ours} on vda-active transient stopped by 65536`,
      `merge ${ours} on vda-active from vda-active`,
      `back up vda-active to ${ours}, incremental by ${ours}`,
    ]);
    expect(plan.next.checkpoints).toStrictEqual({
      checkpoints: [
        ...domain().checkpoints.checkpoints,
        {
          name: 'wednesday',
          description: 'with a backup',
          parent: 'tuesday',
          creationTimeSeconds: now,
          provisional: true,
          disks: [{ diskTarget: 'vda', bitmap: 'wednesday', madeOn: '/images/vda-active.qcow2' }],
        },
      ],
      current: 'wednesday',
    });
    expect(plan.steps.at(-1)?.why).toBe('Back up vda as of one instant, and checkpoint "wednesday" begins.');
  });

  const raw = { diskTarget: 'vdc', image: { filename: '/backup/vdc', format: 'raw' } } as const;
  const old = freshDomain(disk('vda'), disk('vdb', [node('vdb-active', { qcow2Version: 2 })]));
  const locked = freshDomain(disk('vda'), disk('vdb', [node('vdb-active', { readOnly: true })], { readOnly: true }));
  it.each<[string, Domain, BackupRequest, object, readonly string[]]>([
    ['takes in the disks of the backup alone', three, push(whole('vdb')), { name: 'a' }, ['vdb']],
    ['where its list of disks is empty too', three, push(whole('vdb')), { name: 'a', disks: [] }, ['vdb']],
    ['leaves out a raw disk', three, push(whole(), raw), { name: 'a' }, ['vda']],
    ['leaves out an old qcow2', old, push(whole(), whole('vdb')), { name: 'a' }, ['vda']],
    ['leaves out a read-only disk', locked, push(whole(), whole('vdb')), { name: 'a' }, ['vda']],
    [
      'takes in what it names',
      three,
      push(whole()),
      { name: 'a', disks: [{ disk: 'vda' }, { disk: 'vdb' }] },
      ['vda', 'vdb'],
    ],
    ['takes in nothing else', three, push(whole(), whole('vdb')), { name: 'a', disks: [{ disk: 'vda' }] }, ['vda']],
  ])('%s', (_, given, request, definition, targets) => {
    const { plan } = beginBackup(given, { ...request, checkpoint: definition });
    const made = plan.next.checkpoints.checkpoints.at(-1);
    expect(made?.disks.flatMap(({ diskTarget, bitmap: of }) => (of === undefined ? [] : [diskTarget]))).toEqual(
      targets,
    );
    const inCheckpoint = plan.backup.disks.filter((each) => each.inCheckpoint).map(({ diskTarget }) => diskTarget);
    expect(inCheckpoint).toEqual(targets.filter((target) => request.disks.some((each) => each.diskTarget === target)));
  });

  it('is called by the second where it has no name', () => {
    const { backup, next } = planBeginBackup(domain(), { ...push(whole()), checkpoint: {} }, { now });
    expect([backup.checkpoint, next.checkpoints.current]).toEqual([String(now), String(now)]);
  });
});

describe('a backup whose process dies while it begins', () => {
  const requests: [string, BackupRequest][] = [
    ['push', { ...push(since('monday'), whole('vdb')), checkpoint: { name: 'wednesday' } }],
    ['pull', { ...pull(since('monday'), since('tuesday', 'vdb')), checkpoint: { name: 'wednesday' } }],
  ];

  it.each(requests)('is taken back as a whole, whatever step the %s has come to', (_, request) => {
    const plan = planBeginBackup(three, request, { now });
    for (let count = 0; count <= plan.steps.length; count += 1) {
      // What is saved is the tree of before, or of after.
      for (const { checkpoints } of [three, plan.next]) {
        const started = startBackup(three, plan, [], count);
        const isBegun = plan.steps.slice(0, count).some(({ command }) => command.kind === 'transaction');
        if (isBegun === (checkpoints === plan.next.checkpoints)) expectTakenBack(started, checkpoints);
      }
    }
  });

  it.each(requests)(
    'is taken back as a whole after QEMU was killed or stopped, whatever step the %s has come to',
    (_, request) => {
      const plan = planBeginBackup(three, request, { now });
      for (let count = 0; count <= plan.steps.length; count += 1) {
        for (const end of ['crash', 'restart'] as const) {
          const started = startBackup(three, plan, [], count);
          started.qemu[end]();
          const isBegun = plan.steps.slice(0, count).some(({ command }) => command.kind === 'transaction');
          expectTakenBack(started, isBegun ? plan.next.checkpoints : three.checkpoints);
        }
      }
    },
  );

  describe('with fleecing', () => {
    const fleeced = (request: BackupRequest['disks'][number]) => pull({ ...request, fleecing: true });

    it('shows clients the disk through the filter of its job, and lets the scratch image stand on nothing', () => {
      const { plan } = beginBackup(layered, fleeced(since('a')));
      const commands = plan.steps.map(({ command }) => command);
      expect(commands.filter(({ kind }) => kind === 'node-add').slice(-2)).toMatchObject([
        { nodeName: ours, format: 'qcow2', backingNodeName: null },
        { nodeName: 'checkpoint-access-vda', format: 'snapshot-access', fileNodeName: 'checkpoint-filter-vda' },
      ]);
      const [begin] = commands.filter((command) => command.kind === 'transaction');
      expect(begin?.actions.at(-1)).toMatchObject({
        kind: 'backup-start',
        job: { sync: 'none', filterNodeName: 'checkpoint-filter-vda' },
      });
      expect(commands.at(-1)).toEqual({
        kind: 'export-add',
        exportId: ours,
        nodeName: 'checkpoint-access-vda',
        exportName: 'vda',
        bitmap: ours,
        bitmapNodeName: ours,
      });
    });

    it('is taken back, whatever step it stopped after', () => {
      const plan = planBeginBackup(layered, fleeced(since('a')), { now });
      for (let count = 0; count <= plan.steps.length; count += 1) {
        expectTakenBack(startBackup(layered, plan, [], count), plan.next.checkpoints);
      }
    });

    it('may let the snapshot break rather than the guest wait, which is its job to do', () => {
      const request = {
        ...fleeced(whole()),
        disks: [{ ...whole(), fleecing: true, onCbwError: 'break-snapshot', cbwTimeout: 30 }],
      } as const;
      const [begin] = planBeginBackup(domain(), request, { now }).steps.flatMap(({ command }) =>
        command.kind === 'transaction' ? command.actions : [],
      );
      expect(begin).toMatchObject({ job: { options: { 'on-cbw-error': 'break-snapshot', 'cbw-timeout': 30 } } });
    });
  });
});
