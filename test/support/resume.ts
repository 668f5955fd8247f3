import { expect } from 'vitest';
import { pendingChainChangeOf } from '../../src/core/plan/pending-chain-change.js';
import { planResumeJob, type Resumption } from '../../src/core/plan/resume-job.js';
import type { Domain, Plan } from '../../src/index.js';
import { openLedger } from './ledger.js';
import { type Qemu, startQemu } from './model.js';

/** How a change went whose process died after so many steps. */
export interface Resumed {
  readonly qemu: Qemu;
  /** The domain in the end, as QEMU shows it, with the checkpoints as they are saved. */
  readonly domain: Domain;
  /** What was decided, each time that it was resumed. */
  readonly verdicts: readonly string[];
}

export interface ResumeOptions {
  /** Only the job is there to tell. */
  readonly withoutNote?: boolean;
  /** The process that resumes dies too, after so many steps. */
  readonly diesAgainAfter?: number;
  /** What happens after the process died. */
  readonly meanwhile?: (qemu: Qemu) => void;
  /** Bitmaps that may become usable though they were not. */
  readonly healed?: readonly string[];
}

/**
 * Runs the first steps of a plan on the model while a guest writes, and then resumes until nothing is left to do. Whatever seems
 * usable in the end holds all that was written.
 */
export function dieAndResume(domain: Domain, plan: Plan, steps: number, options: ResumeOptions = {}): Resumed {
  const { withoutNote = false, diesAgainAfter, meanwhile, healed = [] } = options;
  const note = pendingChainChangeOf(domain, plan);
  const qemu = startQemu(domain);
  const ledger = openLedger(qemu, domain, healed);
  let writes = 0;
  const write = () => {
    writes += 1;
    ledger.write('vda', ((writes * 7919) % 4096) * 65536, 4096);
  };
  for (const { command } of plan.steps.slice(0, steps)) {
    write();
    qemu.execute(command);
    qemu.work(1);
  }
  meanwhile?.(qemu);
  const verdicts: string[] = [];
  for (let round = 0; ; round += 1) {
    const resumption = resumptionOf(qemu, domain, withoutNote || note === undefined ? [] : [note]);
    verdicts.push(...resumption.changes.map(({ verdict }) => verdict));
    const isLast = round > 0 || diesAgainAfter === undefined;
    const ran = runSteps(qemu, isLast ? resumption : { steps: resumption.steps.slice(0, diesAgainAfter) }, write);
    if (isLast && ran) {
      write();
      const seen = qemu.observe({ ...domain, checkpoints: resumption.next.checkpoints });
      ledger.check(seen);
      expect(qemu.jobs()).toEqual([]);
      expect(resumptionOf(qemu, seen, []).steps).toEqual([]);
      return { qemu, domain: seen, verdicts };
    }
    expect(round).toBeLessThan(4);
  }
}

function resumptionOf(qemu: Qemu, domain: Domain, pending: Parameters<typeof planResumeJob>[2]): Resumption {
  dismissEndedPulls(qemu);
  const jobs = qemu.jobs().map(({ jobId: id, ...rest }) => ({ id, ...rest }));
  return planResumeJob(qemu.observe(domain), jobs, pending);
}

/** Whoever observes has to: QEMU crashes else. */
function dismissEndedPulls(qemu: Qemu): void {
  for (const { jobId, type, status } of qemu.jobs()) {
    if (type !== 'stream' || status !== 'concluded') continue;
    const job = { kind: 'pull', jobId, diskTarget: 'vda', activeNodeName: 'vda-active' } as const;
    qemu.execute({ kind: 'job-dismiss', job });
  }
}

/** Whether all of them succeeded: a job that was let go meanwhile ends while it is waited for. */
function runSteps(qemu: Qemu, { steps }: Pick<Plan, 'steps'>, write: () => void): boolean {
  try {
    for (const { command } of steps) {
      write();
      qemu.execute(command);
      qemu.work(1);
    }
    return true;
  } catch {
    return false;
  }
}
