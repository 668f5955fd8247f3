import type { QmpErrorCode } from './error-code.js';

/** What would help after a refusal of QEMU's; for what is not known: to look again, since the checks had found nothing. */
export function cureOf(code: QmpErrorCode | undefined): string {
  const known = code === undefined ? undefined : cures.get(code);
  return known ?? 'observe the domain again and plan anew';
}

const cures: ReadonlyMap<QmpErrorCode, string> = new Map<QmpErrorCode, string>([
  ['bitmap-busy', 'end the job or the export that holds it, then plan anew'],
  ['bitmap-exists', 'someone else made it meanwhile: observe the domain again, and choose another name or remove it'],
  ['bitmap-inconsistent', 'it can only be removed'],
  ['bitmap-not-found', 'someone else removed it meanwhile: observe the domain again and plan anew'],
  ['bitmap-read-only', 'its image is open for reading only: observe the domain again and plan anew'],
  ['image-locked', 'another process has the image open: end that one'],
  ['no-space', 'make room where the image lies'],
  ['node-busy', 'end the job or the export that uses the node'],
  ['node-read-only', 'its file is open for reading only: add the file node with auto-read-only'],
  ['node-not-found', 'the node is gone: observe the domain again and plan anew'],
  ['too-many-bitmaps', 'delete checkpoints first'],
]);
