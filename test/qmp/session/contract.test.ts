import { describe } from 'vitest';
import { isQmpError, type QmpCommandError } from '../../../src/qmp/error.js';
import type { QmpConnection } from '../../../src/qmp/qmp-connection.js';
import { recordSession } from '../../../src/qmp/record-session.js';
import { replaySession } from '../../../src/qmp/replay-session.js';
import { scriptedSession } from '../../../src/qmp/scripted-session.js';
import { connect } from '../../../src/qmp/session.js';
import { answerAsDaemon } from '../../support/answer-as-daemon.js';
import { type FakeCommand, type FakePeer, fakeGreeting, fakeMonitor } from '../../support/fake-monitor.js';
import { describeOnEachQemu } from '../../support/qemu/describe-on-each-qemu.js';
import { startStorageDaemon } from '../../support/qemu/start-qemu.js';
import { testSessionContract } from '../../support/session-contract.js';

describe('a session with a fake monitor', () => {
  testSessionContract(async () => {
    const monitor = await fakeMonitor({ onCommand: answer });
    return closing(await connect(monitor.address), monitor);
  });
});

describe('a scripted session', () => {
  testSessionContract(async () => scripted());
});

describe('a recorded session', () => {
  testSessionContract(async () => recordSession(scripted()));
});

describe('a replayed session', () => {
  testSessionContract(async (run) => {
    const recorded = recordSession(scripted());
    await run(recorded);
    return replaySession(recorded.transcript());
  });
});

describeOnEachQemu('a session with a qemu-storage-daemon', (qemu) => {
  testSessionContract(async () => {
    const daemon = await startStorageDaemon(qemu);
    return closing(await connect(daemon.address), daemon);
  });
});

describeOnEachQemu('a replayed session with a qemu-storage-daemon', (qemu) => {
  testSessionContract(async (run) => {
    await using daemon = await startStorageDaemon(qemu);
    await using session = recordSession(await connect(daemon.address));
    await run(session);
    return replaySession(session.transcript());
  });
});

function scripted(): QmpConnection {
  const session = scriptedSession(
    (command, args) => answerAsDaemon(command, args, fakeGreeting.version, session.emit),
    { greeting: fakeGreeting },
  );
  return session;
}

function answer({ execute, arguments: args = {}, id }: FakeCommand, peer: FakePeer): void {
  try {
    const value = answerAsDaemon(execute, args, fakeGreeting.version, (event) => peer.send(event));
    peer.send({ return: value, id });
  } catch (error) {
    if (!isQmpError(error)) throw error;
    const { errorClass, desc } = error as QmpCommandError;
    peer.send({ error: { class: errorClass, desc }, id });
  }
}

/** A session whose end takes its other end with it. */
function closing(session: QmpConnection, other: AsyncDisposable): QmpConnection {
  return {
    ...session,
    async [Symbol.asyncDispose]() {
      await session.close();
      await other[Symbol.asyncDispose]();
    },
  };
}
