import type { StepProgress } from '../qmp/run-plan.js';
import type { JobProgress } from '../qmp/wait-for-job.js';
import type { Terminal } from './terminal.js';

/**
 * Tells how a run gets on, on standard error: each step with its reason, and how far the job is that it waits for. That is
 * a bar where lines can be written over, and elsewhere a line for each ten percent.
 */
export function tellProgress(terminal: Terminal): (progress: StepProgress) => void {
  let tell = tellJob(terminal);
  return ({ state, step, index, total, progress }) => {
    const place = `${index + 1}/${total}`;
    if (state === 'started') {
      tell = tellJob(terminal);
      if (total > 1) terminal.complain(`${place} ${step.why}`);
    }
    if (state === 'progress' && progress !== undefined) tell(place, progress);
  };
}

/** Tells how far a job is that is waited for, in the same way. */
export function tellJob(terminal: Terminal): (what: string, progress: JobProgress) => void {
  let told = 0;
  return (what, progress) => {
    const percent = percentOf(progress);
    if (terminal.rewrite !== undefined) terminal.rewrite(`${what} [${bar(percent)}] ${percent} %`);
    // That all is done is told by what comes next.
    else if (percent < 100 && percent - told >= 10) {
      told = percent - (percent % 10);
      terminal.complain(`${what} ${percent} %`);
    }
  };
}

/** A job that has not said how much there is to do has done nothing. */
function percentOf({ current, total }: JobProgress): number {
  return total <= 0 ? 0 : Math.min(100, Math.floor((100 * current) / total));
}

export function bar(percent: number): string {
  const full = Math.floor(percent / 5);
  return '#'.repeat(full) + '-'.repeat(20 - full);
}
