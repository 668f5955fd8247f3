import { seededRandom } from '../support/qemu/busy-guest.js';
import { imageOf } from '../support/qemu/disks.js';
import type { Qemu } from '../support/qemu/find-qemu.js';
import { activeOf, type LayersWorld, layersWorld } from './layers-world.js';
import { type ManagerProcess, startManager } from './manager-process.js';
import { type Ends, type LayersRecovery, recoverFromCrash, recoverLayers } from './recover-layers.js';
import type { SoakReport } from './report.js';
import { withinTime } from './within-time.js';

const mostMilliseconds = 60_000;

/** Who is killed. */
export type Victim = 'manager' | 'qemu';

/** What a run of kills while layers change came to. */
export interface LayerKillsReport extends SoakReport {
  /** How often which step was the last that was reported done. */
  readonly phases: ReadonlyMap<string, number>;
}

/** A change of layers, and how it is asked for. */
type Change = readonly [what: string, change: string, request: object, after: readonly string[]];

const before = ['top', 'middle', 'base'];

function changesIn(folder: string): readonly Change[] {
  const made = { nodeName: 'new', filename: imageOf(folder, 'new') };
  const commit = (topNodeName: string, baseNodeName: string) => ({ diskTarget: 'vda', topNodeName, baseNodeName });
  return [
    ['snapshot', 'snapshot', { disks: [{ diskTarget: 'vda', overlay: made }] }, ['new', ...before]],
    ['active commit', 'commit', commit('top', 'middle'), ['middle', 'base']],
    ['active commit into the base', 'commit', commit('top', 'base'), ['base']],
    ['commit below the active layer', 'commit', commit('middle', 'base'), ['top', 'base']],
    ['copy', 'copy', { diskTarget: 'vda', mirror: made }, ['new']],
    ['shallow copy', 'copy', { diskTarget: 'vda', mirror: made, shallow: true }, ['new', 'middle', 'base']],
    ['pull', 'pull', { diskTarget: 'vda', baseNodeName: 'base' }, ['top', 'base']],
    ['pull of everything', 'pull', { diskTarget: 'vda' }, ['top']],
  ];
}

/**
 * Kills the manager, or QEMU, with SIGKILL at random moments of changes of layers while a guest writes all the time, and looks
 * after each kill whether all is well once that is reconciled.
 *
 * The kinds of changes come by turns, and for each the moments are spread over its steps: a step that is over at once is met as
 * often as one that takes its time.
 */
export async function killInLayers(
  qemu: Qemu,
  { victim, kills, seed }: { readonly victim: Victim; readonly kills: number; readonly seed: number },
  onKill: (report: LayerKillsReport) => void = () => undefined,
): Promise<LayerKillsReport> {
  const random = seededRandom(seed);
  const durations = new Map<string, number>();
  const report = {
    kills: 0,
    endings: new Map<string, number>(),
    phases: new Map<string, number>(),
    faults: [] as string[],
  };
  for (let kill = 0; kill < kills; kill += 1) {
    const moment = { part: partOf(kill, kills, random), fraction: random() };
    const when = `QEMU ${qemu.version}, ${victim}, seed ${seed}, kill ${kill}`;
    await using world = await withinTime(mostMilliseconds, layersWorld(qemu, seed + kill), () => ' before the change');
    const changes = changesIn(world.folder);
    const change = changes[kill % changes.length] as Change;
    let phase = 'nothing';
    try {
      const told = (step: string) => {
        phase = step;
      };
      const work = killAndRecover(world, { change, victim, moment, durations, told });
      const { ending, faults } = await withinTime(mostMilliseconds, work, () => whereabouts(world));
      add(report.endings, `${change[0]}: ${ending}`);
      report.faults.push(...faults.map((fault) => `${when}, ${change[0]} after "${phase}": ${fault}`));
    } catch (error) {
      report.faults.push(`${when}, ${change[0]} after "${phase}": ${error instanceof Error ? error.message : error}`);
    }
    add(report.phases, phase);
    report.kills += 1;
    onKill(report);
  }
  return report;
}

interface Moment {
  /** Which part of the steps is to be done, from 0 to 1. */
  readonly part: number;
  /** Which part of the next one, by how long that took the last time. */
  readonly fraction: number;
}

/** For each kind of change the kills are spread over all of it. */
function partOf(kill: number, kills: number, random: () => number): number {
  const kinds = changesIn('').length;
  return (Math.floor(kill / kinds) + random()) / Math.ceil(kills / kinds);
}

interface Kill {
  readonly change: Change;
  readonly victim: Victim;
  readonly moment: Moment;
  /** How long each step took the last time, in milliseconds. */
  readonly durations: Map<string, number>;
  /** Told which step is the last that was reported done. */
  readonly told: (step: string) => void;
}

async function killAndRecover(world: LayersWorld, kill: Kill): Promise<LayersRecovery> {
  const { monitor } = world.daemon;
  let hasMoved = false;
  const isOfLayers = ({ device, error }: { readonly [member: string]: unknown }) =>
    String(device).startsWith('checkpoint-') && error === undefined;
  // It never comes where QEMU is killed before.
  void monitor.nextEvent('BLOCK_JOB_COMPLETED', isOfLayers).then(
    () => {
      hasMoved = true;
    },
    () => undefined,
  );
  await runAndKill(world, kill);
  const ends: Ends = { before, after: kill.change[3] };
  return await (kill.victim === 'qemu'
    ? recoverFromCrash(world, ends, { hasMoved, isPull: kill.change[1] === 'pull' })
    : recoverLayers(world, ends));
}

/** Has a manager change the layers, and kills it or QEMU at a moment of that, or when it has just been saved. */
async function runAndKill(world: LayersWorld, { change, victim, moment, durations, told }: Kill): Promise<void> {
  const { daemon, store, guest } = world;
  const [what, planner, request] = change;
  const words = [daemon.address, store, await activeOf(daemon), planner, JSON.stringify(request)];
  await using manager: ManagerProcess = startManager('one-chain-change.mjs', words);
  world.doing = 'the manager starts';
  await manager.expectLine('ready');
  guest.start();
  manager.go();
  world.doing = 'the manager plans';
  const [begun, steps] = (await manager.nextLine())?.split(' ') ?? [];
  if (begun !== 'begun') throw new Error(`the manager did not begin: ${(await manager.ended).complaint}`);
  const last = Math.floor(moment.part * (Number(steps) + 1));
  let step = begun;
  for (let done = 0; ; done += 1) {
    told(step);
    world.doing = `the manager goes on after "${step}"`;
    const next = `${what} ${done}`;
    if (done === last) {
      const kill = () => void (victim === 'qemu' ? daemon.kill('SIGKILL') : manager.kill());
      // A random moment is what is wanted here, not a time in which something should have happened.
      setTimeout(kill, moment.fraction * (durations.get(next) ?? 5));
    }
    const start = performance.now();
    const line = await manager.nextLine();
    if (line === undefined) break;
    durations.set(next, performance.now() - start);
    step = line;
  }
  const { signal, complaint } = await manager.ended;
  if (victim === 'manager' && signal !== 'SIGKILL') throw new Error(`the manager ended by itself: ${complaint}`);
  if (victim === 'qemu') await daemon.exited;
}

function whereabouts({ doing, daemon }: LayersWorld): string {
  const { command, event } = daemon.monitor.last;
  return `: ${doing}; the last command was ${command}, the last event ${event}`;
}

function add(counts: Map<string, number>, what: string): void {
  counts.set(what, (counts.get(what) ?? 0) + 1);
}
