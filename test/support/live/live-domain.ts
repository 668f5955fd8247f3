import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Checkpoint, Problem } from '../../../src/index.js';
import { attachChain, attachNew, imageOf } from '../qemu/disks.js';
import type { Qemu } from '../qemu/find-qemu.js';
import { type RunningQemu, startStorageDaemon } from '../qemu/start-qemu.js';
import { temporaryFolder } from '../qemu/temporary-folder.js';
import type { Outcome } from '../run-on-files.js';
import { runLine } from './run-command-line.js';

/** Disk targets, each with the nodes of its chain, the active layer first. */
export type Chains = { readonly [diskTarget: string]: readonly string[] };

/** Images and a store that outlast their QEMU, in a folder that goes with them. */
export interface LiveDomain extends AsyncDisposable {
  readonly folder: string;
  readonly store: string;
  /** Starts a daemon with the images; where there is none for an active layer yet, it is made. */
  start(): Promise<RunningQemu>;
  /** A command line on a monitor and the store. */
  words(address: string, ...command: readonly string[]): readonly string[];
  /** Runs one in this process. */
  run(address: string, ...command: readonly string[]): Promise<Outcome>;
  /** What `check` finds wrong with every checkpoint. */
  check(address: string): Promise<readonly Verdict[]>;
}

/** A checkpoint on one disk. */
export interface Verdict {
  readonly checkpoint: string;
  readonly diskTarget: string;
  readonly usable: boolean;
  readonly dirtyBytes: number;
  /** `inconsistent on vda-base`: the codes of its problems, each with its node where it has one. */
  readonly problems: readonly string[];
}

export async function liveDomain(qemu: Qemu, chains: Chains): Promise<LiveDomain> {
  const folder = await temporaryFolder();
  const store = join(folder.path, 'store');
  const mapping = Object.entries(chains).map(([target, [active]]) => `--disk=${target}=${active}`);
  const words: LiveDomain['words'] = (address, ...command) => {
    return [...command, '--qmp', address, '--store', store, ...mapping];
  };
  const run: LiveDomain['run'] = (address, ...command) => runLine(words(address, ...command));
  return {
    folder: folder.path,
    store,
    async start() {
      const daemon = await startStorageDaemon(qemu, { directory: folder.path });
      for (const chain of Object.values(chains)) {
        const [active = ''] = chain;
        if (existsSync(imageOf(folder.path, active))) await attachChain(daemon.monitor, folder.path, chain);
        else await attachNew(daemon, folder.path, active);
      }
      return daemon;
    },
    words,
    run,
    async check(address) {
      const { printed } = await run(address, 'check', '--json');
      return (JSON.parse(printed.join()) as readonly CheckReply[]).flatMap(({ name: checkpoint, disks }) =>
        disks.map(({ diskTarget, usable, dirtyBytes, problems }) => {
          return { checkpoint, diskTarget, usable, dirtyBytes, problems: problems.map(inShort) };
        }),
      );
    },
    [Symbol.asyncDispose]: folder[Symbol.asyncDispose],
  };
}

interface CheckReply extends Omit<Checkpoint, 'disks'> {
  readonly disks: readonly {
    readonly diskTarget: string;
    readonly usable: boolean;
    readonly dirtyBytes: number;
    readonly problems: readonly Problem[];
  }[];
}

function inShort(problem: Problem): string {
  const { code } = problem;
  const where = 'nodeName' in problem && problem.nodeName !== undefined ? ` on ${problem.nodeName}` : '';
  return `${code.replace('bitmap-', '')}${where}`;
}
