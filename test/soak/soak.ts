import { parseArgs } from 'node:util';
import { howToInstall, type Qemu, qemuVersions } from '../support/qemu/find-qemu.js';
import { type ChainsReport, soakBackups } from './backups.js';
import { killInLayers, type LayerKillsReport } from './kill-layers.js';
import { killManager } from './kill-manager.js';
import type { SoakReport } from './report.js';
import { stopManager } from './stop-manager.js';
import { type WalkReport, walkLayers } from './walk.js';

const usage = `npm run soak -- [--only kills|stops|layer-kills|walks|backups] [--qemu VERSION] [--kills N] [--walks N]
                    [--chains N] [--seed N] [--minutes N]
  --only      kills: at random moments; stops: at every moment of a change; layer-kills: of the manager, then of QEMU, at random
              moments of changes of layers; walks: random operations on layers; backups: random chains of backups; default: all
  --qemu      only this version, 7.2 say; default: every QEMU that is here
  --kills     how many at random, of managers and of QEMUs each; default 200
  --walks     how many of up to 30 operations; default 150
  --chains    how many of 3 to 10 backups; default 200
  --seed      makes the random moments the same again; default: another each time
  --minutes   goes on for so long with further seeds; default: one seed`;

const { values } = parseArgs({
  options: {
    only: { type: 'string', multiple: true, default: ['kills', 'stops', 'layer-kills', 'walks', 'backups'] },
    qemu: { type: 'string' },
    kills: { type: 'string', default: '200' },
    walks: { type: 'string', default: '150' },
    chains: { type: 'string', default: '200' },
    seed: { type: 'string', default: String(Math.floor(Math.random() * 1e6)) },
    minutes: { type: 'string', default: '0' },
    help: { type: 'boolean' },
  },
});

async function soak(): Promise<number> {
  const kills = Number(values.kills);
  const walks = Number(values.walks);
  const chains = Number(values.chains);
  const seed = Number(values.seed);
  const end = Date.now() + Number(values.minutes) * 60_000;
  const versions = qemuVersions().filter(({ version }) => values.qemu === undefined || version === values.qemu);
  if (versions.length === 0) throw new Error(`no such QEMU is here: ${howToInstall(values.qemu ?? '7.2')}`);
  console.log(`seed ${seed}: the same again with --seed ${seed} --kills ${kills} --walks ${walks} --chains ${chains}`);
  let faults = 0;
  if (values.only.includes('stops')) {
    for (const qemu of versions) faults += tell(qemu, 'at every moment', await stopManager(qemu, 'all', progress));
  }
  if (values.only.includes('kills')) {
    for (let now = seed; now === seed || Date.now() < end; now += 1) {
      for (const qemu of versions) {
        faults += tell(qemu, `seed ${now}`, await killManager(qemu, { kills, seed: now }, progress));
      }
    }
  }
  if (values.only.includes('layer-kills')) {
    for (let now = seed; now === seed || Date.now() < end; now += kills) {
      for (const qemu of versions) {
        for (const victim of ['manager', 'qemu'] as const) {
          const report = await killInLayers(qemu, { victim, kills, seed: now }, progress);
          faults += tell(qemu, `${victim} killed while layers change, seed ${now}`, report);
          tellPhases(report);
        }
      }
    }
  }
  if (values.only.includes('walks')) {
    // Each walk has a seed of its own, so the next round begins where this one ends.
    for (let now = seed; now === seed || Date.now() < end; now += walks) {
      for (const qemu of versions) {
        const report = await walkLayers(qemu, { walks, seed: now }, walkProgress);
        faults += tellWalks(qemu, now, report);
      }
    }
  }
  if (values.only.includes('backups')) {
    for (let now = seed; now === seed || Date.now() < end; now += chains) {
      for (const qemu of versions)
        faults += tellChains(qemu, now, await soakBackups(qemu, { chains, seed: now }, chainProgress()));
    }
  }
  console.log(
    faults === 0
      ? 'passed: every kill was settled, every walk went as it should, every backup restores'
      : `FAILED: ${faults} faults`,
  );
  return faults === 0 ? 0 : 1;
}

function progress({ kills, faults }: SoakReport): void {
  if (kills % 20 === 0) console.log(`  ${kills} kills, ${faults.length} faults`);
}

function walkProgress({ walks, operations, faults }: WalkReport): void {
  if (walks % 20 === 0) console.log(`  ${walks} walks, ${operations} operations, ${faults.length} faults`);
}

function tellWalks({ version }: Qemu, seed: number, report: WalkReport): number {
  const { walks, operations, restored, outcomes, faults } = report;
  const counted = `${walks} walks, ${operations} operations, ${restored} backups restored, ${faults.length} faults`;
  console.log(`QEMU ${version}, seeds ${seed} to ${seed + walks - 1}: ${counted}`);
  for (const [outcome, count] of [...outcomes].sort()) console.log(`  ${String(count).padStart(4)} ${outcome}`);
  for (const fault of faults) console.log(`  ${fault}`);
  return faults.length;
}

function chainProgress(): (report: ChainsReport) => void {
  let told = 0;
  return ({ chains, backups, faults }) => {
    for (const fault of faults.slice(told)) console.log(`  ${fault}`);
    told = faults.length;
    if (chains % 20 === 0) console.log(`  ${chains} chains, ${backups} backups, ${faults.length} faults`);
  };
}

function tellChains({ version }: Qemu, seed: number, report: ChainsReport): number {
  const { chains, backups, restored, milliseconds, outcomes, faults } = report;
  const counted = `${chains} chains, ${backups} backups, ${restored} disks restored, ${faults.length} faults`;
  console.log(`QEMU ${version}, seeds ${seed} to ${seed + chains - 1}: ${counted}, ${milliseconds} ms`);
  for (const [outcome, count] of [...outcomes].sort()) console.log(`  ${String(count).padStart(4)} ${outcome}`);
  return faults.length;
}

/** @returns How many faults there are. */
function tell({ version }: Qemu, what: string, { kills, endings, faults }: SoakReport): number {
  console.log(`QEMU ${version}, ${what}: ${kills} kills, ${faults.length} faults`);
  for (const [ending, count] of [...endings].sort()) console.log(`  ${String(count).padStart(4)} ${ending}`);
  for (const fault of faults) console.log(`  ${fault}`);
  return faults.length;
}

/** How often which step was the last that was done. */
function tellPhases({ phases }: LayerKillsReport): void {
  console.log('  killed after');
  for (const [phase, count] of [...phases].sort(([, a], [, b]) => b - a)) {
    console.log(`  ${String(count).padStart(4)} ${'#'.repeat(count)} ${phase}`);
  }
}

if (values.help) console.log(usage);
else process.exitCode = await soak();
