import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import type { Qemu } from './find-qemu.js';
import { temporaryFolder } from './temporary-folder.js';

/**
 * What a real agent must not do here. Its guest is this machine: a freeze would stop all file systems of it, for good where the
 * test hangs. So no agent is started without these.
 */
const blocked: readonly string[] = [
  'guest-fsfreeze-freeze',
  'guest-fsfreeze-freeze-list',
  'guest-shutdown',
  'guest-exec',
];

/** A real guest agent that may look, and may not freeze. */
export interface RunningAgent extends AsyncDisposable {
  readonly address: string;
}

/** @param alsoBlocked - Commands that it is not to allow either. */
export async function startGuestAgent({ agent }: Qemu, alsoBlocked: readonly string[] = []): Promise<RunningAgent> {
  if (agent === undefined) throw new Error('there is no qemu-ga: install the package qemu-guest-agent');
  const folder = await temporaryFolder();
  const address = join(folder.path, 'agent');
  const files = ['-t', folder.path, '-f', join(folder.path, 'pid')];
  const block = ['-b', [...blocked, ...alsoBlocked].join(',')];
  const child = spawn(agent, ['-m', 'unix-listen', '-p', address, ...files, ...block], { stdio: 'ignore' });
  const kill = () => child.kill('SIGKILL');
  process.once('exit', kill);
  const ended = once(child, 'close');
  const stop = async () => {
    process.off('exit', kill);
    child.kill('SIGTERM');
    await ended;
    await folder[Symbol.asyncDispose]();
  };
  const failed = ended.then(([code]) => {
    throw new Error(`qemu-ga has ended with ${code}`);
  });
  failed.catch(() => undefined);
  try {
    await Promise.race([listening(address), failed]);
    return { address, [Symbol.asyncDispose]: stop };
  } catch (cause) {
    await stop();
    throw cause;
  }
}

/** It says nothing when it is ready, so it is tried. */
async function listening(address: string): Promise<void> {
  for (;;) {
    const socket = connect(address);
    // `once` rejects with an error that comes instead.
    const isThere = await once(socket, 'connect').then(
      () => true,
      () => false,
    );
    socket.destroy();
    if (isThere) return;
    await setTimeout(10);
  }
}
