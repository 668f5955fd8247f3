import { type Domain, parseDomain, planCreateCheckpoint } from 'qemu-checkpoint';
import { formatCommand, parseBlockNodes } from 'qemu-checkpoint/qmp';
import { compare, type Figure } from './compare.js';

/** What a create and a reply cost, against the least they could. */
export async function benchCore(): Promise<readonly Figure[]> {
  const few = domainWith(0);
  const many = domainWith(10_000);
  const message = create(few);
  const reply = JSON.stringify({ return: Array.from({ length: 1000 }, (_, disk) => nodeReply(disk)) });
  return [
    {
      name: 'plan, format and stringify a create on 100 disks / stringify the same message',
      ratio: await compare({ a: () => JSON.stringify(create(few)), b: () => JSON.stringify(message) }, { calls: 50 }),
      atMost: 4,
    },
    {
      name: 'the same with 10,000 checkpoints in the tree / with none',
      ratio: await compare(
        { a: () => JSON.stringify(create(many)), b: () => JSON.stringify(create(few)) },
        { calls: 50 },
      ),
      atMost: 1.5,
    },
    {
      name: 'JSON.parse and parseBlockNodes of 1,000 nodes with 20 bitmaps / JSON.parse alone',
      ratio: await compare({ a: () => parseBlockNodes(JSON.parse(reply)), b: () => JSON.parse(reply) }),
      atMost: 1.5,
    },
  ];
}

function create(domain: Domain): unknown {
  const { steps } = planCreateCheckpoint(domain, { name: 'monday' }, { now: 1_700_000_000 });
  return steps.map(({ command }) => formatCommand(command));
}

function domainWith(checkpoints: number): Domain {
  const targets = Array.from({ length: 100 }, (_, disk) => `vd${disk}`);
  const name = (place: number) => `nightly-${place}`;
  return parseDomain({
    name: 'bench',
    disks: targets.map((diskTarget) => ({
      diskTarget,
      readOnly: false,
      backingChain: parseBlockNodes([{ ...nodeReply(0), 'node-name': diskTarget, 'dirty-bitmaps': [] }]),
    })),
    checkpoints: {
      checkpoints: Array.from({ length: checkpoints }, (_, place) => ({
        name: name(place),
        ...(place > 0 && { parent: name(place - 1) }),
        creationTimeSeconds: 1_600_000_000 + place,
        disks: targets.map((diskTarget) => ({ diskTarget, bitmap: name(place) })),
      })),
      ...(checkpoints > 0 && { current: name(checkpoints - 1) }),
    },
  });
}

/** A node as QEMU 10.0 shows it, with twenty bitmaps. */
function nodeReply(place: number) {
  const bitmap = { busy: false, persistent: true, recording: true, granularity: 65536, count: 655360 };
  return {
    iops_rd: 0,
    detect_zeroes: 'off',
    active: true,
    iops_wr: 0,
    ro: false,
    iops: 0,
    bps_wr: 0,
    bps: 0,
    bps_rd: 0,
    'node-name': `node-${place}`,
    backing_file_depth: 0,
    drv: 'qcow2',
    write_threshold: 0,
    encrypted: false,
    cache: { 'no-flush': false, direct: false, writeback: true },
    file: `/images/${place}.qcow2`,
    image: {
      'virtual-size': 107374182400,
      filename: `/images/${place}.qcow2`,
      'cluster-size': 65536,
      format: 'qcow2',
      'actual-size': 200704,
      'format-specific': {
        type: 'qcow2',
        data: {
          compat: '1.1',
          'compression-type': 'zlib',
          'lazy-refcounts': false,
          'refcount-bits': 16,
          corrupt: false,
          'extended-l2': false,
        },
      },
      'dirty-flag': false,
    },
    'dirty-bitmaps': Array.from({ length: 20 }, (_, number) => ({ name: `nightly-${number}`, ...bitmap })),
  };
}
