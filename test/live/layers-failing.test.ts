import { describe, expect, it } from 'vitest';
import { activeOf, judge, type LayersWorld, layersWorld, writeSome } from '../soak/layers-world.js';
import { bitmapsIn, nodesIn } from '../support/live/nodes-in.js';
import { runLine } from '../support/live/run-command-line.js';
import { describeOnEachQemu } from '../support/qemu/describe-on-each-qemu.js';
import { imageOf } from '../support/qemu/disks.js';
import { qmpProxy, type SentCommand } from '../support/qemu/qmp-proxy.js';
import type { RunningQemu } from '../support/qemu/start-qemu.js';

/** What somebody else does just before a command of the change, so that QEMU refuses it, and how it is taken away again. */
interface Obstacle {
  /** Whether this is the command. */
  readonly before: (command: SentCommand) => boolean;
  readonly put: (running: RunningQemu) => Promise<unknown>;
  readonly remove: (running: RunningQemu) => Promise<unknown>;
  /** What QEMU says. */
  readonly text: string;
}

interface Row {
  readonly what: string;
  readonly words: (folder: string) => readonly string[];
  /** The layers it leads to. */
  readonly after: readonly string[];
  readonly adding: Obstacle;
  /** Absent: all is carried over by the first transaction. */
  readonly merging?: Obstacle;
  readonly closing: ReturnType<typeof layerHeld>;
}

const before = ['top', 'middle', 'base'];

const isAdding = ({ execute, arguments: args }: SentCommand) =>
  execute === 'transaction' && JSON.stringify(args).includes('bitmap-add');
const isMerging = (command: SentCommand) => command.execute === 'transaction' && !isAdding(command);
const isClosing = ({ execute }: SentCommand) => execute === 'blockdev-del';

/** Somebody else makes a bitmap of that name. */
function nameTaken(node: string, name: string): Obstacle {
  return {
    before: isAdding,
    put: ({ monitor }) => monitor.execute('block-dirty-bitmap-add', { node, name }),
    remove: ({ monitor }) => monitor.execute('block-dirty-bitmap-remove', { node, name }),
    text: `Bitmap already exists: ${name}`,
  };
}

/** Somebody else shows a bitmap to a client of theirs. */
function bitmapHeld(node: string, name: string): Obstacle {
  return {
    before: isMerging,
    ...exported(node, [name]),
    text: `Bitmap '${name}' is currently in use by another operation and cannot be used`,
  };
}

/** Somebody else shows a layer to a client of theirs. */
function layerHeld(node: string): Obstacle & { readonly node: string } {
  return { node, before: isClosing, ...exported(node, []), text: `Node ${node} is in use` };
}

function exported(node: string, bitmaps: readonly string[]): Pick<Obstacle, 'put' | 'remove'> {
  const id = 'theirs';
  // A bitmap that records is shown only of a node that nobody writes to, or by an export that may.
  const writable = bitmaps.length > 0 && node === 'top';
  const request = { type: 'nbd', id, 'node-name': node, name: id, writable, bitmaps };
  return {
    put: ({ monitor }) => monitor.execute('block-export-add', request),
    async remove({ monitor }) {
      const gone = monitor.nextEvent('BLOCK_EXPORT_DELETED', (data) => data['id'] === id);
      await monitor.execute('block-export-del', { id, mode: 'hard' });
      await gone;
    },
  };
}

const rows: readonly Row[] = [
  {
    what: 'an active commit',
    words: () => ['commit', 'vda', '--base', 'middle'],
    after: ['middle', 'base'],
    adding: nameTaken('middle', 'on-top'),
    merging: bitmapHeld('top', 'on-top'),
    closing: layerHeld('top'),
  },
  {
    what: 'an active commit into the base',
    words: () => ['commit', 'vda'],
    after: ['base'],
    adding: nameTaken('base', 'on-middle'),
    merging: bitmapHeld('middle', 'on-middle'),
    closing: layerHeld('middle'),
  },
  {
    what: 'a commit below the active layer',
    words: () => ['commit', 'vda', '--top', 'middle'],
    after: ['top', 'base'],
    adding: nameTaken('base', 'on-middle'),
    closing: layerHeld('middle'),
  },
  {
    what: 'a copy',
    words: (folder) => ['copy', 'vda', '--mirror', `new:${imageOf(folder, 'new')}`],
    after: ['new'],
    adding: nameTaken('new', 'on-base'),
    merging: bitmapHeld('middle', 'on-middle'),
    closing: layerHeld('top'),
  },
  {
    what: 'a shallow copy',
    words: (folder) => ['copy', 'vda', '--mirror', `new:${imageOf(folder, 'new')}`, '--shallow'],
    after: ['new', 'middle', 'base'],
    adding: nameTaken('new', 'on-top'),
    merging: bitmapHeld('top', 'on-top'),
    closing: layerHeld('top'),
  },
  {
    what: 'a pull',
    words: () => ['pull', 'vda'],
    after: ['top'],
    adding: bitmapHeld('top', 'on-base'),
    closing: layerHeld('middle'),
  },
];

