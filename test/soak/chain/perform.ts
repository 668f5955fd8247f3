import { rm } from 'node:fs/promises';
import { isBackupError } from '../../../src/backup/error.js';
import { copyPath } from '../../../src/backup/file-names.js';
import type { BackupReport } from '../../../src/backup/make-backup.js';
import { backupIdOf } from '../../../src/core/check/backup-names.js';
import { isCheckpointError, planCreateCheckpoint, planDeleteCheckpoint } from '../../../src/index.js';
import { isQmpError, isStoreError } from '../../../src/live.js';
import type { NightlyMachine } from '../../support/qemu/nightly-machine.js';
import {
  backedUp,
  began,
  type ChainDisk,
  type ChainModel,
  committed,
  crashed,
  deleted,
  type Expected,
  expectedBases,
  snapshotTaken,
} from './model.js';
import type { ChainBackup, ChainOperation } from './operations.js';

export interface ChainWorld {
  readonly machine: NightlyMachine;
  readonly model: ChainModel;
}

/**
 * Does what happens between backups, or during one, and notes it in the model.
 *
 * @returns What became of it: `done`, or the codes it was refused with.
 */
export async function perform(world: ChainWorld, operation: ChainOperation): Promise<string> {
  const outcome = await attempt(world, operation);
  if (outcome === 'done') note(world.model, operation);
  return outcome;
}

async function attempt({ machine, model }: ChainWorld, operation: ChainOperation): Promise<string> {
  try {
    await act(machine, model, operation);
  } catch (error) {
    const codes = refusalCodes(error);
    if (codes === undefined) throw error;
    return codes;
  }
  return 'done';
}

async function act(machine: NightlyMachine, model: ChainModel, operation: ChainOperation): Promise<void> {
  switch (operation.kind) {
    case 'change':
      return await machine.change(operation.diskTarget, operation.times);
    case 'snapshot':
      return await machine.snapshot(operation.diskTarget, operation.checkpoint);
    case 'commit':
      return await machine.commit(operation.diskTarget, operation.layers);
    case 'grow': {
      const disk = diskOf(model, operation.diskTarget);
      return await machine.grow(operation.diskTarget, (disk.layers[0]?.granules ?? 0) + operation.by);
    }
    case 'delete':
      await machine.run((domain) => planDeleteCheckpoint(domain, operation.checkpoint));
      return;
    case 'create':
      await machine.run((domain) => {
        // Of the same second as the one before.
        const now = Math.max(1_700_000_000, ...domain.checkpoints.checkpoints.map((each) => each.creationTimeSeconds));
        return planCreateCheckpoint(domain, { name: operation.checkpoint }, { now });
      });
      return;
    case 'lose-file':
      return await rm(copyPath(machine.directory, operation.diskTarget, operation.point), { force: true });
    case 'restart':
      return await machine.restart('quit');
    case 'crash':
      return await machine.restart('SIGKILL');
  }
}

function note(model: ChainModel, operation: ChainOperation): void {
  switch (operation.kind) {
    case 'snapshot':
      snapshotTaken(diskOf(model, operation.diskTarget));
      if (operation.checkpoint !== undefined) began(model, operation.checkpoint, targetsOf(model));
      return;
    case 'commit':
      committed(diskOf(model, operation.diskTarget), operation.layers);
      return;
    case 'grow': {
      const [active] = diskOf(model, operation.diskTarget).layers;
      if (active !== undefined) active.granules += operation.by;
      return;
    }
    case 'delete':
      deleted(model, operation.checkpoint);
      return;
    case 'create':
      began(model, operation.checkpoint, targetsOf(model));
      return;
    case 'lose-file':
      model.points.find(({ name }) => name === operation.point)?.lost.add(operation.diskTarget);
      return;
    case 'crash':
      crashed(model);
      return;
    case 'change':
    case 'restart':
      return;
  }
}

/**
 * Makes a backup and compares what it was based on with what the model says is right.
 *
 * @returns What became of it, and of what happened meanwhile.
 */
export async function performBackup(world: ChainWorld, backup: ChainBackup): Promise<readonly string[]> {
  const { machine, model } = world;
  const { name, how, disks, keepOthers, meanwhile } = backup;
  const expected = expectedBases(model, how, disks);
  const during = meanwhileOf(world, backup);
  const label = `${backup.mode} ${how}`;
  const outcomes: string[] = [];
  let made: BackupReport | undefined;
  try {
    made = await machine.backUp(
      { name, kind: how, mode: backup.mode, disks },
      { busy: backup.busy, ...during.options, ...(keepOthers && { onDiskFailure: 'keep-others' }) },
    );
  } catch (error) {
    outcomes.push(`${label}: ${becauseOf(error, expected, backup, during.happened())}`);
  }
  if (made !== undefined) {
    expectBases(made, expected, backup);
    const complete = new Map(made.manifest.disks.map(({ diskTarget, base }) => [diskTarget, base?.name]));
    if (complete.size < disks.length && meanwhile?.kind !== 'end-job')
      throw new Error('a disk is missing for no reason');
    backedUp(model, name, { bases: complete, repairs: how === 'auto' });
    outcomes.push(`${label}: done${complete.size < disks.length ? ', but for a disk' : ''}`);
    outcomes.push(...made.warnings.map(({ code }) => `warning ${code}`));
    outcomes.push(...made.rescued.map(() => 'a checkpoint was rescued'));
    outcomes.push(...[...complete.values()].map((base) => `a disk ${base === undefined ? 'in full' : 'incremental'}`));
  }
  const ended = await during.end();
  if (ended !== undefined) outcomes.push(ended);
  return outcomes;
}

