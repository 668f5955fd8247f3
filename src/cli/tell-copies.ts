import type { BackupProgress } from '../backup/copy-outcome.js';
import { formatBytes } from './table.js';
import { bar } from './tell-progress.js';
import type { Terminal } from './terminal.js';

/**
 * Tells how far the copies of a backup are, all disks together: a bar with the rate and the time left where lines can be written over,
 * and elsewhere a line for each ten percent.
 */
export function tellCopies(
  terminal: Terminal,
  seconds = () => performance.now() / 1000,
): (progress: BackupProgress) => void {
  const disks = new Map<string, BackupProgress>();
  let begun: number | undefined;
  let told = 0;
  return (progress) => {
    begun ??= seconds();
    disks.set(progress.diskTarget, progress);
    const current = sum([...disks.values()].map((each) => each.current));
    const total = sum([...disks.values()].map((each) => each.total));
    const percent = total === 0 ? 0 : Math.min(100, Math.floor((100 * current) / total));
    if (terminal.rewrite !== undefined) {
      terminal.rewrite(`[${bar(percent)}] ${percent} %${paceText(current, total, seconds() - begun)}`);
    } else if (percent < 100 && percent - told >= 10) {
      told = percent - (percent % 10);
      terminal.complain(`${percent} %, ${formatBytes(current)} of ${formatBytes(total)}`);
    }
  };
}

/** In the first second nothing can be said of it. */
function paceText(current: number, total: number, elapsed: number): string {
  if (elapsed < 1 || current === 0) return '';
  const rate = current / elapsed;
  return `, ${formatBytes(Math.round(rate))}/s, ${clock((total - current) / rate)} left`;
}

/** @example 3725 seconds are `1:02:05`. */
function clock(left: number): string {
  const seconds = Math.max(0, Math.ceil(left));
  const two = (number: number) => String(number).padStart(2, '0');
  const minutes = Math.floor(seconds / 60);
  const short = `${minutes % 60}:${two(seconds % 60)}`;
  return minutes < 60 ? short : `${Math.floor(minutes / 60)}:${two(minutes % 60)}:${two(seconds % 60)}`;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
