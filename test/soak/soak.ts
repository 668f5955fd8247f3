import { parseArgs } from 'node:util';
import { howToInstall, type Qemu, qemuVersions } from '../support/qemu/find-qemu.js';
import { killManager } from './kill-manager.js';
import type { SoakReport } from './report.js';
import { stopManager } from './stop-manager.js';

const usage = `npm run soak -- [--only kills|stops] [--qemu VERSION] [--kills N] [--seed N] [--minutes N]
  --only      kills: at random moments; stops: at every moment of a change; default: both
  --qemu      only this version, 7.2 say; default: every QEMU that is here
  --kills     how many at random; default 200
  --seed      makes the random moments the same again; default: another each time
  --minutes   goes on for so long with further seeds; default: one seed`;

const { values } = parseArgs({
  options: {
    only: { type: 'string', multiple: true, default: ['kills', 'stops'] },
    qemu: { type: 'string' },
    kills: { type: 'string', default: '200' },
    seed: { type: 'string', default: String(Math.floor(Math.random() * 1e6)) },
    minutes: { type: 'string', default: '0' },
    help: { type: 'boolean' },
  },
});

async function soak(): Promise<number> {
  const kills = Number(values.kills);
  const seed = Number(values.seed);
  const end = Date.now() + Number(values.minutes) * 60_000;
  const versions = qemuVersions().filter(({ version }) => values.qemu === undefined || version === values.qemu);
  if (versions.length === 0) throw new Error(`no such QEMU is here: ${howToInstall(values.qemu ?? '7.2')}`);
  console.log(`seed ${seed}: the same again with --seed ${seed} --kills ${kills}`);
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
  console.log(faults === 0 ? 'passed: every kill was settled' : `FAILED: ${faults} faults`);
  return faults === 0 ? 0 : 1;
}

function progress({ kills, faults }: SoakReport): void {
  if (kills % 20 === 0) console.log(`  ${kills} kills, ${faults.length} faults`);
}

/** @returns How many faults there are. */
function tell({ version }: Qemu, what: string, { kills, endings, faults }: SoakReport): number {
  console.log(`QEMU ${version}, ${what}: ${kills} kills, ${faults.length} faults`);
  for (const [ending, count] of [...endings].sort()) console.log(`  ${String(count).padStart(4)} ${ending}`);
  for (const fault of faults) console.log(`  ${fault}`);
  return faults.length;
}

if (values.help) console.log(usage);
else process.exitCode = await soak();