describeOnEachQemu('a change of layers under a guest that writes all the time, which QEMU stops', (qemu) => {
  describe.each(rows)('$what', ({ words, after, adding, merging, closing }) => {
    it('when bitmaps are added: all is put back, and it can be done again', async () => {
      await using world = await layersWorld(qemu, 7);
      const { daemon, folder } = world;
      const [nodes, bitmaps] = [await layersIn(daemon), await bitmapsIn(daemon)];
      const { status, complained } = await changeAgainst(world, words(folder), adding);
      expect(status, complained.join('\n')).toBe(1);
      expect(complained.join('\n')).toContain(adding.text);
      expect(complained.join('\n')).not.toMatch(/not put back|run reconcile/);
      await adding.remove(daemon).catch(() => undefined);
      expect(await layersIn(daemon)).toEqual(nodes);
      expect(await bitmapsIn(daemon)).toEqual(bitmaps);
      await expectSettled(world, before);

      expect(await run(world, world.daemon.address, words(folder))).toMatchObject({ status: 0 });
      await expectSettled(world, after);
    });

    const [active] = after;
    // The uppermost of two may be closed already.
    const later = [
      ...(merging === undefined ? [] : [['the rest is merged', merging, before] as const]),
      ['layers are closed', closing, before.slice(before.indexOf(closing.node))] as const,
    ];

    it.each(later)(
      'when %s: the old ones are kept, it is said what to do, and that makes it whole',
      async (_, obstacle, kept) => {
        await using world = await layersWorld(qemu, 8);
        const { daemon, folder } = world;
        const { status, complained } = await changeAgainst(world, words(folder), obstacle);
        expect(status, complained.join('\n')).toBe(1);
        const complaint = complained.join('\n');
        expect(complaint).toContain(obstacle.text);
        expect(complaint).toContain('what was done is needed to go on: plan the rest');
        expect(complaint).toContain(
          'what was begun on the layers stays noted in the store; run reconcile, which does the rest',
        );
        if (active !== 'top')
          expect(complaint).toContain(`where the guest has moved already, with --disk vda=${active}`);
        const open = (await nodesIn(daemon)).map((node) => node['node-name']);
        expect(open).toEqual(expect.arrayContaining(kept));
        // Nothing else is begun before.
        expect(await run(world, daemon.address, ['create', 'another'])).toMatchObject({ status: 1 });
        await writeSome(world.guest, 2);

        await obstacle.remove(daemon);
        const reconciled = await run(world, daemon.address, ['reconcile']);
        expect(reconciled, reconciled.complained.join('\n')).toMatchObject({
          status: 0,
          printed: ['disk vda: finish: The layers have changed: what is left to do follows.'],
        });
        await expectSettled(world, after);
      },
    );
  });
});

/** Runs a command line while the guest writes, with somebody in the way. */
async function changeAgainst(world: LayersWorld, words: readonly string[], { before: isIt, put }: Obstacle) {
  const { daemon, guest } = world;
  let standing: Promise<unknown> | undefined;
  await using proxy = await qmpProxy(daemon.address, {
    async before(command, { cut }) {
      if (standing !== undefined || !isIt(command)) return;
      standing = put(daemon);
      await standing.catch(cut);
    },
  });
  guest.start();
  try {
    return await run(world, proxy.address, words);
  } finally {
    await guest.rest();
    await standing;
  }
}

async function run({ daemon, store }: LayersWorld, address: string, words: readonly string[]) {
  return await runLine([...words, '--qmp', address, '--store', store, `--disk=vda=${await activeOf(daemon)}`]);
}

/** Nothing is left to do, or of what was done, and an incremental since each checkpoint restores every byte. */
async function expectSettled(world: LayersWorld, layers: readonly string[]): Promise<void> {
  const { daemon, guest, disk } = world;
  expect(await run(world, daemon.address, ['reconcile'])).toMatchObject({
    status: 0,
    printed: ['nothing was interrupted'],
  });
  expect(await daemon.monitor.execute('query-jobs')).toEqual([]);
  const nodes = layers.flatMap((layer, place) => [`${layer} ${place > 0 ? 'ro' : 'rw'}`]);
  expect(await layersIn(daemon)).toEqual(nodes.sort());
  await writeSome(guest, 2);
  const { usable, unusable } = await judge(world, daemon, disk);
  expect([...unusable]).toEqual([]);
  const whole = { isRight: true, excess: 0 };
  expect([...usable]).toEqual([...world.bases.keys()].map((name) => [name, whole]));
}

async function layersIn(running: RunningQemu): Promise<readonly string[]> {
  const nodes = await nodesIn(running);
  const layers = nodes.filter((node) => !node['node-name'].endsWith('-file'));
  expect(nodes).toHaveLength(2 * layers.length);
  return layers.map((node) => `${node['node-name']} ${node.ro ? 'ro' : 'rw'}`).sort();
}
