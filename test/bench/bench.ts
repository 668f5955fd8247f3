import { type Figure, median } from './compare.js';
import { benchCore } from './core.js';
import { benchCreate } from './create.js';
import { benchLatency } from './latency.js';
import { benchSession } from './session.bench.js';
import { coreSize, importMilliseconds } from './size.js';

const figures: readonly Figure[] = [
  ...(await benchCore()),
  ...(await benchSession()),
  ...(await benchCreate()),
  ...(await benchLatency()),
];
for (const { name, ratio, atMost } of figures) {
  const target = atMost === undefined ? '' : ` (at most ${atMost})`;
  console.log(`${ratio.toFixed(2).padStart(6)}  ${name}${target}`);
}

const { minified, gzipped } = await coreSize();
console.log(`core without zod and immer: ${minified} bytes minified, ${gzipped} gzipped (at most 12,000)`);
console.log(`import of the core: ${median(Array.from({ length: 9 }, importMilliseconds)).toFixed(0)} ms`);

const over = figures.filter(({ ratio, atMost }) => atMost !== undefined && ratio > atMost);
if (over.length > 0 || gzipped > 12_000) process.exitCode = 1;
