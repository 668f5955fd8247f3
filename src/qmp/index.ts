// Read what QEMU says

export { finishPulls } from './finish-pulls.js';
export { queryJobs } from './job-reply.js';
export { observeDomain } from './observe-domain.js';
export { parseBlockNodes } from './parse-block-nodes.js';
export { resolveBackingChain } from './resolve-backing-chain.js';

// Spell and run what is planned

export { formatCommand, formatTransaction } from './format-command.js';
export { guestAgent } from './guest-agent.js';
export { runPlan } from './run-plan.js';

// Sessions: with a running QEMU, with a function, with a recording

export { recordSession } from './record-session.js';
export { replaySession } from './replay-session.js';
export { scriptedSession } from './scripted-session.js';
export { connect } from './session.js';

// What can go wrong, from the root to the most special

export {
  isQmpError,
  QmpClosedError,
  QmpCommandError,
  QmpConnectError,
  QmpDivergedError,
  QmpError,
  QmpGreetingError,
  QmpMalformedError,
} from './error.js';
export { qmpErrorCode } from './error-code.js';
export { GuestAgentError } from './guest-agent/agent-error.js';
export { QmpJobError } from './job-error.js';
export { PlanError } from './plan-error.js';

// Types

export type { QmpErrorKind } from './error.js';
export type { QmpErrorCode } from './error-code.js';
export type { FinishPullsOptions } from './finish-pulls.js';
export type { QmpTransactionAction } from './format-command.js';
export type { GuestAgentErrorCode } from './guest-agent/agent-error.js';
export type { GuestFreeze } from './guest-agent/guest-freeze.js';
export type { GuestAgent, GuestAgentOptions } from './guest-agent.js';
export type { JobReply } from './job-reply.js';
export type { DiskMapping, ObserveOptions } from './observe-domain.js';
export type { FailedStep, NotUndone } from './plan-error.js';
export type { QmpCommand } from './qmp-command.js';
export type { QmpConnection, QmpGreeting } from './qmp-connection.js';
export type { QmpEvent, QmpEventFilter, QmpEventOptions, QmpEvents } from './qmp-event.js';
export type { QmpArguments, QmpSession } from './qmp-session.js';
export type { RecordedSession } from './record-session.js';
export type { ReplayedSession } from './replay-session.js';
export type { RunOptions, StepProgress } from './run-plan.js';
export type { ScriptedCall, ScriptedSession } from './scripted-session.js';
export type { QmpAddress } from './session/address.js';
export type { ConnectOptions } from './session.js';
export type { Instant, TransactionHooks } from './transaction-hooks.js';
export type { JobProgress } from './wait-for-job.js';
