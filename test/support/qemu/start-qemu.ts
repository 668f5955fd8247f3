import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import type { Qemu } from './find-qemu.js';
import { type Message, type Monitor, openMonitor } from './monitor.js';
import { type TemporaryFolder, temporaryFolder } from './temporary-folder.js';

/** A QEMU that runs and is ready for commands. When it goes out of scope it is killed, whatever its state. */
export interface RunningQemu extends AsyncDisposable {
  readonly qemu: Qemu;
  readonly pid: number;
  /** The harness's own monitor, apart from the one that sessions connect to. */
  readonly monitor: Monitor;
  /** Path of the socket where one session at a time may connect. */
  readonly address: string;
  /** Path of the socket of its NBD server. */
  readonly nbdAddress: string;
  /** What it has written so far. */
  readonly output: { readonly stdout: string; readonly stderr: string };
  readonly exited: Promise<Exit>;
  /** Asks it to end, which stores the bitmaps. */
  quit(): Promise<Exit>;
  kill(signal: NodeJS.Signals): Promise<Exit>;
}

/** How a process ended. */
export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** @param options - `directory`: where relative file names start; `args`: what else goes onto the command line. */
export function startStorageDaemon(
  qemu: Qemu,
  options: { readonly directory?: string; readonly args?: readonly string[] } = {},
): Promise<RunningQemu> {
  const monitors = ['--monitor', 'chardev=harness', '--monitor', 'chardev=sessions'];
  return start(qemu, qemu.storageDaemon, [...monitors, ...(options.args ?? [])], options.directory);
}

/** Starts a machine whose processors stand still: its guest is whoever writes over NBD. */
export function startSystem(
  qemu: Qemu,
  options: { readonly machine?: string; readonly directory?: string; readonly args?: readonly string[] } = {},
): Promise<RunningQemu> {
  const { machine = 'none', directory, args = [] } = options;
  if (qemu.system === undefined) throw new Error(`QEMU ${qemu.version} has no qemu-system-x86_64 here`);
  const firmware = qemu.firmware === undefined ? [] : ['-L', qemu.firmware];
  const quiet = ['-S', '-nodefaults', '-no-user-config', '-display', 'none', '-accel', 'tcg'];
  const monitors = ['-mon', 'chardev=harness,mode=control', '-mon', 'chardev=sessions,mode=control'];
  return start(qemu, qemu.system, ['-machine', machine, ...firmware, ...quiet, ...monitors, ...args], directory);
}

/** Connects one more plain monitor, to record what passes for example. */
export async function connectMonitor(address: string, onMessage?: (message: Message) => void): Promise<Monitor> {
  return await openMonitor(connect(address), onMessage);
}

const running = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/**
 * QEMU connects to a socket of ours, and greets there once it has done all that its command line says: then it is ready,
 * and nobody had to look again and again.
 */
async function start(
  qemu: Qemu,
  program: string,
  args: readonly string[],
  directory: string | undefined,
): Promise<RunningQemu> {
  const folder = await temporaryFolder();
  const harness = join(folder.path, 'harness');
  const address = join(folder.path, 'monitor');
  const server = createServer().listen(harness);
  await once(server, 'listening');
  const sockets = [`socket,id=harness,path=${harness}`, `socket,id=sessions,path=${address},server=on,wait=off`];
  const chardev = program === qemu.system ? '-chardev' : '--chardev';
  const child = spawn(program, [...sockets.flatMap((socket) => [chardev, socket]), ...args], {
    cwd: directory ?? folder.path,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  running.add(child);
  const output = collectOutput(child);
  const exited = waitForExit(child);
  const dispose = () => disposeOf(child, exited, folder);
  try {
    const monitor = await openMonitor(await firstConnection(server, exited, output));
    const nbdAddress = join(folder.path, 'nbd');
    await monitor.execute('nbd-server-start', { addr: { type: 'unix', data: { path: nbdAddress } } });
    return {
      qemu,
      pid: child.pid as number,
      monitor,
      address,
      nbdAddress,
      output,
      exited,
      async quit() {
        // It may be gone before its reply is read.
        await monitor.execute('quit').catch(() => undefined);
        return await exited;
      },
      async kill(signal) {
        child.kill(signal);
        return await exited;
      },
      [Symbol.asyncDispose]: dispose,
    };
  } catch (cause) {
    await dispose();
    throw cause;
  } finally {
    server.close();
  }
}

function collectOutput(child: ChildProcess): RunningQemu['output'] {
  const output = { stdout: '', stderr: '' };
  child.stdout?.setEncoding('utf8').on('data', (text) => {
    output.stdout += text;
  });
  child.stderr?.setEncoding('utf8').on('data', (text) => {
    output.stderr += text;
  });
  return output;
}

async function waitForExit(child: ChildProcess): Promise<Exit> {
  const [code, signal] = (await once(child, 'close')) as [Exit['code'], Exit['signal']];
  running.delete(child);
  return { code, signal };
}

async function firstConnection(server: Server, exited: Promise<Exit>, output: RunningQemu['output']): Promise<Socket> {
  const connected = once(server, 'connection') as Promise<[Socket]>;
  const gone = exited.then(({ code, signal }) => {
    throw new Error(`QEMU ended with ${signal ?? `status ${code}`} before it was ready: ${output.stderr.trim()}`);
  });
  gone.catch(() => undefined);
  const [socket] = await Promise.race([connected, gone]);
  return socket;
}

async function disposeOf(child: ChildProcess, exited: Promise<Exit>, folder: TemporaryFolder): Promise<void> {
  child.kill('SIGKILL');
  await exited.catch(() => undefined);
  await folder[Symbol.asyncDispose]();
}
