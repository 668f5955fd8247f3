import type { Recovery } from './recover.js';

/** What a run of a soak came to. */
export interface SoakReport {
  /** How often a manager died. */
  readonly kills: number;
  /** How often it left what: `delete: drop, 2 steps`. */
  readonly endings: ReadonlyMap<string, number>;
  /** What was wrong, one text each; none is what is wanted. */
  readonly faults: readonly string[];
}

/** Told after each kill. */
export type OnKill = (report: SoakReport) => void;

/** Adds up what recoveries found. */
export function reporter(onKill: OnKill = () => undefined) {
  const endings = new Map<string, number>();
  const faults: string[] = [];
  let kills = 0;
  return {
    /** @param when - At which moment the manager was killed. */
    add({ decisions, steps, faults: found }: Recovery, when: string): void {
      const [decision] = decisions;
      const ending =
        decision === undefined ? 'nothing was pending' : `${decision.change}: ${decision.verdict}, ${steps} steps`;
      kills += 1;
      endings.set(ending, (endings.get(ending) ?? 0) + 1);
      faults.push(...found.map((fault) => `${when}: ${fault}`));
      onKill(this.report());
    },
    report: (): SoakReport => ({ kills, endings, faults }),
  };
}
