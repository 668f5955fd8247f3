import { beforeAll, describe, expect, it } from 'vitest';
import { evaluate, type PackedPackage, packedPackage } from '../support/packed-package.js';

let packed: PackedPackage;
beforeAll(async () => {
  packed = await packedPackage();
  return () => packed[Symbol.asyncDispose]();
});

const formats = ['module', 'commonjs'] as const;

/** What can be imported, sorted: whoever adds a name or takes one away says so here. */
const names = {
  'qemu-checkpoint': [
    'CheckpointError',
    'activeWriteBitmap',
    'ancestorsOf',
    'applyStep',
    'backupBases',
    'checkBeginBackup',
    'checkBitmapChain',
    'checkCommit',
    'checkCopy',
    'checkCreateCheckpoint',
    'checkDeleteCheckpoint',
    'checkPull',
    'checkRedefineCheckpoint',
    'checkRescueCheckpoint',
    'checkTakeSnapshot',
    'childrenOf',
    'chooseBackupBase',
    'contextOf',
    'descendantsOf',
    'findCheckpoint',
    'inTopologicalOrder',
    'isCheckpointError',
    'isPlanDone',
    'leavesOf',
    'nbdUri',
    'nonLeavesOf',
    'parentOf',
    'parseBackup',
    'parseBackupManifest',
    'parseCheckpoint',
    'parseCheckpointDefinition',
    'parseCheckpointTree',
    'parseDomain',
    'parsePendingChainChange',
    'parsePendingChange',
    'pendingChainChangeOf',
    'pendingChangeOf',
    'planBeginBackup',
    'planBitmapMerge',
    'planCommit',
    'planCopy',
    'planCreateCheckpoint',
    'planDeleteCheckpoint',
    'planEndBackup',
    'planPull',
    'planReconcile',
    'planRedefineCheckpoint',
    'planRescueCheckpoint',
    'planRestore',
    'planResumeJob',
    'planTakeSnapshot',
    'rootsOf',
    'verifyBackupChain',
  ],
  'qemu-checkpoint/qmp': [
    'BackupError',
    'GuestAgentError',
    'PlanError',
    'QmpClosedError',
    'QmpCommandError',
    'QmpConnectError',
    'QmpDivergedError',
    'QmpError',
    'QmpGreetingError',
    'QmpJobError',
    'QmpMalformedError',
    'StoreError',
    'ToolError',
    'checkpointStore',
    'connect',
    'finishPulls',
    'formatCommand',
    'formatTransaction',
    'guestAgent',
    'isBackupError',
    'isQmpError',
    'isStoreError',
    'isToolError',
    'makeBackup',
    'observeDomain',
    'parseBlockNodes',
    'qmpErrorCode',
    'queryJobs',
    'readExport',
    'readManifests',
    'reconcile',
    'recordSession',
    'recoverBackup',
    'replaySession',
    'resolveBackingChain',
    'restoreBackup',
    'runBackup',
    'runPlan',
    'scriptedSession',
    'verifyBackupFiles',
    'writeManifest',
  ],
} as const;

describe('the names of an entry point', () => {
  const rows = Object.entries(names).flatMap(([entry, expected]) =>
    formats.map((format) => ({ entry, format, expected })),
  );

  it.each(rows)('$entry, as $format', async ({ entry, format, expected }) => {
    const load = format === 'module' ? `await import('${entry}')` : `require('${entry}')`;
    const source = `console.log(JSON.stringify(Object.keys(${load}).sort()))`;
    expect(await evaluate(packed, format, source)).toEqual(expected);
  });
});

describe('errors of the two formats', () => {
  /** Has both formats in one process, each with the names of both entry points, and the errors that each throws. */
  const both = `
    import { createRequire } from 'node:module';
    const require = createRequire(import.meta.url);
    const esm = { ...(await import('qemu-checkpoint')), ...(await import('qemu-checkpoint/qmp')) };
    const cjs = { ...require('qemu-checkpoint'), ...require('qemu-checkpoint/qmp') };
    const caught = async (run) => { try { await run(); } catch (error) { return error; } };
    const throwing = {
      CheckpointError: ({ parseDomain }) => parseDomain(null),
      QmpError: ({ replaySession }) => replaySession('').execute('query-version'),
      StoreError: ({ checkpointStore }) => checkpointStore('there/is/none', { readOnly: true }),
    };`;

  it.each(['CheckpointError', 'QmpError', 'StoreError'])('is%s knows both, though the classes differ', async (name) => {
    const source = `${both}
      const [own, other] = [await caught(() => throwing.${name}(esm)), await caught(() => throwing.${name}(cjs))];
      console.log(JSON.stringify({
        classes: [own instanceof esm.${name}, other instanceof cjs.${name}, own instanceof cjs.${name}],
        guards: [esm, cjs].flatMap((each) => [each.is${name}(own), each.is${name}(other)]),
      }));`;
    expect(await evaluate(packed, 'module', source)).toEqual({
      classes: [true, true, false],
      guards: [true, true, true, true],
    });
  });

  it('are told from each other, in both formats', async () => {
    const source = `${both}
      const known = [];
      for (const thrower of [esm, cjs]) for (const run of Object.values(throwing)) {
        const error = await caught(() => run(thrower));
        known.push([esm, cjs].map((each) => Object.keys(throwing).filter((name) => each['is' + name](error)).join()).join());
      }
      console.log(JSON.stringify(known));`;
    const each = ['CheckpointError', 'QmpError', 'StoreError'].map((name) => `${name},${name}`);
    expect(await evaluate(packed, 'module', source)).toEqual([...each, ...each]);
  });

  it('are of one class for all entry points of a format', async () => {
    const source = `${both}
      const errors = await Promise.all([esm, cjs].map((each) => caught(() => each.parseBlockNodes(null))));
      console.log(JSON.stringify([errors[0] instanceof esm.CheckpointError, errors[1] instanceof cjs.CheckpointError]));`;
    expect(await evaluate(packed, 'module', source)).toEqual([true, true]);
  });
});
