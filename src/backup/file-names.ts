import { join } from 'node:path';

/** Where the copy of a disk lies, if nothing else is said. */
export function copyPath(directory: string, diskTarget: string, name: string): string {
  return join(directory, `${fileNameOf(diskTarget, name)}.qcow2`);
}

/** Where the scratch image of a disk lies while it is read. */
export function scratchPath(directory: string, diskTarget: string, name: string): string {
  return join(directory, `.scratch-${fileNameOf(diskTarget, name)}.qcow2`);
}

/** Whatever they are called, it is a name that a file may have. */
function fileNameOf(diskTarget: string, name: string): string {
  return `${encodeURIComponent(diskTarget)}-${encodeURIComponent(name)}`;
}
