import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { qemuIo } from './qemu-io.js';
import type { RunningQemu } from './start-qemu.js';
import { temporaryFolder } from './temporary-folder.js';

const run = promisify(execFile);

/** A part of a disk. */
export interface Range {
  readonly offset: number;
  readonly length: number;
}

/** A run of equal bytes. */
export interface Pattern extends Range {
  readonly byte: number;
}

/** A disk as its guest has it. What is written arrives at whatever node is on top at that time. */
export interface GuestDisk {
  write(...patterns: readonly Pattern[]): Promise<void>;
  /** Gives clusters up, which read as zeros then; a node that was not added with `discard` set to `unmap` passes over it. */
  discard(range: Range): Promise<void>;
  /** Writes zeros, by the command that QEMU has for them. */
  zero(range: Range, options?: { readonly unmap?: boolean }): Promise<void>;
  /** Everything that is on it. */
  read(): Promise<Buffer>;
  /** Takes the guest away, so that the node can be reopened or removed. */
  detach(): Promise<void>;
}

/** Puts a guest onto a node: a writable NBD export, which QEMU treats as a guest's device. */
export async function attachGuest(running: RunningQemu, nodeName: string): Promise<GuestDisk> {
  const { qemu, monitor, nbdAddress } = running;
  const id = `guest-${nodeName}`;
  const exported = { type: 'nbd', id, 'node-name': nodeName, name: nodeName, writable: true };
  await monitor.execute('block-export-add', exported);
  // One connection, as a guest's device has one: QEMU 10.0 lets a client that connects while a mirror job ends write through what
  // is being freed, and crashes.
  const uri = `nbd+unix:///${encodeURIComponent(nodeName)}?socket=${nbdAddress}`;
  const io = qemuIo(running, uri);
  return {
    async write(...patterns) {
      const commands = patterns.map(({ offset, length, byte }) => `write -P ${byte} ${offset} ${length}`);
      await io.execute([...commands, 'flush']);
    },
    async discard({ offset, length }) {
      await io.execute([`discard ${offset} ${length}`, 'flush']);
    },
    async zero({ offset, length }, { unmap = false } = {}) {
      await io.execute([`write -z ${unmap ? '-u ' : ''}${offset} ${length}`, 'flush']);
    },
    async read() {
      await using folder = await temporaryFolder();
      const copy = join(folder.path, 'copy');
      await run(qemu.img, ['convert', '-f', 'raw', '-O', 'raw', uri, copy]);
      return await readFile(copy);
    },
    async detach() {
      await io.quit();
      const gone = monitor.nextEvent('BLOCK_EXPORT_DELETED', (data) => data['id'] === id);
      await monitor.execute('block-export-del', { id, mode: 'hard' });
      await gone;
    },
  };
}
