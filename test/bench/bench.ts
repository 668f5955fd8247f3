import { benchBackup } from './backup.js';
import { type Figure, median } from './compare.js';
import { benchCore } from './core.js';
import { benchCreate } from './create.js';
import { benchLatency } from './latency.js';
import { backupMemory } from './memory.js';
import { benchSession } from './session.bench.js';
import { coreSize, importMilliseconds } from './size.js';

const figures: readonly Figure[] = [
  ...(await benchCore()),
  ...(await benchSession()),
  ...(await benchCreate()),
  ...(await benchLatency()),
  ...(await benchBackup()),
];
for (const { name, ratio, atMost } of figures) {
  const target = atMost === undefined ? '' : ` (at most ${atMost})`;
  console.log(`${ratio.toFixed(2).padStart(6)}  ${name}${target}`);
}

const { minified, gzipped } = await coreSize();
console.log(`core without zod and immer: ${minified} bytes minified, ${gzipped} gzipped (at most 12,000)`);
console.log(`import of the core: ${median(Array.from({ length: 9 }, importMilliseconds)).toFixed(0)} ms`);

const memory = await backupMemory();
for (const { what, peaks } of memory) {
  const shown = peaks.map((peak) => peak.toFixed(0)).join(', then ');
  console.log(`most memory for backups of a disk of 100 GiB, ${what}: ${shown} MiB (at most 120)`);
}

const over = figures.filter(({ ratio, atMost }) => atMost !== undefined && ratio > atMost);
const isOver = memory.some(({ peaks }) => peaks.some((peak) => peak > 120));
if (over.length > 0 || isOver || gzipped > 12_000) process.exitCode = 1;
