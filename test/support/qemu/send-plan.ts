import type { Domain } from '../../../src/core/model/domain.js';
import type { Plan } from '../../../src/core/plan/plan.js';
import { formatCommand } from '../../../src/qmp/format-command.js';
import type { QmpSession } from '../../../src/qmp/qmp-session.js';

/** Sends a plan step by step, without the library's own way to run one. Returns the domain that it leads to. */
export async function sendPlan(session: QmpSession, { steps, next }: Plan): Promise<Domain> {
  for (const { command } of steps) {
    const { execute, arguments: args } = formatCommand(command);
    await session.execute(execute, args);
  }
  return next;
}
