import { execFile } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { promisify } from 'node:util';
import { checkRescueCheckpoint, planRescueCheckpoint } from '../../src/index.js';
import { checkpointStore, connect, runPlan } from '../../src/live.js';
import { nodesIn } from '../support/live/nodes-in.js';
import { runLine } from '../support/live/run-command-line.js';
import { attachChain, imageOf } from '../support/qemu/disks.js';
import type { Qemu } from '../support/qemu/find-qemu.js';
import { attachGuest } from '../support/qemu/guest-disk.js';
import { type RunningQemu, startStorageDaemon } from '../support/qemu/start-qemu.js';
import { activeOf, judge, type LayersWorld, observeLayers, writeSome } from './layers-world.js';

const run = promisify(execFile);

/** The two ends that a change of layers can come to: node-names from the active layer down. */
export interface Ends {
  readonly before: readonly string[];
  readonly after: readonly string[];
}

/** What was found and done after a kill. */
export interface LayersRecovery {
  /** What it came to, in a word or two. */
  readonly ending: string;
  /** What is wrong then, one text each. */
  readonly faults: readonly string[];
}

/**
 * Does what the next manager does, and looks whether all is well then:
 *
 * 1. reconciling succeeds, and a second time there is nothing left to do;
 * 2. the guest was not held up for ever, and can go on;
 * 3. no job is left, and no node but the layers of one of the two ends, of which only the active one is open for writing;
 * 4. the folder of the store holds the checkpoints and nothing else;
 * 5. every checkpoint can be used, and restores the right bytes.
 */
export async function recoverLayers(world: LayersWorld, ends: Ends): Promise<LayersRecovery> {
  const { daemon, guest, disk } = world;
  const faults: string[] = [];
  // 1
  world.doing = 'reconciling';
  const verdict = await reconcile(world, daemon, faults);
  // 2
  world.doing = 'the guest comes to rest';
  await guest.rest();
  world.doing = 'the guest goes on';
  await writeSome(guest, 2);
  const end = await expectSettled(world, daemon, [ends.before, ends.after], faults);
  // 5
  world.doing = 'judging';
  const { usable, unusable } = await judge(world, daemon, disk);
  for (const [name, codes] of unusable) faults.push(`checkpoint ${name} cannot be used: ${codes.join(', ')}`);
  faults.push(...wrongOnes(usable));
  const exceeding = [...usable.values()].some(({ excess }) => excess > 0) ? ', with some excess' : '';
  return { ending: `${verdict}, ${end === 0 ? 'as before' : 'as planned'}${exceeding}`, faults };
}

/**
 * Starts QEMU again on the images that the guest had last, and does what the next manager does; then
 *
 * 1. the images open, reconciling succeeds, and all of 3 and 4 of {@link recoverLayers} holds;
 * 2. each checkpoint restores the right bytes, or is said to be unusable and why;
 * 3. one that is not usable is rescued or that is refused; those that are rescued restore the right bytes.
 *
 * QEMU 7.2 and 10.0 do not flush what a pull has copied before the image names its new backing image: killed before the guest
 * flushes, they lose it. Such a disk is opened with the layers that it had before, which still hold all, and nothing is rescued.
 *
 * @param hasMoved - The layers had changed when QEMU was killed.
 */
export async function recoverFromCrash(
  world: LayersWorld,
  ends: Ends,
  { hasMoved, isPull }: { readonly hasMoved: boolean; readonly isPull: boolean },
): Promise<LayersRecovery> {
  const { daemon: dead, folder, guest } = world;
  const { qemu } = dead;
  const faults: string[] = [];
  await guest.rest().catch(() => undefined);
  // A guest that writes all the time has written to an overlay from its first moment on.
  const moved = hasMoved || (ends.after.length > ends.before.length && (await hasData(qemu, folder, ends)));
  const isLost = moved && isPull && !(await areAlike(qemu, folder, ends));
  const layers = moved && !isLost ? ends.after : ends.before;
  // 1
  world.doing = 'starting QEMU again';
  await using daemon = await startStorageDaemon(qemu, { directory: folder });
  await attachChain(daemon.monitor, folder, layers);
  const disk = await attachGuest(daemon, layers[0] ?? '');
  world.doing = 'reconciling after the crash';
  const verdict = await reconcile(world, daemon, faults);
  await expectSettled(world, daemon, [layers], faults);
  // 2
  world.doing = 'judging after the crash';
  const found = await judge(world, daemon, disk);
  faults.push(...wrongOnes(found.usable));
  // 3
  world.doing = 'rescuing';
  const rescued = isLost ? [] : await rescue(world, daemon, [...found.unusable.keys()]);
  world.doing = 'judging what was rescued';
  const after = await judge(world, daemon, disk);
  faults.push(...wrongOnes(after.usable));
  for (const name of rescued) if (!after.usable.has(name)) faults.push(`checkpoint ${name} was rescued in vain`);
  const causes = [...new Set([...found.unusable.values()].flat())].sort().join(', ');
  const lost = `${found.unusable.size} unusable (${causes}), ${rescued.length} of them rescued`;
  const end = isLost ? 'moved, lost by QEMU' : moved ? 'moved' : 'not moved';
  return { ending: `${end}, ${verdict}, ${found.usable.size} right, ${lost}`, faults };
}

