import type { ChainModel } from './model.js';

/** What happens to the machine between two backups, or while one is made. */
export type ChainOperation =
  | { readonly kind: 'change'; readonly diskTarget: string; readonly times: number }
  | { readonly kind: 'snapshot'; readonly diskTarget: string; readonly checkpoint?: string }
  | { readonly kind: 'commit'; readonly diskTarget: string; readonly layers: number }
  | { readonly kind: 'grow'; readonly diskTarget: string; readonly by: number }
  | { readonly kind: 'delete'; readonly checkpoint: string }
  | { readonly kind: 'create'; readonly checkpoint: string }
  | { readonly kind: 'lose-file'; readonly point: string; readonly diskTarget: string }
  | { readonly kind: 'restart' }
  | { readonly kind: 'crash' };

/** A backup, and what happens after its instant. */
export interface ChainBackup {
  readonly kind: 'backup';
  readonly name: string;
  readonly how: 'auto' | 'inc' | 'full';
  readonly mode: 'push' | 'pull';
  readonly disks: readonly string[];
  readonly busy: boolean;
  readonly keepOthers: boolean;
  readonly meanwhile?: Meanwhile;
}

export type Meanwhile =
  | { readonly kind: 'abort' | 'crash' }
  | { readonly kind: 'end-job'; readonly diskTarget: string }
  | { readonly kind: 'operation'; readonly operation: ChainOperation };

export type Random = () => number;

export function chooseBackup(model: ChainModel, random: Random, name: string): ChainBackup {
  const all = model.disks.map(({ diskTarget }) => diskTarget);
  const how = pick(['auto', 'auto', 'auto', 'auto', 'inc', 'full'] as const, random);
  const able = model.disks.filter(({ isRaw }) => how !== 'inc' || !isRaw).map(({ diskTarget }) => diskTarget);
  const disks = random() < 0.8 || able.length < 2 ? able : [pick(able, random)];
  const mode = pick(['push', 'pull'] as const, random);
  const meanwhile = random() < 0.4 ? chooseMeanwhile(model, random, { name, mode }) : undefined;
  // A guest is taken away while its disk grows.
  const rests = meanwhile?.kind === 'operation' && meanwhile.operation.kind === 'grow';
  const flags = { busy: random() < 0.5 && !rests, keepOthers: random() < 0.3 };
  return {
    kind: 'backup',
    name,
    how,
    mode,
    disks: disks.length === 0 ? all : disks,
    ...flags,
    ...(meanwhile && { meanwhile }),
  };
}

function chooseMeanwhile(
  model: ChainModel,
  random: Random,
  { name, mode }: Pick<ChainBackup, 'name' | 'mode'>,
): Meanwhile {
  const kind = pick(['abort', 'crash', 'end-job', 'operation', 'operation'] as const, random);
  if (kind === 'end-job') return { kind, diskTarget: pick(model.disks, random).diskTarget };
  if (kind !== 'operation') return { kind };
  // In a pull the scratch image stands on the disk, so that QEMU would not take the guest back which is away while it grows.
  const isPossible = { snapshot: true, commit: true, grow: mode === 'push', delete: model.checkpoints.length > 0 };
  const layered = (['snapshot', 'commit', 'grow', 'delete'] as const).filter((each) => isPossible[each]);
  return { kind, operation: operationOf(pick(layered, random), model, random, `${name}-meanwhile`) };
}

const weights = [
  ...Array<'change'>(8).fill('change'),
  ...Array<'snapshot'>(3).fill('snapshot'),
  ...Array<'crash'>(2).fill('crash'),
  ...(['commit', 'commit', 'grow', 'delete', 'create', 'lose-file', 'restart'] as const),
];

export function chooseOperation(model: ChainModel, random: Random, name: string): ChainOperation {
  const kind = pick(weights, random);
  if (kind === 'delete' && model.checkpoints.length === 0) return { kind: 'restart' };
  if (kind === 'lose-file' && (model.points.length === 0 || random() < 0.5)) return { kind: 'restart' };
  return operationOf(kind, model, random, name);
}

function operationOf(
  kind: ChainOperation['kind'],
  model: ChainModel,
  random: Random,
  checkpoint: string,
): ChainOperation {
  const layered = model.disks.filter(({ isRaw }) => !isRaw);
  const disk = pick(kind === 'change' ? model.disks : layered, random);
  const { diskTarget } = disk;
  switch (kind) {
    case 'change':
      return { kind, diskTarget, times: 1 + Math.floor(random() * 6) };
    case 'snapshot':
      return { kind, diskTarget, ...(random() < 0.5 && { checkpoint }) };
    case 'commit':
      return { kind, diskTarget, layers: 1 + Math.floor(random() * Math.max(1, disk.layers.length - 1)) };
    case 'grow':
      return { kind, diskTarget, by: 8 * (1 + Math.floor(random() * 4)) };
    case 'delete':
      return { kind, checkpoint: pick(model.checkpoints, random) };
    case 'create':
      return { kind, checkpoint };
    case 'lose-file': {
      const { name: point, bases } = pick(model.points, random);
      return { kind, point, diskTarget: pick([...bases.keys()], random) };
    }
    case 'restart':
    case 'crash':
      return { kind };
  }
}

/** `undefined` only where there is nothing to pick from. */
export function pick<T>(from: readonly T[], random: Random): T {
  return from[Math.floor(random() * from.length)] as T;
}
