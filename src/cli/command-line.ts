import { createRequire } from 'node:module';
import { runOnBackupFiles } from './backup-files.js';
import { runLive } from './live.js';
import { loadDomain } from './load-domain.js';
import { makePlan } from './make-plan.js';
import { isAboutBackupFiles, isChange, type Options, readOptions } from './options.js';
import { printPlan } from './print-plan.js';
import { showCheck, showList, showTree } from './show.js';
import { tellError } from './tell-error.js';
import type { Terminal } from './terminal.js';
import { UsageError, usage } from './usage.js';

/** 0: done, 1: refused, 2: wrong usage. */
export type ExitStatus = 0 | 1 | 2;

/** Runs one command line. */
export async function runCommandLine(argv: readonly string[], terminal: Terminal): Promise<ExitStatus> {
  let json = false;
  try {
    const options = readOptions(argv);
    if (options === 'help' || options === 'version') {
      terminal.print(options === 'help' ? usage : version());
      return 0;
    }
    json = options.json;
    return await runCommand(options, terminal);
  } catch (error) {
    if (error instanceof UsageError) {
      terminal.complain(`qemu-checkpoint: ${error.message}; --help shows what it takes`);
      return 2;
    }
    tellError(error, json, terminal);
    return 1;
  }
}

async function runCommand(options: Options, terminal: Terminal): Promise<ExitStatus> {
  const { command, live, json } = options;
  if (isAboutBackupFiles(command)) return (await runOnBackupFiles(options, terminal)) ? 0 : 1;
  if (live !== undefined) return (await runLive({ ...options, live }, terminal)) ? 0 : 1;
  const domain = await loadDomain(options, terminal);
  if (isChange(command)) {
    printPlan(makePlan(options, domain, terminal.now()), json, terminal);
    return 0;
  }
  switch (command) {
    case 'list':
      showList(domain, options, terminal);
      return 0;
    case 'tree':
      showTree(domain, json, terminal);
      return 0;
    case 'backup':
    case 'reconcile':
    case 'check':
      return showCheck(domain, options.name, json, terminal) ? 0 : 1;
  }
}

function version(): string {
  const require = createRequire(import.meta.url);
  // By its own name the package is found from the sources and from the build alike.
  return (require('qemu-checkpoint/package.json') as { version: string }).version;
}
