import type { Plan } from '../core/plan/plan.js';
import { formatCommand } from '../qmp/format-command.js';
import type { Terminal } from './terminal.js';

/** Prints the QMP commands of a plan, one a line, ready for a monitor; or with `json` all there is to it. */
export function printPlan(plan: Plan, json: boolean, terminal: Terminal): void {
  const { steps, next, warnings = [] } = plan;
  const commands = steps.map(({ command }) => formatCommand(command));
  if (json) {
    const { checkpoints } = next;
    terminal.print(JSON.stringify({ commands, steps, checkpoints, warnings }));
    return;
  }
  for (const { text } of warnings) terminal.complain(`warning: ${text}`);
  for (const command of commands) terminal.print(JSON.stringify(command));
}
