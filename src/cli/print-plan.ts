import type { Plan } from '../core/plan/plan.js';
import { findCheckpoint } from '../core/tree/find-checkpoint.js';
import { formatCommand } from '../qmp/format-command.js';
import type { Options } from './options.js';
import type { Terminal } from './terminal.js';

/** Prints the QMP commands of a plan, one a line, ready for a monitor; or with `json` all there is to it. */
export function printPlan(plan: Plan, json: boolean, terminal: Terminal): void {
  warn(plan, json, terminal);
  if (json) printAll(plan, terminal);
  else for (const command of commandsOf(plan)) terminal.print(JSON.stringify(command));
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

/** Says what has been done. */
export function printResult(plan: Plan, { command, json, name }: Options, terminal: Terminal): void {
  const { checkpoints } = plan.next;
  warn(plan, json, terminal);
  if (json) terminal.print(JSON.stringify({ checkpoints, warnings: plan.warnings ?? [] }));
  else terminal.print(command === 'delete' ? `deleted: ${name}` : `created: ${madeText(plan)}`);
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
  terminal.print(JSON.stringify({ commands: commandsOf(plan), steps, checkpoints, warnings }));
}

function commandsOf({ steps }: Plan) {
  return steps.map(({ command }) => formatCommand(command));
}