/**
 * As one does from the command line: where the guest moves while one looks, nothing is decided, and one looks anew.
 *
 * @returns What was decided.
 */
async function reconcile({ store }: LayersWorld, daemon: RunningQemu, faults: string[]): Promise<string> {
  for (let attempt = 1; ; attempt += 1) {
    const words = ['--qmp', daemon.address, '--store', store, `--disk=vda=${await activeOf(daemon)}`];
    const { status, printed, complained } = await runLine(['reconcile', ...words]);
    const [, verdict = printed.join('; ')] = printed.find((line) => line.startsWith('disk vda: '))?.split(': ') ?? [];
    if (verdict === 'undecided' && attempt < 3) continue;
    if (status !== 0) faults.push(`reconcile ended with ${status}: ${[...printed, ...complained].join('; ')}`);
    return verdict;
  }
}

/** @returns Which of the ends it has come to; -1: none. */
async function expectSettled(
  world: LayersWorld,
  daemon: RunningQemu,
  ends: readonly (readonly string[])[],
  faults: string[],
): Promise<number> {
  world.doing = 'reconciling once more';
  const again = await reconcile(world, daemon, faults);
  if (again !== 'nothing was interrupted') faults.push(`reconciling once more: ${again}`);
  const jobs = (await daemon.monitor.execute('query-jobs')) as readonly object[];
  if (jobs.length > 0) faults.push(`jobs are left: ${JSON.stringify(jobs)}`);
  const nodes = await nodesIn(daemon);
  const names = nodes.map((node) => node['node-name']).sort();
  const end = ends.findIndex(
    (layers) =>
      names.join() ===
      layers
        .flatMap((each) => [each, `${each}-file`])
        .sort()
        .join(),
  );
  if (end === -1) faults.push(`there are nodes ${names.join(', ')}`);
  const active = await activeOf(daemon);
  for (const { 'node-name': name, ro } of nodes) {
    if (!name.endsWith('-file') && ro !== (name !== active))
      faults.push(`node ${name} is open for ${ro ? 'reading only' : 'writing'}`);
  }
  const files = (await readdir(world.store)).toSorted();
  const expected = ['lock', ...[...world.bases.keys()].map((name) => `${name}.json`)].toSorted();
  if (files.join() !== expected.join()) faults.push(`the store holds ${files.join(', ')}`);
  return end;
}

/** @returns Those that are whole again. */
async function rescue(
  { store }: LayersWorld,
  daemon: RunningQemu,
  names: readonly string[],
): Promise<readonly string[]> {
  const rescued: string[] = [];
  await using opened = await checkpointStore(store);
  await using session = await connect(daemon.address);
  for (const checkpoint of names) {
    const domain = await observeLayers(daemon, session, opened);
    const request = { diskTarget: 'vda', checkpoint };
    if (checkRescueCheckpoint(domain, request).length > 0) continue;
    const plan = planRescueCheckpoint(domain, request);
    await opened.run(domain, plan, () => runPlan(session, plan));
    rescued.push(checkpoint);
  }
  return rescued;
}

function wrongOnes(usable: ReadonlyMap<string, { readonly isRight: boolean }>): readonly string[] {
  return [...usable].flatMap(([name, { isRight }]) => (isRight ? [] : [`checkpoint ${name} restores wrong bytes`]));
}

/** Whether the disk reads the same with the layers that it had before. */
async function areAlike({ img }: Qemu, folder: string, { before, after }: Ends): Promise<boolean> {
  const [one, other] = [before, after].map((layers) => `json:${JSON.stringify(chainOf(folder, layers))}`);
  const compared = run(img, ['compare', '-q', one ?? '', other ?? '']);
  return await compared.then(
    () => true,
    (error: { readonly code?: unknown }) => {
      if (error.code === 1) return false;
      throw error;
    },
  );
}

function chainOf(folder: string, [nodeName, ...below]: readonly string[]): object | null {
  if (nodeName === undefined) return null;
  const file = { driver: 'file', filename: imageOf(folder, nodeName) };
  return { driver: 'qcow2', file, backing: chainOf(folder, below) };
}

async function hasData({ img }: Qemu, folder: string, { after: [overlay = ''] }: Ends): Promise<boolean> {
  const { stdout } = await run(img, ['map', '--output=json', imageOf(folder, overlay)]).catch(() => ({
    stdout: '[]',
  }));
  return (JSON.parse(stdout) as readonly { depth: number; present: boolean }[]).some(
    ({ depth, present }) => depth === 0 && present,
  );
}
