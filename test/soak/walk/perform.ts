import {
  type Domain,
  isCheckpointError,
  type Plan,
  planCommit,
  planCopy,
  planCreateCheckpoint,
  planDeleteCheckpoint,
  planPull,
  planTakeSnapshot,
} from '../../../src/index.js';
import { isQmpError, type PlanError, runPlan } from '../../../src/live.js';
import { imageOf } from '../../support/qemu/disks.js';
import { discarded, type ModelDisk, wrote } from './model.js';
import { note, noteCutOff } from './note.js';
import {
  type CheckpointOperation,
  chooseWrite,
  type GuestOperation,
  type LayerOperation,
  type NewLayer,
  type Operation,
  type Random,
} from './operations.js';
import { refusalOf } from './refusal.js';
import { observeWalk, prepare, putAway, restart, type WalkWorld } from './world.js';

/** What became of an operation: `cut-off`, it was aborted on the way and all was put back. */
export type Outcome = 'done' | 'refused' | 'cut-off';

/** How a plan is run. */
export interface Manner {
  /** The guests write all the while. */
  readonly busy?: Random;
  /** Place of the step before which it is aborted. */
  readonly cutAt?: number;
}

/**
 * Does an operation, and notes in the model what it is to do.
 *
 * @returns What became of it, and where a plan was run the domain that this said it leads to.
 * @throws Whatever went wrong, a refusal too that the model does not know of.
 */
export async function perform(
  world: WalkWorld,
  operation: Operation,
  manner: Manner,
): Promise<{ readonly outcome: Outcome; readonly next?: Domain }> {
  switch (operation.kind) {
    case 'write':
    case 'zero':
    case 'discard':
      await use(world, operation);
      return { outcome: 'done' };
    case 'restart':
      await restart(world);
      return { outcome: 'done' };
    default:
      return await change(world, operation, manner);
  }
}

async function use({ guests, model }: WalkWorld, operation: GuestOperation): Promise<void> {
  const guest = guests.get(operation.diskTarget);
  const disk = model.disks.find(({ diskTarget }) => diskTarget === operation.diskTarget);
  if (guest === undefined || disk === undefined) return;
  switch (operation.kind) {
    case 'write':
      for (const pattern of operation.patterns) wrote(disk, pattern);
      return await guest.write(...operation.patterns);
    case 'zero':
      wrote(disk, { ...operation.range, byte: 0 });
      return await guest.zero(operation.range, operation);
    case 'discard':
      discarded(disk, operation.range);
      return await guest.discard(operation.range);
  }
}

async function change(world: WalkWorld, operation: CheckpointOperation | LayerOperation, manner: Manner) {
  const refusal = refusalOf(world.model, operation);
  const prepared = refusal === undefined ? await prepareFor(world, operation) : [];
  const domain = await observeWalk(world);
  let plan: Plan;
  try {
    plan = planOf(domain, world.folder, operation);
  } catch (error) {
    if (isCheckpointError(error) && error.problems.some(({ code }) => code === refusal)) {
      return { outcome: 'refused' } as const;
    }
    throw error;
  }
  if (refusal !== undefined) throw new Error(`it was not refused with ${refusal}`);
  if (plan.warnings !== undefined) throw new Error(`a warning: ${plan.warnings.map(({ text }) => text).join('; ')}`);
  const next = await runWith(world, plan, manner);
  if (next === undefined) {
    for (const layer of prepared) await putAway(world, layer);
    noteCutOff(world.model, operation, world.daemon.qemu.version);
    return { outcome: 'cut-off' } as const;
  }
  world.saved = next.checkpoints;
  note(world.model, operation);
  return { outcome: 'done', next } as const;
}

function planOf(domain: Domain, folder: string, operation: CheckpointOperation | LayerOperation): Plan {
  const now = 1_700_000_000 + domain.checkpoints.checkpoints.length;
  const image = ({ nodeName, prepared }: NewLayer) => {
    const node = prepared ? domain.otherNodes?.find((other) => other.nodeName === nodeName) : undefined;
    return node ?? { nodeName, filename: imageOf(folder, nodeName) };
  };
  switch (operation.kind) {
    case 'create': {
      const { name, diskTargets } = operation;
      const disks = domain.disks.map(({ diskTarget }) => {
        const checkpoint = diskTargets.includes(diskTarget) ? 'bitmap' : 'no';
        return { disk: diskTarget, checkpoint } as const;
      });
      return planCreateCheckpoint(domain, { name, disks }, { now });
    }
    case 'delete':
      return planDeleteCheckpoint(domain, operation.name, { children: operation.children });
    case 'snapshot': {
      const { overlays, checkpoint: name } = operation;
      const disks = overlays.map((each) => ({ diskTarget: each.diskTarget, overlay: image(each) }));
      return planTakeSnapshot(domain, { disks, ...(name !== undefined && { checkpoint: { name } }) }, { now });
    }
    case 'commit':
      return planCommit(domain, operation);
    case 'copy':
      return planCopy(domain, { ...operation, mirror: image(operation) });
    case 'pull':
      return planPull(domain, operation);
  }
}

/** `undefined` where it was cut off and put back. */
async function runWith(world: WalkWorld, plan: Plan, { busy, cutAt }: Manner): Promise<Domain | undefined> {
  const cut = new AbortController();
  const guests = busy === undefined ? undefined : startGuests(world, busy);
  try {
    return await runPlan(world.session, plan, {
      signal: cut.signal,
      onStep({ state, index }) {
        if (state === 'started' && index === cutAt) cut.abort();
      },
    });
  } catch (error) {
    const wasPutBack = isQmpError(error) && error.kind === 'plan' && (error as PlanError).outcome === 'undone';
    if (!cut.signal.aborted || !wasPutBack) throw error;
    return undefined;
  } finally {
    await guests?.rest();
  }
}

function startGuests(world: WalkWorld, random: Random) {
  let stop = false;
  const running = world.model.disks.map(async ({ diskTarget }) => {
    while (!stop) await use(world, chooseWrite(diskTarget, random));
  });
  return {
    async rest() {
      stop = true;
      await Promise.all(running);
    },
  };
}

/** Adds the nodes that the plan is to find. */
async function prepareFor(world: WalkWorld, operation: Operation): Promise<readonly NewLayer[]> {
  const added: NewLayer[] = [];
  const add = async (layer: NewLayer, below: (layers: readonly string[]) => string | undefined, opened: boolean) => {
    const disk = world.model.disks.find(({ diskTarget }) => diskTarget === layer.diskTarget) as ModelDisk;
    const backing = below(disk.layers);
    if (!layer.prepared) return;
    await prepare(world, layer, { opened, ...(backing !== undefined && { backing }) });
    added.push(layer);
  };
  if (operation.kind === 'snapshot') {
    for (const overlay of operation.overlays) await add(overlay, ([active]) => active, false);
  }
  if (operation.kind === 'copy') await add(operation, (layers) => (operation.shallow ? layers[1] : undefined), true);
  return added;
}
