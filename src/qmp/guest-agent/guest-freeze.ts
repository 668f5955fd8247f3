import * as z from 'zod';
import { describeAddress, type ParsedAddress } from '../session/address.js';
import { type AgentLimits, agentChannel } from './agent-channel.js';
import { GuestAgentError } from './agent-error.js';

/** How a guest was frozen. */
export interface GuestFreeze {
  /** How many of its file systems were frozen. */
  readonly fileSystems: number;
  /** How long that took: it writes what is in its caches and runs its own scripts, and what it writes meanwhile may wait. */
  readonly freezingMilliseconds: number;
  /** From when all were frozen until they were thawed again. */
  readonly frozenMilliseconds: number;
}

/** How long each part may take. */
export interface FreezeLimits {
  readonly answerSeconds: number;
  readonly freezeSeconds: number;
  readonly frozenSeconds: number;
}

/** One freeze of a guest, and its end. */
export interface FreezeUnderWay {
  /** @throws {@link GuestAgentError}; the signal's reason. Thaw after that all the same. */
  freeze(signal: AbortSignal | undefined): Promise<void>;
  /**
   * Thaws the guest, unless it is certain that this did not freeze it; `undefined` where it is not known to have been frozen.
   *
   * @throws {@link GuestAgentError}
   */
  thaw(): Promise<GuestFreeze | undefined>;
}

/** Makes one. It thaws the guest by itself where nobody does in time. */
export function freezeUnderWay(address: ParsedAddress, limits: FreezeLimits): FreezeUnderWay {
  const where = describeAddress(address);
  let channel = agentChannel(address);
  let mayBeFrozen = false;
  let frozen: Omit<GuestFreeze, 'frozenMilliseconds'> | undefined;
  let frozenAt = 0;
  let overdue: NodeJS.Timeout | undefined;
  let isOverdue = false;
  let thawing: Promise<{ readonly count: unknown; readonly at: number }> | undefined;

  async function freeze(signal: AbortSignal | undefined): Promise<void> {
    const answer = { seconds: limits.answerSeconds, signal };
    if ((await channel.execute('guest-fsfreeze-status', answer)) === 'frozen') throw frozenBefore(where);
    await expectThaw(answer);
    const startedAt = performance.now();
    mayBeFrozen = true;
    const fileSystems = await sendFreeze({ seconds: limits.freezeSeconds, signal });
    frozenAt = performance.now();
    frozen = { fileSystems, freezingMilliseconds: frozenAt - startedAt };
    overdue = setTimeout(() => {
      isOverdue = true;
      sendThaw().catch(() => undefined);
    }, limits.frozenSeconds * 1000);
  }

  /** What could not be thawed is not to be frozen. An agent that does not say is taken to be as most are. */
  async function expectThaw(answer: AgentLimits): Promise<void> {
    const info = await channel.execute('guest-info', answer).catch(unlessRefused);
    const commands = infoSchema.safeParse(info).data?.supported_commands ?? [];
    if (!commands.some(({ name, enabled }) => name === 'guest-fsfreeze-thaw' && !enabled)) return;
    const text = `the guest agent at ${where} does not allow guest-fsfreeze-thaw, so nothing was frozen: allow it there`;
    throw new GuestAgentError('guest-agent-refused', text);
  }

  async function sendFreeze(answer: AgentLimits): Promise<number> {
    try {
      const count = await channel.execute('guest-fsfreeze-freeze', answer);
      if (typeof count === 'number') return count;
      throw new GuestAgentError('guest-agent-malformed', `what is at ${where} answers a freeze without a number`);
    } catch (error) {
      // An agent that refuses has thawed what it had frozen.
      if (codeOf(error) === 'guest-agent-refused') mayBeFrozen = false;
      throw error;
    }
  }

  async function thaw(): Promise<GuestFreeze | undefined> {
    clearTimeout(overdue);
    try {
      if (!mayBeFrozen) return undefined;
      const { count, at } = await sendThaw();
      if (frozen === undefined) return undefined;
      if (isOverdue) throw thawedLate(where, limits.frozenSeconds);
      if (typeof count === 'number' && count < frozen.fileSystems)
        throw thawedBefore(where, frozen.fileSystems - count);
      return { ...frozen, frozenMilliseconds: at - frozenAt };
    } finally {
      channel.close();
    }
  }

  function sendThaw(): NonNullable<typeof thawing> {
    thawing ??= (async () => {
      try {
        const count = await thawAtAllCosts({ seconds: limits.freezeSeconds });
        return { count, at: performance.now() };
      } catch (error) {
        throw await notThawed(error as GuestAgentError);
      }
    })();
    return thawing;
  }

  async function thawAtAllCosts(answer: AgentLimits): Promise<unknown> {
    try {
      return await channel.execute('guest-fsfreeze-thaw', answer);
    } catch (error) {
      if (codeOf(error) !== 'guest-agent-closed') throw error;
      // The guest does not notice that a connection was lost, and stays as it is.
      channel = agentChannel(address);
      return await channel.execute('guest-fsfreeze-thaw', answer);
    }
  }

  /** A refusal may only mean that a script of the guest's failed when all was thawed. */
  async function notThawed({ code, message }: GuestAgentError): Promise<GuestAgentError> {
    const ask = () => channel.execute('guest-fsfreeze-status', { seconds: limits.answerSeconds });
    const status = code === 'guest-agent-refused' ? await ask().catch(() => undefined) : undefined;
    if (status === 'thawed') return new GuestAgentError(code, `${message}; the guest is thawed all the same`);
    const text = `${message}; the guest may still be frozen: look into it, and thaw it`;
    return new GuestAgentError(code, text, { mayBeFrozen: true });
  }

  return { freeze, thaw };
}

const infoSchema = z.object({ supported_commands: z.array(z.object({ name: z.string(), enabled: z.boolean() })) });

function codeOf(error: unknown): string | undefined {
  return error instanceof GuestAgentError ? error.code : undefined;
}

function unlessRefused(error: unknown): undefined {
  if (codeOf(error) !== 'guest-agent-refused') throw error;
}

function frozenBefore(where: string): GuestAgentError {
  const cure = 'try again when that has ended, or thaw it where nobody is at it any more';
  return new GuestAgentError('guest-agent-frozen', `the guest of ${where} is frozen already, not by this; ${cure}`);
}

const asAfterCrash = 'what was kept of it may be as after a crash';

function thawedLate(where: string, seconds: number): GuestAgentError {
  const text = `the guest of ${where} was thawed when it had been frozen for ${seconds} s, before QEMU had answered`;
  return new GuestAgentError('guest-agent-thawed-early', `${text}: ${asAfterCrash}`);
}

function thawedBefore(where: string, count: number): GuestAgentError {
  const text = `someone else had thawed ${count} of the file systems of the guest of ${where}`;
  return new GuestAgentError('guest-agent-thawed-early', `${text}: ${asAfterCrash}`);
}
