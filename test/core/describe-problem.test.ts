import { describe, expect, it } from 'vitest';
import { type ProblemDetails, problem } from '../../src/core/problem.js';

type Code = ProblemDetails['code'];
type Sample<D extends ProblemDetails> = readonly [details: D, text: string];
type Samples = { readonly [C in Code]: readonly Sample<ProblemDetails & { readonly code: C }>[] };

const onDisk = { diskTarget: 'vda', nodeName: 'n' } as const;

/** One text for each code and each way it can be put: whoever adds a code adds its text here, or the types do not fit. */
const samples: Samples = {
  'chain-change-interrupted': [
    [
      { code: 'chain-change-interrupted', diskTarget: 'vda', change: 'commit' },
      'the commit of disk vda was interrupted and may be half done; run reconcile first',
    ],
  ],
  'change-interrupted': [
    [
      { code: 'change-interrupted', checkpoint: 'a', change: 'delete' },
      'the delete of checkpoint "a" was interrupted and may be half done; run reconcile first',
    ],
  ],
  'job-not-dismissed': [
    [
      { code: 'job-not-dismissed', jobId: 'j' },
      'job j has ended and is not dismissed: QEMU would crash when it is asked for its nodes; dismiss it with job-dismiss first',
    ],
  ],
  'node-name-invalid': [
    [
      { code: 'node-name-invalid', nodeName: '#a' },
      '"#a" cannot name a node; use a letter, then letters, digits, "-", "." and "_", at most 31 in all',
    ],
  ],
  'node-name-taken': [
    [{ code: 'node-name-taken', nodeName: 'n' }, 'a node "n" exists; choose another name, or remove that node first'],
  ],
  'node-unsuitable': [
    [
      { code: 'node-unsuitable', ...onDisk, reason: 'read-only' },
      'node "n" (disk vda) cannot be put into the chain: it is read-only; open it for writing',
    ],
    [
      { code: 'node-unsuitable', ...onDisk, reason: 'not-qcow2' },
      'node "n" (disk vda) cannot be put into the chain: it is not qcow2; use a qcow2 image, which can stand on another and store bitmaps',
    ],
    [
      { code: 'node-unsuitable', ...onDisk, reason: 'is-layer' },
      'node "n" (disk vda) cannot be put into the chain: it is a layer of a disk; use a node of its own',
    ],
    [
      { code: 'node-unsuitable', ...onDisk, reason: 'has-backing' },
      'node "n" (disk vda) cannot be put into the chain: it stands on another image; add it with "backing" set to null',
    ],
    [
      { code: 'node-unsuitable', ...onDisk, reason: 'other-backing' },
      'node "n" (disk vda) cannot be put into the chain: it does not stand on the image below the active layer; add it with "backing" set to that node',
    ],
  ],
  'size-differs': [
    [
      { code: 'size-differs', ...onDisk, virtualSize: 1024, expectedSize: 2048 },
      'node "n" (disk vda) has 1024 bytes where 2048 are needed; make an image of that size',
    ],
  ],
  'filename-invalid': [
    [
      { code: 'filename-invalid', filename: 'a.qcow2' },
      '"a.qcow2" is no absolute path; name the file from the root on',
    ],
  ],
  'filename-taken': [
    [{ code: 'filename-taken', filename: '/a', nodeName: 'n' }, '"/a" is in use by node "n"; choose another file name'],
    [
      { code: 'filename-taken', filename: '/a', checkpoint: 'monday' },
      'checkpoint "monday" was made on "/a", and a new image of that name would pass for that one; choose another file name',
    ],
  ],
  'backing-filename-unknown': [
    [
      { code: 'backing-filename-unknown', ...onDisk },
      'node "n" (disk vda) has no file name that the header of an image above it can hold: an absolute path of at most 1023 bytes; pass backingFilename',
    ],
  ],
  'cluster-size-invalid': [
    [
      { code: 'cluster-size-invalid', nodeName: 'n', clusterSize: 3 },
      'clusters of 3 bytes are not possible for node "n"; use a power of two from 512 to 2097152, or leave it out',
    ],
  ],
  'layer-not-found': [
    [
      { code: 'layer-not-found', ...onDisk },
      'disk vda has no layer "n"; name one of its backing chain by its node-name',
    ],
  ],
  'layer-not-below': [
    [
      { code: 'layer-not-below', ...onDisk, topNodeName: 't' },
      'node "n" (disk vda) does not lie below node "t"; name the upper one as the top and the lower one as the base',
    ],
  ],
  'nothing-to-pull': [
    [
      { code: 'nothing-to-pull', diskTarget: 'vda' },
      'disk vda has no layer between the active one and what is to stay below it; there is nothing to do',
    ],
  ],
  'layer-shared': [
    [
      { code: 'layer-shared', ...onDisk, otherDiskTarget: 'vdb' },
      'node "n" (disk vda) is a layer of disk vdb too, whose content would change; copy or pull one of the two disks first',
    ],
  ],
  'layer-unnamed': [
    [
      { code: 'layer-unnamed', ...onDisk, bitmap: 'a' },
      'node "n" (disk vda) has bitmap "a" and a name that QEMU made up: it would be gone before its bitmaps are read; give the node a node-name of its own when it is added',
    ],
  ],
  'layer-left-over': [
    [
      { code: 'layer-left-over', ...onDisk },
      'node "n" (disk vda) was a layer before a job that did not come to its end, and is none now; pass the plan that was interrupted, or remove the node',
    ],
  ],
  'bitmap-ends': [
    [
      { code: 'bitmap-ends', ...onDisk, bitmap: 'a', reason: 'cannot-store' },
      'bitmap "a" on disk vda would be lost: node "n" cannot store its bitmap; use a qcow2 image (compat 1.1), or let it end with endCheckpoints',
    ],
    [
      { code: 'bitmap-ends', ...onDisk, bitmap: 'a', checkpoint: 'monday', reason: 'size' },
      'checkpoint "monday" would end on disk vda: node "n" has another size than the one that takes its bitmap; delete it first, or let it end with endCheckpoints',
    ],
    [
      { code: 'bitmap-ends', ...onDisk, bitmap: 'a', checkpoint: 'monday', reason: 'unusable' },
      'checkpoint "monday" would end on disk vda: its bitmap on node "n" cannot be used, and afterwards nothing would tell; rescue or delete it first, or let it end with endCheckpoints',
    ],
  ],
  'rescue-impossible': [
    [
      { code: 'rescue-impossible', checkpoint: 'monday', diskTarget: 'vda', reason: 'no-bitmap' },
      'checkpoint "monday" cannot be rescued on disk vda: the disk takes no part in it; only an older checkpoint or a full backup helps',
    ],
    [
      { code: 'rescue-impossible', checkpoint: 'monday', diskTarget: 'vda', reason: 'origin-unknown' },
      'checkpoint "monday" cannot be rescued on disk vda: nothing tells on which layer it was made, and the lowest with its bitmap has none in good order; only an older checkpoint or a full backup helps',
    ],
    [
      { code: 'rescue-impossible', checkpoint: 'monday', diskTarget: 'vda', reason: 'origin-gone' },
      'checkpoint "monday" cannot be rescued on disk vda: the layer it was made on is not in the backing chain any more; only an older checkpoint or a full backup helps',
    ],
    [
      { code: 'rescue-impossible', checkpoint: 'monday', ...onDisk, reason: 'no-backing' },
      'checkpoint "monday" cannot be rescued on disk vda: node "n" has no backing image, where what was discarded leaves no trace; only an older checkpoint or a full backup helps',
    ],
  ],
  'rescue-holds-more': [
    [
      { code: 'rescue-holds-more', checkpoint: 'monday', ...onDisk },
      'checkpoint "monday" was made on node "n" (disk vda), so it gets all that this layer has allocated: more than was written since, but less where someone has emptied it, as "qemu-img commit" does; make a full backup instead where that may have been done',
    ],
  ],
  'commit-heals': [
    [
      { code: 'commit-heals', checkpoint: 'monday', ...onDisk, topNodeName: 't' },
      'checkpoint "monday" would be whole on disk vda after a commit too: its bitmap on node "n" records what is moved there; commit from node "t" into it instead, where those layers are to go anyway',
    ],
  ],
  'invalid-input': [
    [
      { code: 'invalid-input', subject: 'domain', path: ['disks', 0, 'readOnly'], expected: 'must be of type boolean' },
      'domain.disks[0].readOnly must be of type boolean; correct that value and try again',
    ],
    [
      { code: 'invalid-input', subject: 'tree', path: [], expected: 'must be of type object' },
      'tree must be of type object; correct that value and try again',
    ],
  ],
  'disk-duplicate': [
    [{ code: 'disk-duplicate', diskTarget: 'vda' }, 'disk vda is in the domain twice; list each disk target once'],
  ],
  'bitmap-duplicate': [
    [
      { code: 'bitmap-duplicate', ...onDisk, bitmap: 'a' },
      'bitmap "a" on node "n" (disk vda) is listed twice; observe the domain again: names are unique on a node',
    ],
  ],
  'checkpoint-duplicate': [
    [{ code: 'checkpoint-duplicate', checkpoint: 'a' }, 'checkpoint "a" is there twice; keep one of the two'],
  ],
  'current-not-found': [
    [
      { code: 'current-not-found', checkpoint: 'a' },
      'the current checkpoint "a" is not in the tree; name one that is, or none',
    ],
  ],
  'parent-not-found': [
    [
      { code: 'parent-not-found', checkpoint: 'b', parent: 'a' },
      'checkpoint "b" has the parent "a", which is not in the tree; put that one back too, or leave the parent out',
    ],
  ],
  'parent-cycle': [
    [
      { code: 'parent-cycle', checkpoint: 'b', parent: 'a' },
      'checkpoint "b" is its own ancestor through its parent "a"; correct the parent of one of them',
    ],
  ],
  'checkpoint-name-invalid': [
    [
      { code: 'checkpoint-name-invalid', checkpoint: 'a/b' },
      '"a/b" cannot name a checkpoint; use letters, digits, "_", "-" and ".", not starting with a dot',
    ],
  ],
  'checkpoint-not-found': [
    [
      { code: 'checkpoint-not-found', checkpoint: 'a' },
      'the domain has no checkpoint "a"; list the checkpoints and name one of them',
    ],
  ],
  'checkpoint-exists': [
    [
      { code: 'checkpoint-exists', checkpoint: 'a', byDefault: false },
      'a checkpoint "a" exists; choose another name, or delete that one first',
    ],
    [
      { code: 'checkpoint-exists', checkpoint: '1700000000', byDefault: true },
      'a checkpoint "1700000000" exists, named after the same second; give the new one a name, or wait a second',
    ],
  ],
  'checkpoint-name-too-long': [
    [
      { code: 'checkpoint-name-too-long', checkpoint: 'a', mostBytes: 250 },
      'the checkpoint name "a" is too long for the name of its file; use at most 250 bytes',
    ],
  ],
  'creation-time-invalid': [
    [
      { code: 'creation-time-invalid' },
      'the creation time "now" is not a whole number of seconds since the epoch; pass Math.floor(Date.now() / 1000)',
    ],
  ],
  'domain-without-disks': [
    [{ code: 'domain-without-disks', domain: 'web' }, 'domain "web" has no disk; observe it again with its disks'],
  ],
  'disk-not-found': [
    [
      { code: 'disk-not-found', disk: '/x' },
      'no disk of the domain has the target or source path "/x"; name one by its disk target, for example "vda"',
    ],
  ],
  'disk-ambiguous': [
    [
      { code: 'disk-ambiguous', disk: '/x' },
      'more than one disk has the source path "/x"; name the disk by its target',
    ],
  ],
  'disk-asked-twice': [
    [
      { code: 'disk-asked-twice', disk: 'vda' },
      'disk vda is asked for twice; name each disk once, by target or by source path',
    ],
    [
      { code: 'disk-asked-twice', disk: 'vda', checkpoint: 'a' },
      'checkpoint "a" lists disk vda twice; list each disk once',
    ],
  ],
  'disk-read-only': [
    [
      { code: 'disk-read-only', diskTarget: 'vda' },
      'disk vda is read-only, so nothing on it will change; leave it out',
    ],
  ],
  'disk-empty': [
    [{ code: 'disk-empty', diskTarget: 'vda' }, 'disk vda has no medium; leave it out, or insert one first'],
  ],
  'disk-gone': [
    [
      { code: 'disk-gone', diskTarget: 'vda', checkpoint: 'a' },
      'disk vda of checkpoint "a" is no longer in the domain; nothing is to be done there; its image may still hold the bitmap',
    ],
  ],
  'format-unsupported': [
    [
      { code: 'format-unsupported', ...onDisk, format: 'raw' },
      'node "n" (disk vda) has the format raw, which cannot store bitmaps; convert it to qcow2, or leave the disk out',
    ],
  ],
  'qcow2-version-unsupported': [
    [
      { code: 'qcow2-version-unsupported', ...onDisk },
      'node "n" (disk vda) is qcow2 version 2 (compat 0.10), which cannot store bitmaps; upgrade the image with "qemu-img amend -o compat=1.1" while nothing has it open',
    ],
  ],
  'node-read-only': [
    [
      { code: 'node-read-only', ...onDisk },
      'node "n" (disk vda) is read-only: QEMU would take the bitmap and lose it when the image is closed; open the node for writing first, or leave the disk out',
    ],
  ],
  'node-not-reopenable': [
    [
      { code: 'node-not-reopenable', ...onDisk, missing: 'name' },
      'node "n" (disk vda) is read-only and its name was made up by QEMU, which refuses to reopen such a node; give the node a node-name of its own when it is added, or delete the metadata only',
    ],
    [
      { code: 'node-not-reopenable', ...onDisk, missing: 'file-node' },
      'node "n" (disk vda) is read-only and its protocol layer, which a reopen must repeat, has no known name of its own; add the protocol layer as a node with a node-name, or set fileNodeName, or delete the metadata only',
    ],
    [
      { code: 'node-not-reopenable', ...onDisk, missing: 'backing-node' },
      'node "n" (disk vda) is read-only and a filter stands below it, which a reopen must repeat and whose name is not known; set backingNodeName of that node to the node-name of the filter, or delete the metadata only',
    ],
    [
      { code: 'node-not-reopenable', ...onDisk, missing: 'writable-file' },
      'node "n" (disk vda) is read-only and so is its protocol layer; add the protocol layer with auto-read-only instead of read-only, or delete the metadata only',
    ],
  ],
  'node-left-writable': [
    [
      { code: 'node-left-writable', ...onDisk },
      'node "n" (disk vda) was opened for writing by a delete that did not end, and its protocol layer is not known by a name of its own, which a reopen must repeat; set fileNodeName of that node and reconcile again',
    ],
  ],
  'node-shared': [
    [
      { code: 'node-shared', ...onDisk, otherDiskTarget: 'vdb' },
      'node "n" (disk vda) is the active layer of disk vdb too; give each disk the node of its own image',
    ],
  ],
  'bitmap-name-invalid': [
    [
      { code: 'bitmap-name-invalid', diskTarget: 'vda', bitmap: 'a\nb' },
      '"a\\nb" cannot name a bitmap on disk vda; use 1 to 1023 bytes of UTF-8 without control characters',
    ],
  ],
  'granularity-invalid': [
    [
      { code: 'granularity-invalid', diskTarget: 'vda', granularity: 1000 },
      'the granularity 1000 asked for on disk vda is not possible; use a power of two from 512 to 2147483648 bytes, or leave it out',
    ],
  ],
  'bitmap-exists': [
    [
      { code: 'bitmap-exists', ...onDisk, bitmap: 'a', inconsistent: false },
      'bitmap "a" on node "n" (disk vda) exists; choose another name, or find its owner and remove it first',
    ],
    [
      { code: 'bitmap-exists', nodeName: 'n', bitmap: 'a', inconsistent: true },
      'bitmap "a" on node "n" exists and is inconsistent, left by a QEMU that did not close the image; remove it first: it is of no use',
    ],
  ],
  'bitmap-claimed': [
    [
      { code: 'bitmap-claimed', diskTarget: 'vda', bitmap: 'a', checkpoint: 'b' },
      'bitmap "a" on disk vda belongs to checkpoint "b"; choose another bitmap name, or delete that checkpoint first',
    ],
  ],
  'bitmap-busy': [
    [
      { code: 'bitmap-busy', ...onDisk, bitmap: 'tuesday' },
      'bitmap "tuesday" on node "n" (disk vda) is busy: an export or a job holds it; end that first',
    ],
  ],
  'too-many-bitmaps': [
    [
      { code: 'too-many-bitmaps', ...onDisk },
      'node "n" (disk vda) has 65535 persistent bitmaps, the most an image can hold; delete checkpoints first',
    ],
  ],
  'bitmap-directory-full': [
    [
      { code: 'bitmap-directory-full', ...onDisk },
      'node "n" (disk vda) has no room for one more name in its bitmap directory (67107840 bytes); use shorter bitmap names, or delete checkpoints first',
    ],
  ],
  'bitmap-too-large': [
    [
      { code: 'bitmap-too-large', ...onDisk, granularity: 4096, smallestGranularity: 16384 },
      'a bitmap with 4096 bytes per bit for node "n" (disk vda) would take more than 512 MiB; ask for a granularity of 16384 or more',
    ],
  ],
  'bitmap-missing': [
    [
      { code: 'bitmap-missing', bitmap: 'a' },
      'bitmap "a" is on no layer of the backing chain; QEMU did not close the image cleanly, or the bitmap was removed: only an older checkpoint or a full backup helps',
    ],
    [
      { code: 'bitmap-missing', bitmap: 'a', diskTarget: 'vda' },
      'bitmap "a" is on no layer (disk vda); QEMU did not close the image cleanly, or the bitmap was removed: only an older checkpoint or a full backup helps',
    ],
    [
      { code: 'bitmap-missing', bitmap: 'a', nodeName: 'n' },
      'bitmap "a" on node "n" does not exist; QEMU did not close the image cleanly, or the bitmap was removed: only an older checkpoint or a full backup helps',
    ],
  ],
  'bitmap-not-on-active-layer': [
    [
      { code: 'bitmap-not-on-active-layer', ...onDisk, bitmap: 'a' },
      'bitmap "a" is not on the active layer, node "n" (disk vda); what was written there is not known: rescue the bitmap, or use an older checkpoint or a full backup',
    ],
  ],
  'bitmap-gap': [
    [
      { code: 'bitmap-gap', ...onDisk, bitmap: 'a' },
      'bitmap "a" on node "n" (disk vda) lies below a layer that lacks it; what was written in between is not known: rescue the bitmap, or use an older checkpoint or a full backup',
    ],
  ],
  'bitmap-not-down-to-origin': [
    [
      { code: 'bitmap-not-down-to-origin', ...onDisk, bitmap: 'a', madeOn: '/base' },
      'bitmap "a" is not on the layer it was made on, node "n" (disk vda); its older part was lost: use an older checkpoint or a full backup',
    ],
    [
      { code: 'bitmap-not-down-to-origin', bitmap: 'a', madeOn: '/base' },
      'bitmap "a" was made on "/base", which is not in the backing chain; its older part was lost: use an older checkpoint or a full backup',
    ],
  ],
  'bitmap-not-recording': [
    [
      { code: 'bitmap-not-recording', ...onDisk, bitmap: 'a' },
      'bitmap "a" on node "n" (disk vda) is not recording, so writes may be missing from it; use an older checkpoint or a full backup',
    ],
  ],
  'bitmap-transient': [
    [
      { code: 'bitmap-transient', ...onDisk, bitmap: 'a' },
      'bitmap "a" on node "n" (disk vda) is not persistent; it ends with this QEMU: use an older checkpoint or a full backup',
    ],
  ],
  'bitmap-inconsistent': [
    [
      { code: 'bitmap-inconsistent', ...onDisk, bitmap: 'a' },
      'bitmap "a" on node "n" (disk vda) is inconsistent: QEMU did not close the image cleanly; it can only be removed: rescue it where the layer has a backing image, or use an older checkpoint or a full backup',
    ],
  ],
  'command-unsupported': [
    [
      { code: 'command-unsupported', command: 'blockdev-reopen', since: '6.1' },
      'this QEMU has no command blockdev-reopen; use QEMU 6.1 or later',
    ],
    [
      { code: 'command-unsupported', command: 'c', member: 'm', fault: 'unknown' },
      'this QEMU does not know "m" of c; use a QEMU whose schema agrees',
    ],
    [
      { code: 'command-unsupported', command: 'c', member: 'm', fault: 'missing' },
      'this QEMU wants "m" with c; use a QEMU whose schema agrees',
    ],
    [
      { code: 'command-unsupported', command: 'c', member: 'm', fault: 'invalid' },
      'this QEMU does not take "m" as it is given to c; use a QEMU whose schema agrees',
    ],
  ],
  'device-not-found': [
    [
      { code: 'device-not-found', diskTarget: 'vda', device: 'virtio0' },
      'there is no device "virtio0" for disk vda; map the disk to the id of its device, the name of its drive, or the node-name of its active layer',
    ],
  ],
  'node-not-found': [[{ code: 'node-not-found', nodeName: 'n' }, 'there is no node "n"; use a node-name of the reply']],
  'backing-node-missing': [
    [
      { code: 'backing-node-missing', nodeName: 'n', backing: '/base' },
      'the image "/base" below node "n" is no node of the reply; query all nodes again, without a filter',
    ],
  ],
  'backing-node-ambiguous': [
    [
      { code: 'backing-node-ambiguous', nodeName: 'n', backing: '/base', candidates: ['x', 'y'] },
      'the image "/base" below node "n" is open as "x" and "y"; close the one that is not in use, or set backingNodeName',
    ],
  ],
  'checkpoint-provisional': [
    [
      { code: 'checkpoint-provisional', checkpoint: 'a' },
      'checkpoint "a" began with a backup that is not complete; end that backup first, or use an older checkpoint',
    ],
  ],
  'disk-not-in-checkpoint': [
    [
      { code: 'disk-not-in-checkpoint', diskTarget: 'vda', checkpoint: 'a' },
      'disk vda takes no part in checkpoint "a"; use an older checkpoint or a full backup',
    ],
  ],
  'backup-missing': [
    [
      { code: 'backup-missing', diskTarget: 'vda', checkpoint: 'a' },
      'there is no backup of disk vda from checkpoint "a" on which another could stand; use an older checkpoint or a full backup',
    ],
  ],
  'bitmap-size-differs': [
    [
      { code: 'bitmap-size-differs', ...onDisk, bitmap: 'a', virtualSize: 1024, expectedSize: 2048 },
      'bitmap "a" on node "n" (disk vda) covers 1024 bytes and the disk has 2048: QEMU cannot merge it; use a checkpoint that was made since the disk has this size, or a full backup',
    ],
  ],
  'backup-base-lacking': [
    [
      { code: 'backup-base-lacking', diskTarget: 'vda' },
      'there is no backup of disk vda on which another could stand; make a full backup, or one of the kind "auto"',
    ],
  ],
  'backup-running': [
    [
      { code: 'backup-running' },
      'a backup of this process runs, which the store keeps; wait until it has ended, or abort it',
    ],
  ],
  'backup-without-disks': [[{ code: 'backup-without-disks' }, 'the backup is asked for no disk; name at least one']],
  'image-not-qcow2': [
    [
      { code: 'image-not-qcow2', diskTarget: 'vda', needed: 'scratch' },
      'the scratch image for disk vda is not qcow2, and has to stand on the disk; ask for the format qcow2',
    ],
    [
      { code: 'image-not-qcow2', diskTarget: 'vda', needed: 'incremental' },
      'the image for disk vda is not qcow2, and is to hold only what changed; ask for the format qcow2',
    ],
  ],
  'export-name-taken': [
    [
      { code: 'export-name-taken', diskTarget: 'vda', exportName: 'a' },
      'the export name "a" of disk vda is another disk\'s too; give each disk a name of its own',
    ],
  ],
  'snapshot-may-break': [
    [
      { code: 'snapshot-may-break', diskTarget: 'vda' },
      'in a pull of disk vda clients would not see that the snapshot broke, and read what is not of its instant; leave onCbwError out, or ask for fleecing or a push',
    ],
  ],
  'fleecing-unused': [
    [
      { code: 'fleecing-unused', diskTarget: 'vda' },
      'fleecing is asked for disk vda, and a push shows clients nothing; leave it out, or ask for a pull',
    ],
  ],
  'server-needed': [
    [{ code: 'server-needed' }, 'a pull needs an NBD server; pass server, with running where it is there already'],
  ],
  'server-unused': [[{ code: 'server-unused' }, 'a push needs no NBD server; leave server out, or ask for a pull']],
  'server-plain': [
    [
      { code: 'server-plain', host: '::' },
      'whoever reaches :: could read the disks: there are no credentials for TLS; pass tlsCreds, use a UNIX socket, or say that plain is wanted',
    ],
  ],
  'manifest-version-unknown': [
    [
      { code: 'manifest-version-unknown', subject: 'manifest', version: '2' },
      'manifest was written in version 2 of its form, which this library does not know; use a newer one',
    ],
  ],
  'backup-duplicate': [
    [
      { code: 'backup-duplicate', backup: 'tuesday' },
      'there are two backups "tuesday"; keep them in folders of their own, or give one of them another name in its manifest',
    ],
  ],
  'backup-not-found': [
    [
      { code: 'backup-not-found', backup: 'tuesday' },
      'there is no backup "tuesday"; list the backups and name one of them',
    ],
  ],
  'backup-disk-not-found': [
    [
      { code: 'backup-disk-not-found', backup: 'tuesday', diskTarget: 'vda' },
      'backup "tuesday" has no disk vda; name one of its disks by its target, or another backup',
    ],
  ],
  'domains-mixed': [
    [
      { code: 'domains-mixed', domains: ['db', 'web'] },
      'there are backups of 2 domains together: "db", "web"; keep those of each domain in a folder of their own',
    ],
  ],
  'backup-checkpoint-duplicate': [
    [
      {
        code: 'backup-checkpoint-duplicate',
        checkpoint: 'monday',
        creationTimeSeconds: 1700000000,
        backups: ['a', 'b'],
      },
      'checkpoint "monday" of 1700000000 began with more than one backup: "a", "b"; keep the one that it began with',
    ],
  ],
  'backup-base-missing': [
    [
      {
        code: 'backup-base-missing',
        backup: 'tuesday',
        diskTarget: 'vda',
        checkpoint: 'monday',
        creationTimeSeconds: 1700000000,
        reason: 'no-backup',
      },
      'backup "tuesday" of disk vda builds on checkpoint "monday" of 1700000000, and no backup began with a checkpoint of that name; put the manifest of that one back, or restore another point',
    ],
    [
      {
        code: 'backup-base-missing',
        backup: 'tuesday',
        diskTarget: 'vda',
        checkpoint: 'monday',
        creationTimeSeconds: 1700000000,
        reason: 'other-checkpoint',
      },
      'backup "tuesday" of disk vda builds on checkpoint "monday" of 1700000000, and only another checkpoint of that name began with a backup; put the manifest of that one back, or restore another point',
    ],
    [
      {
        code: 'backup-base-missing',
        backup: 'tuesday',
        diskTarget: 'vda',
        checkpoint: 'monday',
        creationTimeSeconds: 1700000000,
        reason: 'not-on-disk',
      },
      'backup "tuesday" of disk vda builds on checkpoint "monday" of 1700000000, and the backup that it began with has no bitmap of it on that disk; put the manifest of that one back, or restore another point',
    ],
  ],
  'backup-base-ambiguous': [
    [
      {
        code: 'backup-base-ambiguous',
        backup: 'tuesday',
        diskTarget: 'vda',
        checkpoint: 'monday',
        creationTimeSeconds: 1700000000,
        backups: ['a', 'b'],
      },
      'backup "tuesday" of disk vda builds on checkpoint "monday" of 1700000000, which began with more than one backup: "a", "b"; keep the one that it began with',
    ],
  ],
  'backup-base-loop': [
    [
      { code: 'backup-base-loop', backup: 'tuesday', diskTarget: 'vda', baseBackup: 'monday' },
      'backup "tuesday" of disk vda builds on backup "monday", which builds on it in turn; put the manifests back as they were written, or restore another point',
    ],
  ],
  'backup-file-shared': [
    [
      {
        code: 'backup-file-shared',
        backup: 'tuesday',
        diskTarget: 'vda',
        filename: 'a.qcow2',
        otherBackup: 'monday',
        otherDiskTarget: 'vdb',
      },
      '"a.qcow2" is the file of backup "tuesday" of disk vda and of backup "monday" of disk vdb; a file holds one backup of one disk: restore another point',
    ],
  ],
  'backup-overwritten': [
    [
      { code: 'backup-overwritten', filename: '/b/a.qcow2', backup: 'tuesday' },
      '"/b/a.qcow2" is a file of backup "tuesday", and a restored image would take its place; choose another folder for the output',
    ],
  ],
  'backup-folder-not-found': [
    [
      { code: 'backup-folder-not-found', filename: '/b' },
      'there is no folder "/b"; name the one that the backups are in',
    ],
  ],
  'manifest-exists': [
    [
      { code: 'manifest-exists', filename: '/b/tuesday.backup.json' },
      'the manifest "/b/tuesday.backup.json" is there already; give the backup another name, or another folder',
    ],
  ],
  'image-exists': [
    [
      { code: 'image-exists', filename: '/images/vda.qcow2' },
      '"/images/vda.qcow2" is there already; choose another folder, or say that it is to be overwritten',
    ],
  ],
  'manifest-damaged': [
    [
      { code: 'manifest-damaged', filename: '/b/tuesday.backup.json', reason: 'it is empty' },
      'the manifest "/b/tuesday.backup.json" cannot be read: it is empty; put it back from a copy; the backup it tells of cannot be restored without it',
    ],
  ],
  'backup-file-missing': [
    [
      { code: 'backup-file-missing', backup: 'tuesday', diskTarget: 'vda', filename: '/b/a.qcow2' },
      '"/b/a.qcow2", the file of backup "tuesday" of disk vda, is not there; put it back from a copy, or restore a point that does without it',
    ],
  ],
  'backup-file-damaged': [
    [
      {
        code: 'backup-file-damaged',
        backup: 'tuesday',
        diskTarget: 'vda',
        filename: '/b/a.qcow2',
        reason: 'it is empty',
      },
      '"/b/a.qcow2", the file of backup "tuesday" of disk vda, cannot be used: it is empty; put it back from a copy, or restore a point that does without it',
    ],
  ],
  'backup-file-differs': [
    [
      {
        code: 'backup-file-differs',
        backup: 'tuesday',
        diskTarget: 'vda',
        filename: '/b/a.qcow2',
        what: 'virtual-size',
        found: '1024',
        expected: '2048',
      },
      '"/b/a.qcow2", the file of backup "tuesday" of disk vda, has the virtual size 1024 and not 2048; put it back from a copy, or restore a point that does without it',
    ],
    [
      {
        code: 'backup-file-differs',
        backup: 'tuesday',
        diskTarget: 'vda',
        filename: '/b/a.qcow2',
        what: 'sha256',
        found: '0a',
        expected: '0b',
      },
      '"/b/a.qcow2", the file of backup "tuesday" of disk vda, has the sha256 0a and not 0b; put it back from a copy, or restore a point that does without it',
    ],
  ],
  'backing-chain-loop': [
    [{ code: 'backing-chain-loop', nodeName: 'n' }, 'the backing chain comes back to node "n"; query the nodes again'],
  ],
};

