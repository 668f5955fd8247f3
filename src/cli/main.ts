#!/usr/bin/env node
import { readFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import { runCommandLine } from './command-line.js';
import { writeLines } from './write-lines.js';

const lines = writeLines(process.stdout, process.stderr);

// The first Ctrl-C stops between two steps and puts back what was done; a second one ends the process as usual.
const stop = new AbortController();
for (const [signal, name] of [['SIGINT', 'Ctrl-C'] as const, ['SIGTERM', 'SIGTERM'] as const]) {
  process.once(signal, () => {
    lines.complain(`stopping at the next step; ${name} again ends at once, and reconcile settles what is left`);
    stop.abort(new Error(`stopped by ${name}`));
  });
}

// Whoever reads may have seen enough, as "| head" has.
process.stdout.on('error', () => process.exit());

process.exitCode = await runCommandLine(process.argv.slice(2), {
  read: (file) => (file === '-' ? text(process.stdin) : readFile(file, 'utf8')),
  ...lines,
  signal: stop.signal,
  now: () => Math.floor(Date.now() / 1000),
});
