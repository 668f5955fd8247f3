import { spawnSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join, resolve } from 'node:path';

/** The programs of one QEMU, by their paths. */
export interface Qemu {
  /** Major and minor number, `7.2`. */
  readonly version: string;
  readonly storageDaemon: string;
  readonly img: string;
  readonly io: string;
  /** Absent where it, or a library of it, is not installed: both come with the package qemu-system-x86. */
  readonly system?: string;
  /** The agent for its guests; absent where it is not installed: it comes with the package qemu-guest-agent. */
  readonly agent?: string;
  /** Where its firmware is, for a QEMU that is unpacked and not installed. */
  readonly firmware?: string;
}

/** The versions that fixtures are recorded from and that CI tests. */
export const wantedVersions: readonly string[] = ['7.2', '10.0'];

const unpacked = process.env['QEMU_10_0'] ?? resolve(import.meta.dirname, '../../../.qemu/10.0/usr/bin');

/** The QEMUs of this machine: the one on the path, whatever its version, and QEMU 10.0 unpacked beside it. */
export function qemuVersions(): readonly Qemu[] {
  const path = (process.env['PATH'] ?? '').split(delimiter);
  const found = [readQemu(path), readQemu([unpacked], resolve(unpacked, '../share/seabios'))];
  const versions = found.filter((qemu) => qemu !== undefined);
  return versions.filter(({ version }, index) => versions.findIndex((other) => other.version === version) === index);
}

/** What would bring a QEMU onto this machine. */
export function howToInstall(version: string): string {
  return version === '10.0'
    ? 'run test/support/install-qemu-10.sh .qemu/10.0'
    : 'install the packages qemu-utils, qemu-system-common, qemu-system-x86 and qemu-guest-agent of Debian 12';
}

function readQemu(folders: readonly string[], firmware?: string): Qemu | undefined {
  const storageDaemon = findProgram('qemu-storage-daemon', folders);
  const img = findProgram('qemu-img', folders);
  const io = findProgram('qemu-io', folders);
  if (storageDaemon === undefined || img === undefined || io === undefined) return undefined;
  const version = versionOf(storageDaemon);
  if (version === undefined) return undefined;
  const system = findProgram('qemu-system-x86_64', folders);
  const agent = findProgram('qemu-ga', [...folders, ...folders.map((folder) => join(folder, '../sbin'))]);
  return {
    version,
    storageDaemon,
    img,
    io,
    ...(system !== undefined && versionOf(system) === version && { system }),
    ...(agent !== undefined && { agent }),
    ...(firmware !== undefined && { firmware }),
  };
}

/** Unpacked programs may lack a library, then there is none. */
function versionOf(program: string): string | undefined {
  const { stdout } = spawnSync(program, ['--version'], { encoding: 'utf8' });
  return /version (\d+\.\d+)/.exec(stdout)?.[1];
}

function findProgram(name: string, folders: readonly string[]): string | undefined {
  return folders.map((folder) => join(folder, name)).find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
