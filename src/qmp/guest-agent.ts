import { type FreezeUnderWay, freezeUnderWay, type GuestFreeze } from './guest-agent/guest-freeze.js';
import { parseAddress, type QmpAddress } from './session/address.js';
import { invalidArgument } from './session/invalid-argument.js';
import type { Instant, TransactionHooks } from './transaction-hooks.js';

/** How long a guest agent is waited for. Each is a number of seconds above 0. */
export interface GuestAgentOptions {
  /** For the connection, and for answers that take no work; default 5. */
  readonly answerTimeoutSeconds?: number;
  /** For freezing, when the guest writes what is in its caches, and for thawing; both run scripts of its own. Default 30. */
  readonly freezeTimeoutSeconds?: number;
  /** How long the guest may be frozen at most: then it is thawed, whatever QEMU does. Default 10, as Windows has it. */
  readonly longestFreezeSeconds?: number;
}

/** The hooks for a guest with an agent, and what they have seen. */
export interface GuestAgent extends Required<TransactionHooks> {
  /** How the guest was frozen the last time; `undefined` where it was not, or was not frozen and thawed as it should be. */
  readonly lastFreeze: () => GuestFreeze | undefined;
}

/**
 * Makes the hooks that freeze the file systems of a guest just before the instant of a checkpoint, a snapshot or a backup is
 * set, and thaw them just after it: what is kept of that instant is then as if all had been unmounted. Without them it is as
 * after a loss of power, from which file systems recover.
 *
 * A guest that was frozen is thawed whatever fails, an abort too; one whose agent did not answer may have been frozen all the
 * same, and is thawed as well, as soon as its agent listens. A lost connection is opened anew for it. A guest that is frozen
 * already is frozen by someone else: it is refused and left as it is. If this process is killed in the moment in between,
 * the guest stays frozen.
 *
 * What `afterTransaction` throws has not cost anything: the transaction has happened, and the plan is carried out. But the guest
 * may still be frozen (`mayBeFrozen`), or what was kept may not be as quiet as was asked for (`guest-agent-thawed-early`).
 *
 * @param address - Where the agent is reached: the socket of QEMU's `virtserialport` that is called `org.qemu.guest_agent.0`.
 * @throws {@link CheckpointError} with `invalid-input` for what is no address, and no number of seconds. The hooks throw
 * {@link GuestAgentError}:
 * - `guest-agent-unreachable`, `guest-agent-malformed`: nobody listens there, or it is no agent;
 * - `guest-agent-silent`, `guest-agent-closed`: it did not answer;
 * - `guest-agent-refused`: it does not allow that, or could not do it;
 * - `guest-agent-frozen`: the guest is frozen by someone else;
 * - `guest-agent-thawed-early`: the guest was thawed before the transaction was answered.
 * @example
 * ```ts
 * const agent = guestAgent('/run/vm/agent.sock');
 * const plan = planCreateCheckpoint(domain, { name: 'wednesday' }, { now: 1700000000 });
 * await runPlan(session, plan, { ...agent });
 * agent.lastFreeze()?.fileSystems; // 2
 * ```
 * @see QEMU guest agent `guest-fsfreeze-freeze`, `guest-fsfreeze-thaw`; libvirt `VIR_DOMAIN_SNAPSHOT_CREATE_QUIESCE`
 */
export function guestAgent(address: QmpAddress, options: GuestAgentOptions = {}): GuestAgent {
  const where = parseAddress(address);
  const limits = {
    answerSeconds: secondsOf(options, 'answerTimeoutSeconds', 5),
    freezeSeconds: secondsOf(options, 'freezeTimeoutSeconds', 30),
    frozenSeconds: secondsOf(options, 'longestFreezeSeconds', 10),
  };
  const underWay = new WeakMap<Instant, FreezeUnderWay>();
  let last: GuestFreeze | undefined;
  return {
    async beforeTransaction(instant) {
      last = undefined;
      const freeze = freezeUnderWay(where, limits);
      underWay.set(instant, freeze);
      await freeze.freeze(instant.signal);
    },
    async afterTransaction(instant) {
      const freeze = underWay.get(instant);
      underWay.delete(instant);
      last = await freeze?.thaw();
    },
    lastFreeze: () => last,
  };
}

function secondsOf(options: GuestAgentOptions, name: keyof GuestAgentOptions, otherwise: number): number {
  const seconds = options[name] ?? otherwise;
  // A timer takes no more than 24 days.
  if (typeof seconds === 'number' && seconds > 0) return Math.min(seconds, 2 ** 31 / 1000 - 1);
  throw invalidArgument(`options.${name}`, 'must be a number above 0');
}
