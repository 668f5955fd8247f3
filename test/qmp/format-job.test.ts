import { describe, expect, it } from 'vitest';
import type { Job } from '../../src/core/job.js';
import { formatJob } from '../../src/qmp/format-job.js';
import { deepFreeze } from '../support/deep-freeze.js';

const disk = { jobId: 'j', diskTarget: 'vda', activeNodeName: 'top' } as const;

describe('formatJob', () => {
  it.each<[string, Job, string]>([
    [
      'a commit of the active layer, which follows the guest',
      { kind: 'commit', ...disk, topNodeName: 'top', baseNodeName: 'base' },
      '{"execute":"block-commit","arguments":{"job-id":"j","device":"top","top-node":"top","base-node":"base","auto-dismiss":false}}',
    ],
    [
      'a commit below it, which waits before its end',
      { kind: 'commit', ...disk, topNodeName: 'middle', baseNodeName: 'base' },
      '{"execute":"block-commit","arguments":{"job-id":"j","device":"top","top-node":"middle","base-node":"base","auto-finalize":false,"auto-dismiss":false}}',
    ],
    [
      'a whole copy',
      { kind: 'copy', ...disk, targetNodeName: 't', shallow: false },
      '{"execute":"blockdev-mirror","arguments":{"job-id":"j","device":"top","target":"t","sync":"full","auto-dismiss":false}}',
    ],
    [
      'a copy of the active layer',
      { kind: 'copy', ...disk, targetNodeName: 't', shallow: true },
      '{"execute":"blockdev-mirror","arguments":{"job-id":"j","device":"top","target":"t","sync":"top","auto-dismiss":false}}',
    ],
    [
      'a commit below a filter',
      { kind: 'commit', ...disk, filterNodeName: 'f', topNodeName: 'top', baseNodeName: 'base' },
      '{"execute":"block-commit","arguments":{"job-id":"j","device":"f","top-node":"top","base-node":"base","auto-dismiss":false}}',
    ],
    [
      'a copy below a filter, which the copy comes below too',
      { kind: 'copy', ...disk, filterNodeName: 'f', targetNodeName: 't', shallow: false },
      '{"execute":"blockdev-mirror","arguments":{"job-id":"j","device":"f","target":"t","sync":"full","replaces":"top","auto-dismiss":false}}',
    ],
    [
      'a pull of all below',
      { kind: 'pull', ...disk },
      '{"execute":"block-stream","arguments":{"job-id":"j","device":"top","auto-dismiss":false}}',
    ],
    [
      'a pull down to a base',
      { kind: 'pull', ...disk, baseNodeName: 'base' },
      '{"execute":"block-stream","arguments":{"job-id":"j","device":"top","base-node":"base","auto-dismiss":false}}',
    ],
    [
      'the filling of a bitmap',
      { kind: 'fill', jobId: 'j', nodeName: 'n', bitmap: 'é "a"', targetNodeName: 't' },
      '{"execute":"blockdev-backup","arguments":{"job-id":"j","device":"n","target":"t","sync":"top","bitmap":"é \\"a\\"","bitmap-mode":"always","speed":1,"auto-dismiss":false}}',
    ],
    [
      'the making of an image, which always stays until dismissed',
      { kind: 'create', jobId: 'j', options: { driver: 'qcow2', file: 'f', size: 1024, 'backing-file': '/b' } },
      '{"execute":"blockdev-create","arguments":{"job-id":"j","options":{"driver":"qcow2","file":"f","size":1024,"backing-file":"/b"}}}',
    ],
  ])('spells %s', (_, job, text) => {
    expect(JSON.stringify(formatJob(deepFreeze(job)))).toBe(text);
  });
});
