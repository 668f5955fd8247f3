import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type QmpErrorCode, qmpErrorCode } from '../../../src/qmp/error-code.js';
import { connect } from '../../../src/qmp/session.js';
import { describeOnEachQemu } from '../../support/qemu/describe-on-each-qemu.js';
import { startStorageDaemon } from '../../support/qemu/start-qemu.js';
import { rejection } from '../../support/rejection.js';

/** Texts of QEMU 7.2 and 10.0; `NAME` is whatever somebody chose to call a thing. */
const texts: readonly (readonly [desc: string, code: QmpErrorCode])[] = [
  ['Bitmap already exists: NAME', 'bitmap-exists'],
  ["Dirty bitmap 'NAME' not found", 'bitmap-not-found'],
  ["Bitmap 'NAME' is not found", 'bitmap-not-found'],
  ["Bitmap 'NAME' could not be found", 'bitmap-not-found'],
  ["Bitmap 'NAME' is currently in use by another operation and cannot be used", 'bitmap-busy'],
  ["Bitmap 'NAME' is inconsistent and cannot be used", 'bitmap-inconsistent'],
  ["Bitmap 'NAME' is readonly and cannot be modified", 'bitmap-read-only'],
  ["Enabled bitmap 'NAME' incompatible with readonly export", 'bitmap-recording'],
  [
    "Bitmaps are of different sizes (destination size is 16777216, source size is 33554432) and can't be merged",
    'bitmap-size-mismatch',
  ],
  ['Bitmap name cannot be empty', 'bitmap-name-invalid'],
  ['Bitmap name too long: NAME', 'bitmap-name-invalid'],
  ["Can't make bitmap 'NAME' persistent in 'd0': Name length exceeds maximum (1023 characters)", 'bitmap-name-invalid'],
  ['Granularity must be power of 2 and at least 512', 'granularity-invalid'],
  ["Parameter 'granularity' expects uint32_t", 'granularity-invalid'],
  ["Parameter 'granularity' expects uint64", 'granularity-invalid'],
  ["Can't store persistent bitmaps to NAME: Operation not supported", 'format-unsupported'],
  [
    "Can't make bitmap 'NAME' persistent in 'v2': Cannot store dirty bitmaps in qcow2 v2 files",
    'qcow2-version-unsupported',
  ],
  [
    "Can't make bitmap 'NAME' persistent in 'd': Maximum number of persistent bitmaps is already reached",
    'too-many-bitmaps',
  ],
  ["Cannot find device='NAME' nor node-name='NAME'", 'node-not-found'],
  ["Node 'NAME' not found", 'node-not-found'],
  ["Failed to find node with node-name='NAME'", 'node-not-found'],
  ["Duplicate nodes with node-name='NAME'", 'node-exists'],
  ["Node 'NAME' is busy: block device is in use by block job: backup", 'node-busy'],
  ['Block device NAME is in use', 'node-busy'],
  ["Read-only block node 'NAME' cannot support read-write users", 'node-busy'],
  [
    "Permission conflict on node 'd0': permissions 'resize' are both required by an unnamed block device (uses node 'd0' as 'root' child) and unshared by node '#block085' (uses node 'd0' as 'file' child).",
    'node-busy',
  ],
  ['Block node is read-only', 'node-read-only'],
  ["backing is missing for 'NAME'", 'backing-node-missing'],
  ['Source and target image have different sizes', 'image-size-mismatch'],
  ['Failed to get "write" lock', 'image-locked'],
  ['Failed to get shared "write" lock', 'image-locked'],
  ["Could not open 'NAME': No such file or directory", 'file-not-found'],
  ['Failed to update bitmap extension: No space left on device', 'no-space'],
  ["Failed to write bitmap 'NAME' to file: No space left on device", 'no-space'],
  ['No space left on device', 'no-space'],
  ["Job ID 'NAME' already in use", 'job-exists'],
  ['Job not found', 'job-not-found'],
  ["Block job 'NAME' not found", 'job-not-found'],
  ["Block export id 'NAME' is already in use", 'export-exists'],
  ["NBD server already has export named 'NAME'", 'export-exists'],
  ["Export 'NAME' is not found", 'export-not-found'],
  ["export 'NAME' still in use", 'export-busy'],
  ["Export 'NAME' is already shutting down", 'export-ending'],
  ['NBD server already running', 'nbd-server-running'],
  ['NBD server not running', 'nbd-server-not-running'],
  ['The command NAME has not been found', 'command-not-found'],
  ["Parameter 'NAME' is missing", 'parameter-missing'],
  ["Parameter 'NAME' is unexpected", 'parameter-unknown'],
  ["Parameter 'type' does not accept value 'NAME'", 'parameter-invalid'],
  ["Parameter 'bitmaps' expects array", 'parameter-invalid'],
  ['Transaction aborted using Abort action', 'transaction-aborted'],
];

