import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { type PackedPackage, packedPackage, runNode } from '../support/packed-package.js';

let packed: PackedPackage;
beforeAll(async () => {
  packed = await packedPackage('typescript', '@types/node');
  return () => packed[Symbol.asyncDispose]();
});

const consumer = `
import { type Domain, isCheckpointError, parseDomain, planCreateCheckpoint } from 'qemu-checkpoint';
import { formatCommand, isStoreError, type QmpSession, runPlan, scriptedSession } from 'qemu-checkpoint/qmp';

const node = { nodeName: 'vda', format: 'qcow2', virtualSize: 1048576, readOnly: false, bitmaps: [] };
const disks = [{ diskTarget: 'vda', readOnly: false, backingChain: [node] }];
const domain: Domain = parseDomain({ name: 'web', disks, checkpoints: { checkpoints: [] } });
const plan = planCreateCheckpoint(domain, { name: 'monday' }, { now: 1700000000 });
const session: QmpSession = scriptedSession(() => ({}));
const codes = (error: unknown) => (isCheckpointError(error) ? error.problems.map(({ code }) => code) : isStoreError(error));
const sent = plan.steps.map(({ command }) => formatCommand(command).execute);
void runPlan(session, plan).then(({ checkpoints }) => console.log([checkpoints.current, ...sent, codes(undefined)].join()));

export function refusedByTheCompiler(): void {
  // @ts-expect-error What is planned cannot be changed.
  plan.next = domain;
  // @ts-expect-error Seconds are a number.
  planCreateCheckpoint(domain, { name: 'monday' }, { now: '1700000000' });
}
`;

const compilerOptions = {
  target: 'ES2022',
  module: 'NodeNext',
  types: ['node'],
  strict: true,
  exactOptionalPropertyTypes: true,
  skipLibCheck: false,
  outDir: 'out',
};

/** The compiler's report is on standard output. */
const compile = () =>
  runNode(packed, 'node_modules/typescript/lib/tsc.js', '--project', '.').catch(
    ({ stdout }: { stdout: string }) => stdout,
  );

describe('a program that uses the types', () => {
  it('compiles with every library checked, and runs, as a module and in CommonJS', async () => {
    await writeFile(join(packed.project, 'tsconfig.json'), JSON.stringify({ compilerOptions }));
    await writeFile(join(packed.project, 'consumer.mts'), consumer);
    await writeFile(join(packed.project, 'consumer.cts'), consumer);
    expect(await compile()).toBe('');
    expect(await runNode(packed, 'out/consumer.mjs')).toBe('monday,transaction,false\n');
    expect(await runNode(packed, 'out/consumer.cjs')).toBe('monday,transaction,false\n');
  }, 180_000);
});
