import { type Domain, findDisk } from '../core/model/domain.js';
import type { Plan } from '../core/plan/plan.js';
import { findCheckpoint } from '../core/tree/find-checkpoint.js';
import { formatCommand } from '../qmp/format-command.js';
import type { GuestFreeze } from '../qmp/guest-agent/guest-freeze.js';
import type { DiskOption } from './option-values.js';
import type { Options } from './options.js';
import type { Terminal } from './terminal.js';

/** Prints the QMP commands of a plan, one a line, ready for a monitor; or with `json` all there is to it. */
export function printPlan(plan: Plan, json: boolean, terminal: Terminal): void {
  warn(plan, json, terminal);
  if (json) {
    printAll(plan, terminal);
    return;
  }
  for (const command of commandsOf(plan)) terminal.print(JSON.stringify(command));
  if (plan.steps.some(({ command }) => command.kind === 'job-wait')) {
    terminal.complain('send them one by one; query-jobs stands where a job is waited for, and --json says until when');
  }
}

/** Prints each step with its reason and the command it sends. */
export function explainPlan(plan: Plan, json: boolean, terminal: Terminal): void {
  warn(plan, json, terminal);
  if (json) {
    printAll(plan, terminal);
    return;
  }
  const commands = commandsOf(plan);
  if (commands.length === 0) terminal.print('Nothing is sent to QEMU.');
  plan.steps.forEach(({ why, irreversible }, place) => {
    terminal.print(`${place + 1}. ${why}${irreversible ? ' This cannot be put back.' : ''}`);
    terminal.print(`   ${JSON.stringify(commands[place])}`);
  });
}

/** What a plan has come to. */
export interface Result {
  readonly plan: Plan;
  readonly before: Domain;
  /** How the guest was frozen meanwhile. */
  readonly freeze?: GuestFreeze | undefined;
}

/**
 * Says what has been done, for how long the guest was frozen, and which active layers the disks that were given new ones have
 * now.
 */
export function printResult({ plan, before, freeze }: Result, options: Options, terminal: Terminal): void {
  const { next, warnings = [] } = plan;
  warn(plan, options.json, terminal);
  if (options.json) {
    terminal.print(JSON.stringify({ checkpoints: next.checkpoints, disks: layersOf(next), warnings, freeze }));
    return;
  }
  terminal.print(resultText(plan, options));
  if (freeze !== undefined) terminal.print(freezeText(freeze));
  const moved = next.disks.filter(({ diskTarget }) => activeOf(next, diskTarget) !== activeOf(before, diskTarget));
  for (const { diskTarget } of moved) terminal.print(movedText({ diskTarget, nodeName: activeOf(next, diskTarget) }));
}

/** Says by which layer a disk is named from now on. */
export function movedText({ diskTarget, nodeName }: DiskOption): string {
  return `the active layer of ${diskTarget} is "${nodeName}" now: --disk ${diskTarget}=${nodeName}`;
}

function resultText(plan: Plan, { command, name, target, only, overlays = [], checkpoint }: Options): string {
  switch (command) {
    case 'delete':
      return `deleted: ${name}`;
    case 'snapshot': {
      const begun = checkpoint === undefined ? '' : `, with checkpoint ${checkpoint}`;
      return `snapshot taken: ${overlays.map(({ diskTarget }) => diskTarget).join(', ')}${begun}`;
    }
    case 'commit':
      return `committed: ${target}`;
    case 'copy':
      return `copied: ${target}`;
    case 'pull':
      return `pulled: ${target}`;
    case 'rescue':
      return plan.steps.length === 0 ? `nothing is lacking: ${name} on ${only}` : `rescued: ${name} on ${only}`;
    default:
      return `created: ${madeText(plan)}`;
  }
}

export function freezeText({ fileSystems, frozenMilliseconds }: GuestFreeze): string {
  const what = fileSystems === 1 ? 'one file system' : `${fileSystems} file systems`;
  return `the guest was frozen for ${Math.ceil(frozenMilliseconds)} ms: ${what}`;
}

function activeOf(domain: Domain, diskTarget: string): string {
  return findDisk(domain, diskTarget)?.backingChain[0]?.nodeName ?? '';
}

/** The layers of each disk, the active one first. */
function layersOf({ disks }: Domain) {
  return disks.map(({ diskTarget, backingChain }) => ({
    diskTarget,
    layers: backingChain.map(({ nodeName }) => nodeName),
  }));
}

function madeText({ next: { checkpoints } }: Plan): string {
  const made = findCheckpoint(checkpoints, checkpoints.current ?? '');
  const disks = made?.disks.filter(({ bitmap }) => bitmap !== undefined).map(({ diskTarget }) => diskTarget) ?? [];
  return `${made?.name} on ${disks.length === 0 ? 'no disk' : disks.join(', ')}`;
}

function warn({ warnings = [] }: Plan, json: boolean, terminal: Terminal): void {
  if (!json) for (const { text } of warnings) terminal.complain(`warning: ${text}`);
}

function printAll(plan: Plan, terminal: Terminal): void {
  const { steps, next, warnings = [] } = plan;
  const { checkpoints } = next;
  terminal.print(JSON.stringify({ commands: commandsOf(plan), steps, checkpoints, disks: layersOf(next), warnings }));
}

function commandsOf({ steps }: Plan) {
  return steps.map(({ command }) => formatCommand(command));
}
