import { expect, it } from 'vitest';
import { planCreateCheckpoint } from '../../src/index.js';
import { guestAgent, type PlanError, runPlan, scriptedSession } from '../../src/live.js';
import { recordAgent } from '../record/agent.js';
import { domain, now } from '../support/builders.js';
import { fixtureVersions, readAgent } from '../support/fixtures.js';
import { describeOnEachQemu } from '../support/qemu/describe-on-each-qemu.js';
import { startGuestAgent } from '../support/qemu/start-guest-agent.js';
import { rejection } from '../support/rejection.js';

/** The guest of this agent is the machine that the test runs on: so it may do all but freeze. */
describeOnEachQemu('a real guest agent', (qemu) => {
  const version = fixtureVersions.find((each) => each === qemu.version);

  it('says what was recorded of it', async () => {
    expect(await recordAgent(qemu)).toEqual(version === undefined ? expect.anything() : readAgent(version));
  });

  it.each<[string, readonly string[], string]>([
    ['freeze', [], 'refused guest-fsfreeze-freeze: Command guest-fsfreeze-freeze has been disabled'],
    ['thaw', ['guest-fsfreeze-thaw'], 'does not allow guest-fsfreeze-thaw, so nothing was frozen: allow it there'],
    [
      'say whether it has',
      ['guest-fsfreeze-status'],
      'refused guest-fsfreeze-status: Command guest-fsfreeze-status has been disabled',
    ],
  ])('that may not %s says so, time and again, and nothing is sent to QEMU', async (_, alsoBlocked, text) => {
    await using agent = await startGuestAgent(qemu, alsoBlocked);
    const session = scriptedSession(() => ({}));
    const plan = planCreateCheckpoint(domain(), { name: 'wednesday' }, { now });
    for (let time = 0; time < 2; time += 1) {
      const run = runPlan(session, plan, { schema: [], ...guestAgent(agent.address) });
      const error = (await rejection(run)) as PlanError;
      expect(error).toMatchObject({ outcome: 'undone', cause: { code: 'guest-agent-refused', mayBeFrozen: false } });
      expect((error.cause as Error).message).toContain(`the guest agent at ${agent.address} ${text}`);
      expect(error).not.toHaveProperty('hookFailure');
    }
    expect(session.calls).toEqual([]);
  });
});
