import { join } from 'node:path';
import type { Qemu } from '../qemu/find-qemu.js';
import type { Pattern } from '../qemu/guest-disk.js';
import { qmpProxy, type SentCommand } from '../qemu/qmp-proxy.js';
import type { RunningQemu } from '../qemu/start-qemu.js';
import { temporaryFolder } from '../qemu/temporary-folder.js';
import type { Outcome } from '../run-on-files.js';
import type { MachineKind } from './machines.js';
import { runLine } from './run-command-line.js';

/** A machine with its store, and the command line that works on both. */
export interface CommandLineSetup extends AsyncDisposable {
  readonly running: RunningQemu;
  readonly folder: string;
  readonly store: string;
  /** All that the command line has sent. */
  readonly sent: readonly SentCommand[];
  /** A command and the words that say where its QEMU and its store are. */
  words(...words: readonly string[]): readonly string[];
  run(...words: readonly string[]): Promise<Outcome>;
  writeToAll(pattern: Pattern): Promise<void>;
}

export async function setUpCommandLine(
  qemu: Qemu,
  { start, mapping, disks, write }: MachineKind,
): Promise<CommandLineSetup> {
  const folder = await temporaryFolder();
  const running = await start(qemu, folder.path);
  const proxy = await qmpProxy(running.address);
  const store = join(folder.path, 'store');
  const words = (...line: readonly string[]) => [...line, '--qmp', proxy.address, '--store', store, ...mapping];
  return {
    running,
    folder: folder.path,
    store,
    sent: proxy.sent,
    words,
    run: (...line) => runLine(words(...line)),
    async writeToAll(pattern) {
      for (const target of disks) await write(running, target, pattern);
    },
    async [Symbol.asyncDispose]() {
      await proxy[Symbol.asyncDispose]();
      await running[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    },
  };
}

/** So many granules of 64 KiB from one on, each run with a byte of its own. */
export function granules(first: number, count: number): Pattern {
  return { offset: first * 65536, length: count * 65536, byte: first + 1 };
}

/** What changes something, by its name. */
export function changesIn(sent: readonly SentCommand[]): readonly string[] {
  return sent.map(({ execute }) => execute).filter((command) => !command.startsWith('query-'));
}