const all: readonly Sample<ProblemDetails>[] = Object.values(samples).flat();

describe('the text of a problem', () => {
  it.each(all)('%o', (details, text) => {
    expect(problem(details).text).toBe(text);
  });

  it.each(all)('keeps the data, and gives the cure alone as well: %o', (details, text) => {
    const { cure, text: _, ...rest } = problem(details);
    expect(rest).toStrictEqual(details);
    expect(text.endsWith(`; ${cure}`)).toBe(true);
    expect(cure).not.toBe('');
  });

  it.each(all)('names every value that says where: %o', (details, text) => {
    const places = [
      'backup',
      'baseBackup',
      'checkpoint',
      'parent',
      'disk',
      'diskTarget',
      'nodeName',
      'otherDiskTarget',
      'device',
      'backing',
    ];
    const named = places.flatMap((place) =>
      place in details ? [details[place as keyof ProblemDetails] as string] : [],
    );
    for (const name of named) expect(text).toContain(name);
  });

  it('stands on one line whatever its values hold', () => {
    // These are words of this library itself.
    const own = ['code', 'since', 'reason'];
    const nasty = 'a\nb\r\t\0\u001b[31m\u0085\u2028\u2029"';
    for (const [details] of all) {
      const replaced = Object.fromEntries(
        Object.entries(details).map(([member, value]) => [
          member,
          typeof value === 'string' && !own.includes(member) ? nasty : value,
        ]),
      ) as ProblemDetails;
      expect(problem(replaced).text).not.toMatch(/[\p{Cc}\p{Zl}\p{Zp}]/u);
    }
  });

  it.each<[string, ProblemDetails]>([
    ['bitmap', { code: 'bitmap-name-invalid', diskTarget: 'vda', bitmap: '😀'.repeat(5000) }],
    ['checkpoint', { code: 'checkpoint-name-invalid', checkpoint: 'a'.repeat(5000) }],
    ['checkpoint', { code: 'checkpoint-not-found', checkpoint: 'a'.repeat(5000) }],
  ])('shows the beginning of a %s name that is too long to be read', (_, details) => {
    expect(problem(details).text).toMatch(/\.\.\."/);
    expect(problem(details).text.length).toBeLessThan(300);
  });

  it('shows a name of 80 characters in full', () => {
    expect(problem({ code: 'checkpoint-not-found', checkpoint: 'a'.repeat(80) }).text).toContain(`"${'a'.repeat(80)}"`);
  });
});
