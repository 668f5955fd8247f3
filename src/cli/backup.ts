import { join, resolve } from 'node:path';
import { type BackupReport, chooseBackup, type MakeBackupRequest, makeBackup, nameAt } from '../backup/make-backup.js';
import { usableBases } from '../backup/usable-bases.js';
import { throwProblems } from '../core/error.js';
import type { Domain } from '../core/model/domain.js';
import { planBeginBackup } from '../core/plan/begin-backup.js';
import type { GuestFreeze } from '../qmp/guest-agent/guest-freeze.js';
import { guestAgent } from '../qmp/guest-agent.js';
import type { Machine } from './machine.js';
import type { Options } from './options.js';
import { explainPlan, freezeText } from './print-plan.js';
import { settle } from './reconcile.js';
import { withMoved } from './resume.js';
import { interrupted, look } from './sight.js';
import { formatBytes } from './table.js';
import { tellCopies } from './tell-copies.js';
import { tellProgress } from './tell-progress.js';
import type { Terminal } from './terminal.js';

/** Makes a backup. Before one of the kind `auto` what a crash has left is ended. @returns That it was made. */
export async function runBackupCommand(machine: Machine): Promise<boolean> {
  const { session, store, terminal } = machine;
  const moved = machine.options.kind === 'auto' ? (await settle(machine, terminal.complain)).moved : [];
  const options = { ...machine.options, disks: withMoved(machine.options.disks, moved) };
  throwProblems(interrupted(await look(session, store, options)));
  const agent = options.quiesce === undefined ? undefined : guestAgent(options.quiesce);
  const report = await makeBackup(session, requestOf(options), {
    store,
    observe: async () => (await look(session, store, options)).domain,
    signal: terminal.signal,
    now: options.now ?? terminal.now(),
    sha256: options.sha256,
    ...(options.keepOthers && { onDiskFailure: 'keep-others' }),
    ...(!options.json && { onStep: tellProgress(terminal), onProgress: tellCopies(terminal) }),
    ...agent,
  });
  printReport(report, agent?.lastFreeze(), options, terminal);
  return report.manifest.failed === undefined;
}

/** Says what each disk would be based on, and explains the steps that begin the backup. */
export async function showBackup(domain: Domain, options: Options, terminal: Terminal): Promise<void> {
  const now = options.now ?? terminal.now();
  const request = requestOf(options);
  const name = request.name ?? nameAt(now);
  const { bases, asked } = chooseBackup(domain, await usableBases(request.directory, domain.name), {
    ...request,
    name,
  });
  if (!options.json) for (const { why } of bases) terminal.print(why);
  explainPlan(planBeginBackup(domain, asked, { now }), options.json, terminal);
}

function requestOf(options: Options): MakeBackupRequest {
  const { kind = 'auto', mode = 'push', only, name, speed, compress, fleecing } = options;
  const directory = resolve(options.directory ?? '.');
  const { socket = join(directory, '.nbd.sock') } = options;
  return {
    kind,
    directory,
    mode,
    ...(only !== undefined && { disks: only }),
    ...(name !== undefined && { name }),
    ...(mode === 'pull' && { server: { type: 'unix', path: resolve(socket) } }),
    copy: { ...(speed !== undefined && { speed }), ...(compress && { compress }), ...(fleecing && { fleecing }) },
  };
}

function printReport(
  report: BackupReport,
  freeze: GuestFreeze | undefined,
  { json }: Options,
  { print, complain }: Terminal,
): void {
  if (json) {
    print(JSON.stringify({ ...report, freeze }));
    return;
  }
  const { manifest, bases, recovered, rescued, removed, foreign, warnings } = report;
  if (recovered !== undefined) print('an earlier backup, which had not ended, was taken back first');
  for (const { checkpoint, diskTarget } of rescued) print(`rescued: ${checkpoint} on ${diskTarget}`);
  for (const { passedOver } of bases) {
    for (const { problems } of passedOver) for (const { text } of problems) complain(`passed over: ${text}`);
  }
  print(`backed up: ${manifest.name}`);
  for (const { diskTarget, base, bytes, file } of manifest.disks) {
    print(`  ${diskTarget}: ${formatBytes(bytes)}, ${base === undefined ? 'in full' : `since ${base.name}`}: ${file}`);
  }
  for (const { diskTarget, reason } of manifest.failed ?? []) complain(`disk ${diskTarget} failed: ${reason}`);
  if (freeze !== undefined) print(freezeText(freeze));
  for (const { checkpoint, diskTarget } of removed)
    print(`of no use any more, and deleted: ${checkpoint} on ${diskTarget}`);
  for (const { bitmap, nodeName, busy } of foreign) {
    print(
      `left alone: bitmap "${bitmap}" on node "${nodeName}", which no checkpoint names${busy ? '; it is busy' : ''}`,
    );
  }
  for (const { text } of warnings) complain(`warning: ${text}`);
}