describe('qmpErrorCode', () => {
  it.each(texts)('%s: %s', (desc, code) => {
    expect(qmpErrorCode(desc)).toBe(code);
  });

  it('is not deceived by names that quote other texts', () => {
    const names = fc.oneof(fc.constantFrom(...texts.map(([desc]) => desc)), fc.string({ unit: 'binary' }));
    fc.assert(
      fc.property(fc.constantFrom(...texts), fc.array(names, { maxLength: 3 }), ([desc, code], parts) => {
        const name = parts.join("'\n");
        expect(qmpErrorCode(desc.replaceAll('NAME', () => name))).toBe(code);
      }),
      { numRuns: 5_000 },
    );
  });

  it.each(['', 'Bitmap', 'need root', 'Node', "Dirty bitmap 'x' not found.", ' Job not found'])(
    'knows nothing of %j',
    (desc) => {
      expect(qmpErrorCode(desc)).toBeUndefined();
    },
  );
});

describeOnEachQemu('the texts', (qemu) => {
  it('are those of this QEMU', async () => {
    await using daemon = await startStorageDaemon(qemu);
    await using session = await connect(daemon.address);
    const node = { driver: 'null-co', 'node-name': 'disk', size: 65536 };
    await session.execute('blockdev-add', node);
    const bitmap = { node: 'disk', name: 'monday' };
    await session.execute('block-dirty-bitmap-add', bitmap);
    const refused: readonly (readonly [command: string, args: { readonly [name: string]: unknown }, string])[] = [
      ['block-dirty-bitmap-add', bitmap, 'bitmap-exists'],
      ['block-dirty-bitmap-remove', { ...bitmap, name: 'none' }, 'bitmap-not-found'],
      ['block-dirty-bitmap-add', { ...bitmap, node: 'none' }, 'node-not-found'],
      ['block-dirty-bitmap-remove', { ...bitmap, node: 'none' }, 'node-not-found'],
      ['blockdev-del', { 'node-name': 'none' }, 'node-not-found'],
      ['block-dirty-bitmap-add', { ...bitmap, name: '' }, 'bitmap-name-invalid'],
      ['block-dirty-bitmap-add', { ...bitmap, name: 'a'.repeat(1024) }, 'bitmap-name-invalid'],
      ['block-dirty-bitmap-add', { ...bitmap, name: 'fine', granularity: 511 }, 'granularity-invalid'],
      ['block-dirty-bitmap-add', { ...bitmap, name: 'fine', granularity: 2 ** 32 }, 'granularity-invalid'],
      ['block-dirty-bitmap-add', { ...bitmap, name: 'fine', persistent: true }, 'format-unsupported'],
      ['blockdev-add', node, 'node-exists'],
      ['blockdev-add', { driver: 'file', 'node-name': 'file', filename: '/nowhere/at/all' }, 'file-not-found'],
      ['job-dismiss', { id: 'none' }, 'job-not-found'],
      ['block-job-cancel', { device: 'none' }, 'job-not-found'],
      ['block-export-del', { id: 'none' }, 'export-not-found'],
      ['query-block-frob', {}, 'command-not-found'],
      ['block-dirty-bitmap-add', { node: 'disk' }, 'parameter-missing'],
      ['block-dirty-bitmap-add', { ...bitmap, bogus: 1 }, 'parameter-unknown'],
      ['transaction', { actions: [{ type: 'frob', data: {} }] }, 'parameter-invalid'],
      ['transaction', { actions: [{ type: 'abort', data: {} }] }, 'transaction-aborted'],
    ];
    for (const [command, args, code] of refused) {
      expect(await rejection(session.execute(command, args)), command).toMatchObject({ code });
    }
  });
});
