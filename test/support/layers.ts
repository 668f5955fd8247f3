import type { BackupJob, Bitmap, BlockNode, CheckpointTree, Command, Domain, Plan } from '../../src/index.js';
import { bitmap, chain, checkpoint, disk, freshDomain, tree } from './builders.js';

const dirty = (name: string, granules: number) => bitmap(name, { dirtyBytes: granules * 65536 });

/** Three layers: `a` was made on the base, `b` on the one in the middle, `c` on the active one. */
export const layers: readonly BlockNode[] = chain('vda', [
  [dirty('c', 1), dirty('b', 2), dirty('a', 3)],
  [dirty('b', 4), dirty('a', 5)],
  [dirty('a', 6)],
]);

export const imageOf = (nodeName: string) => `/images/${nodeName}.qcow2`;

/** Checkpoints `a`, `b`, `c` of disk vda by the nodes they were made on; without one it is not known. */
export function madeOn(...nodeNames: readonly (string | undefined)[]): CheckpointTree {
  return tree(
    nodeNames.map((nodeName, place) => {
      const name = 'abc'[place] as string;
      const origin = nodeName === undefined ? {} : { madeOn: imageOf(nodeName) };
      return checkpoint(name, { disks: [{ diskTarget: 'vda', bitmap: name, ...origin }] });
    }),
  );
}

/** A disk of three layers and three checkpoints, each made on another. */
export const layered: Domain = {
  ...freshDomain(disk('vda', layers)),
  checkpoints: madeOn('vda-2', 'vda-1', 'vda-active'),
};

/** The same, but where its checkpoints were made is not known. */
export const layeredSomewhere: Domain = { ...layered, checkpoints: madeOn(undefined, undefined, undefined) };

/** The domain with one of its layers changed. */
export function withLayer(domain: Domain, place: number, change: Partial<BlockNode>): Domain {
  const disks = domain.disks.map((each) => ({
    ...each,
    backingChain: each.backingChain.map((layer, at) => (at === place ? { ...layer, ...change } : layer)),
  }));
  return { ...domain, disks };
}

/** The domain with a bitmap of one layer changed, or lost. */
export function withBitmap(domain: Domain, place: number, name: string, change: Partial<Bitmap> | undefined): Domain {
  const bitmaps = domain.disks[0]?.backingChain[place]?.bitmaps ?? [];
  const changed = bitmaps.flatMap((each) => {
    if (each.name !== name) return [each];
    return change === undefined ? [] : [{ ...each, ...change }];
  });
  return withLayer(domain, place, { bitmaps: changed });
}

export const inconsistent = { inconsistent: true, recording: false, dirtyBytes: 0 } as const;

/** What a plan does, in short: one entry a step, a transaction as the list of what it does. */
export function spell({ steps }: Plan): readonly (string | readonly string[])[] {
  return steps.map(({ command }) => spellCommand(command));
}

function spellCommand(command: Command): string | readonly string[] {
  switch (command.kind) {
    case 'transaction':
      return command.actions.map((action) => {
        if (action.kind === 'bitmap-merge') {
          const sources = action.sources.map(({ nodeName }) => nodeName).join(' ');
          return `merge ${action.intoBitmap} on ${action.nodeName} from ${sources}`;
        }
        if (action.kind === 'snapshot-take') return `put ${action.overlayNodeName} on ${action.nodeName}`;
        if (action.kind === 'backup-start') return spellBackup(action.job);
        const as = action.kind === 'bitmap-add' ? asText(action) : '';
        return `${action.kind.slice('bitmap-'.length)} ${action.bitmap} on ${action.nodeName}${as}`;
      });
    case 'node-reopen':
      return `${command.readOnly ? 'close' : 'open'} ${command.nodeName} for writing`;
    case 'node-add':
      return `add ${command.nodeName}`;
    case 'node-remove':
      return `remove ${command.nodeName}`;
    case 'bitmaps-expect':
      return `expect ${command.bitmaps.join(' ')} on ${command.nodeName}`;
    case 'job-wait':
      return `wait until ${command.until}`;
    case 'job-start':
      return `start ${command.job.jobId}`;
    case 'backup-cancel':
      return `cancel ${command.jobs.map(({ jobId }) => jobId).join(' ')}`;
    case 'nbd-server-start':
      return `serve at ${command.server.type === 'unix' ? command.server.path : command.server.host}`;
    case 'nbd-server-stop':
      return 'serve no more';
    case 'export-add':
      return `export ${command.nodeName}${command.bitmap === undefined ? '' : ` with ${command.bitmap}`} as ${command.exportName}`;
    case 'export-remove':
      return `unexport ${command.exportId}`;
    default:
      return command.kind.slice('job-'.length);
  }
}

function spellBackup({ nodeName, targetNodeName, sync, bitmap }: BackupJob): string {
  return `back up ${nodeName} to ${targetNodeName}, ${sync}${bitmap === undefined ? '' : ` by ${bitmap}`}`;
}

function asText(action: { readonly persistent: boolean; readonly recording: boolean; readonly granularity?: number }) {
  const { persistent, recording, granularity } = action;
  return `${persistent ? '' : ' transient'}${recording ? '' : ' stopped'}${granularity === undefined ? '' : ` by ${granularity}`}`;
}

/** Where the checkpoints of disk vda were made, by their names. */
export function origins({ checkpoints }: Domain): readonly string[] {
  return checkpoints.checkpoints.map(({ name, disks }) => {
    const { bitmap: of, madeOn: on = 'somewhere' } = disks.find(({ diskTarget }) => diskTarget === 'vda') ?? {};
    return of === undefined ? `${name} not at all` : `${name} on ${on.replace('/images/', '').replace('.qcow2', '')}`;
  });
}
