import { parseArgs } from 'node:util';
import { howToInstall, qemuVersions } from '../support/qemu/find-qemu.js';
import { killManager } from './kill-manager.js';

/** `npm run soak -- --kills 200 --seed 1`: the long runs, on every QEMU that is here; needs `npm run build`. */
const { values } = parseArgs({ options: { kills: { type: 'string' }, seed: { type: 'string' } } });
const kills = Number(values.kills ?? 200);
const seed = Number(values.seed ?? Math.floor(Math.random() * 1e6));
console.log(`seed ${seed}: the same again with --seed ${seed} --kills ${kills}`);
const versions = qemuVersions();
if (versions.length === 0) console.log(`no QEMU is installed: ${howToInstall('7.2')}`);
for (const qemu of versions) {
  const { settled, faults } = await killManager(qemu, kills, seed);
  for (const fault of faults) console.log(fault);
  console.log(`QEMU ${qemu.version}: ${kills} kills, ${settled} changes settled, ${faults.length} faults`);
  if (faults.length > 0) process.exitCode = 1;
}