/** How to make it happen after the backup's instant, and how it ended. */
function meanwhileOf(world: ChainWorld, { meanwhile, mode }: ChainBackup) {
  const { machine } = world;
  const abort = new AbortController();
  let hasBegun = false;
  let work: Promise<string | undefined> | undefined;
  const start = (): Promise<string | undefined> => {
    work ??= run();
    work.catch(() => undefined);
    return work;
  };
  async function run(): Promise<string | undefined> {
    switch (meanwhile?.kind) {
      case 'abort':
        abort.abort();
        return undefined;
      case 'crash':
        await machine.kill();
        return undefined;
      case 'end-job':
        // It may have ended by itself already.
        await machine.daemon.monitor
          .execute('block-job-cancel', { device: backupIdOf(meanwhile.diskTarget), force: true })
          .catch(() => undefined);
        return undefined;
      case 'operation':
        return await attempt(world, meanwhile.operation);
      case undefined:
        return undefined;
    }
  }
  const atOnce = meanwhile?.kind === 'crash' || meanwhile?.kind === 'end-job';
  return {
    options: {
      signal: abort.signal,
      async afterTransaction() {
        hasBegun = true;
        if (atOnce) await start();
      },
      onProgress() {
        if (mode === 'push' && hasBegun) void start();
      },
      async beforeRead() {
        await start();
      },
    },
    happened: () => work !== undefined,
    async end(): Promise<string | undefined> {
      const outcome = await work;
      if (meanwhile?.kind === 'operation' && outcome !== undefined) {
        // In the model it comes after the backup's checkpoint, as it does in QEMU.
        if (outcome === 'done') note(world.model, meanwhile.operation);
        return `meanwhile ${meanwhile.operation.kind}: ${outcome}`;
      }
      if (meanwhile?.kind === 'crash' && work !== undefined) {
        await machine.restart('SIGKILL');
        crashed(world.model);
      }
      return undefined;
    },
  };
}

function expectBases({ bases }: BackupReport, expected: Expected, { disks }: ChainBackup): void {
  if (expected === 'refused') throw new Error('an incremental backup was made that no base is good for');
  for (const diskTarget of disks) {
    const since = bases.find((each) => each.diskTarget === diskTarget)?.since;
    const wanted = expected.get(diskTarget);
    if (since !== wanted) {
      throw new Error(`disk ${diskTarget} is based on ${since ?? 'nothing'} and not on ${wanted ?? 'nothing'}`);
    }
  }
}

/** Why it was not made, where that is as it should be. */
function becauseOf(error: unknown, expected: Expected, { meanwhile }: ChainBackup, happened: boolean): string {
  const codes = refusalCodes(error);
  if (expected === 'refused') {
    if (codes !== undefined) return codes;
    throw error;
  }
  if (happened && meanwhile?.kind === 'abort' && error instanceof DOMException) return 'aborted';
  if (happened && meanwhile?.kind === 'end-job' && isBackupError(error)) return 'a job was ended';
  if (happened && meanwhile?.kind === 'crash') return 'QEMU was killed';
  if (happened && meanwhile?.kind === 'operation' && isOvertaken(error)) return 'overtaken';
  throw error;
}

/** Two changes at once: the store lets one of them through. */
function isOvertaken(error: unknown): boolean {
  return isStoreError(error) && (error.kind === 'stale' || error.kind === 'busy');
}

/** `undefined` where it is no refusal. */
function refusalCodes(error: unknown): string | undefined {
  if (isCheckpointError(error)) {
    return `refused with ${[...new Set(error.problems.map(({ code }) => code))].sort().join(', ')}`;
  }
  if (isOvertaken(error)) return 'overtaken';
  if (isQmpError(error) && (error.kind === 'command' || error.kind === 'plan'))
    return `QEMU refused: ${wordsOf(error)}`;
  return undefined;
}

function wordsOf({ message }: Error): string {
  return message.replaceAll(/"[^"]*"|'[^']*'|\d+/g, '…').slice(0, 160);
}

function targetsOf({ disks }: ChainModel): readonly string[] {
  return disks.map(({ diskTarget }) => diskTarget);
}

function diskOf({ disks }: ChainModel, diskTarget: string): ChainDisk {
  const disk = disks.find((each) => each.diskTarget === diskTarget);
  if (disk === undefined) throw new Error(`there is no disk ${diskTarget}`);
  return disk;
}
