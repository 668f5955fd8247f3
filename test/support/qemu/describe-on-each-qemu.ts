import { describe, it } from 'vitest';
import { howToInstall, type Qemu, qemuVersions, wantedVersions } from './find-qemu.js';

/**
 * Runs the same tests on every QEMU of this machine. One that is wanted and not there is a skipped test which says what to
 * install; where `CI` is `true`, a failed one.
 */
export function describeOnEachQemu(name: string, body: (qemu: Qemu) => void): void {
  const versions = qemuVersions();
  for (const qemu of versions) describe(`${name}, QEMU ${qemu.version}`, () => body(qemu));
  for (const version of wantedVersions) {
    if (versions.some((qemu) => qemu.version === version)) continue;
    const reason = `${name}, QEMU ${version}: not on this machine; ${howToInstall(version)}`;
    if (process.env['CI'] !== 'true') it.skip(reason);
    else {
      it(reason, () => {
        throw new Error(reason);
      });
    }
  }
}
