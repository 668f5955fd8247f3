import { type BackupManifest, type Disk, type Domain, planCreateCheckpoint } from '../../src/index.js';
import { type CheckpointStore, type ScriptedSession, scriptedSession } from '../../src/live.js';
import { openStore } from '../../src/store/open-store.js';
import * as build from './builders.js';
import { memoryFiles } from './store-memory-files.js';

/** What the examples in docstrings speak of. */
export interface ExampleWorld {
  /** Disk vda on node `vda-active`, with the bitmaps of two checkpoints: monday, and then tuesday, which is current. */
  readonly domain: Domain;
  readonly vda: Disk;
  /** What QEMU says of its nodes. */
  readonly reply: unknown;
  /** Answered by a QEMU that has these nodes, and does all that it is told. */
  readonly session: ScriptedSession;
  /** Keeps the checkpoints of the domain; a create of wednesday was noted, and its process died before it was sent. */
  readonly store: CheckpointStore;
  /** Backups of the disk, in full and since the first. */
  readonly monday: BackupManifest;
  readonly tuesday: BackupManifest;
}

export async function exampleWorld(): Promise<ExampleWorld> {
  const domain = build.domain();
  const [vda] = domain.disks;
  const store = await openStore('/var/lib/backup/web', {}, memoryFiles());
  await store.save(domain.checkpoints);
  const plan = planCreateCheckpoint(domain, { name: 'wednesday' }, { now: build.now });
  await store.run(domain, plan, () => Promise.reject(new Error('the process dies'))).catch(() => undefined);
  return { domain, vda: vda as Disk, reply, session: scriptedSession(answer), store, monday, tuesday };
}

function manifest(name: string, creationTimeSeconds: number, base?: BackupManifest): BackupManifest {
  const made = { diskTarget: 'vda', file: `${name}-vda.qcow2`, format: 'qcow2', inCheckpoint: true } as const;
  const disk = { ...made, virtualSize: build.GiB, bytes: 65536, ...(base?.checkpoint && { base: base.checkpoint }) };
  const checkpoint = { name, creationTimeSeconds };
  const about = { domain: 'web', timeSeconds: creationTimeSeconds, mode: 'push', qemuVersion: '10.0.2' } as const;
  return { version: 1, name, ...about, checkpoint, disks: [disk] };
}

const monday = manifest('monday', build.now);
const tuesday = manifest('tuesday', build.now + 86400, monday);

const bitmap = { recording: true, persistent: true, busy: false, granularity: 65536, count: 0 };
const reply = [
  {
    'node-name': 'vda-active',
    drv: 'qcow2',
    ro: false,
    file: '/images/vda-active.qcow2',
    image: { filename: '/images/vda-active.qcow2', 'virtual-size': build.GiB, 'cluster-size': 65536 },
    'dirty-bitmaps': [
      { name: 'tuesday', ...bitmap },
      { name: 'monday', ...bitmap },
    ],
  },
];

function answer(command: string): unknown {
  if (command === 'query-named-block-nodes') return reply;
  return command === 'query-block' || command === 'query-jobs' ? [] : {};
}
