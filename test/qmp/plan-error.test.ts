import { describe, expect, it } from 'vitest';
import type { Command, Plan, Step, TransactionAction } from '../../src/index.js';
import { isQmpError, PlanError, QmpClosedError, QmpCommandError, QmpJobError, runPlan } from '../../src/qmp/index.js';
import { chain, disk, domain } from '../support/builders.js';
import { rejection } from '../support/rejection.js';

const next = domain({ disks: [disk('vda', chain('vda', [[], []])), disk('vdb')] });

const add = (nodeName: string, bitmap = 'friday'): TransactionAction => ({
  kind: 'bitmap-add',
  nodeName,
  bitmap,
  persistent: true,
  recording: true,
});
const transaction = (...actions: readonly TransactionAction[]): Command => ({ kind: 'transaction', actions });
const both = transaction(add('vda-active'), add('vdb-active'));

/** The error of a plan that runs until one command fails; the undo of a step fails where it is given an error. */
async function failing(steps: readonly Step[], index: number, cause: unknown, undos: readonly unknown[] = []) {
  const plan: Plan = { steps, next };
  let sent = 0;
  const execute = (command: string) => {
    if (command === 'query-qmp-schema') return Promise.resolve({});
    const place = sent;
    sent += 1;
    if (place === index) return Promise.reject(cause);
    const ofUndo = place < index ? undefined : undos[place - index - 1];
    return ofUndo === undefined ? Promise.resolve({}) : Promise.reject(ofUndo);
  };
  return (await rejection(runPlan({ execute }, plan))) as PlanError;
}

const refusal = (desc: string) => new QmpCommandError('transaction', { desc });
const step = (command: Command, why = 'Adds friday.'): Step => ({ command, why });

describe('a PlanError', () => {
  it('is an error of its kind, with the cause', async () => {
    const cause = refusal('no');
    const error = await failing([step(both)], 0, cause);
    expect(error).toBeInstanceOf(PlanError);
    expect(isQmpError(error)).toBe(true);
    expect(error).toMatchObject({ name: 'PlanError', kind: 'plan', cause });
    expect(error.failed).toStrictEqual({ step: step(both), index: 0, cause });
    expect(error).not.toHaveProperty('diskTarget');
  });

  const reopen: Command = {
    kind: 'node-reopen',
    nodeName: 'vda-1',
    format: 'qcow2',
    readOnly: false,
    fileNodeName: 'f',
  };
  const merge = transaction(
    { kind: 'bitmap-merge', nodeName: 'vdb-active', intoBitmap: 'twin', sources: [{ nodeName: 'vda-1', bitmap: 'x' }] },
    add('vda-active', 'x'),
  );
  const snapshot = transaction({ kind: 'snapshot-take', nodeName: 'vdb-active', overlayNodeName: 'o' }, add('vda-1'));

  it.each<[string, Command, string, string | undefined]>([
    ['the node it names', both, "Cannot find device='vdb-active' nor node-name='vdb-active'", 'vdb'],
    ['a lower layer it names', reopen, "Node 'vda-1' not found", 'vda'],
    [
      'the node of a snapshot',
      snapshot,
      "Node 'vdb-active' is busy: block device is in use by block job: backup",
      'vdb',
    ],
    [
      'the bitmap it names',
      transaction(add('vda-active', 'a'), add('vdb-active', 'b')),
      "Dirty bitmap 'b' not found",
      'vdb',
    ],
    [
      'the bitmap it ends with',
      transaction(add('vda-active', 'a'), add('vdb-active', 'b')),
      'Bitmap already exists: a',
      'vda',
    ],
    ['the bitmap that is merged into', merge, "Bitmap 'twin' is inconsistent and cannot be used", 'vdb'],
    ['nothing where both disks have that bitmap', both, 'Bitmap already exists: friday', undefined],
    ['the disk where one alone has the action', transaction(add('vdb-active')), 'Bitmap already exists: friday', 'vdb'],
    ['nothing where no action is named', both, 'Transaction aborted using Abort action', undefined],
    ['nothing where a name is only a part', both, "Node 'vda-active-1' not found", undefined],
    ['nothing where the node is of no disk', transaction(add('elsewhere')), "Node 'elsewhere' not found", undefined],
    [
      'nothing where the command names no node',
      { kind: 'transaction', actions: [] },
      "Node 'vda-1' not found",
      undefined,
    ],
  ])("tells the disk by QEMU's text: %s", async (_, command, desc, diskTarget) => {
    const error = await failing([step(command)], 0, refusal(desc));
    expect(error.diskTarget).toBe(diskTarget);
    expect('diskTarget' in error).toBe(diskTarget !== undefined);
    expect(error.message.includes(`(disk ${diskTarget})`)).toBe(diskTarget !== undefined);
  });

  it('tells no disk where it was no refusal', async () => {
    const error = await failing([step(both)], 0, new QmpClosedError("lost node 'vda-active'"));
    expect(error.diskTarget).toBeUndefined();
  });

  const undo = transaction({ kind: 'bitmap-remove', nodeName: 'vda-active', bitmap: 'friday' });
  const first: Step = { ...step(both, 'Adds one.'), undo };
  const second: Step = { ...step(both, 'Adds two.'), undo };
  const lasting = step(both, 'Clears three.');
  const last = step(transaction(add('vda-active', 'x')), 'Adds four.');
  const closed = (mayHaveRun: boolean) => new QmpClosedError('the monitor has gone', { mayHaveRun });

  it.each<[string, readonly Step[], number, unknown, readonly unknown[], string, readonly string[]]>([
    [
      'what failed and what would help',
      [last],
      0,
      refusal('Bitmap already exists: x'),
      [],
      'undone',
      [
        'step 1 of 1 failed (disk vda): QEMU refused transaction: Bitmap already exists: x; someone else made it meanwhile: observe the domain again, and choose another name or remove it',
        'the step was: Adds four.',
      ],
    ],
    [
      'a refusal that is not known',
      [last],
      0,
      refusal('Whatever'),
      [],
      'undone',
      [
        'step 1 of 1 failed: QEMU refused transaction: Whatever; observe the domain again and plan anew',
        'the step was: Adds four.',
      ],
    ],
    [
      'what was put back, in that order',
      [first, second, last],
      2,
      refusal('Whatever'),
      [],
      'undone',
      [
        'step 3 of 3 failed: QEMU refused transaction: Whatever; observe the domain again and plan anew',
        'the step was: Adds four.',
        'put back: Adds two. Adds one.',
      ],
    ],
    [
      'what was not, and why',
      [first, second, lasting, last],
      3,
      refusal("Bitmap 'x' is currently in use by another operation and cannot be used"),
      [refusal('Block node is read-only'), 'a text'],
      'partly',
      [
        "step 4 of 4 failed (disk vda): QEMU refused transaction: Bitmap 'x' is currently in use by another operation and cannot be used; end the job or the export that holds it, then plan anew",
        'the step was: Adds four.',
        'not put back: Clears three. (it cannot be undone)',
        'not put back: Adds two. (QEMU refused transaction: Block node is read-only)',
        'not put back: Adds one. (a text)',
      ],
    ],
    [
      'what was needed to go on',
      [first, { ...second, pointOfNoReturn: true }, last],
      2,
      refusal('Whatever'),
      [],
      'partly',
      [
        'step 3 of 3 failed: QEMU refused transaction: Whatever; observe the domain again and plan anew',
        'the step was: Adds four.',
        'not put back: Adds two. (what was done is needed to go on: plan the rest)',
      ],
    ],
    [
      'that it is not known',
      [last],
      0,
      closed(true),
      [],
      'unknown',
      [
        'step 1 of 1 failed: the monitor has gone; the step may have taken effect: observe the domain again before anything else',
        'the step was: Adds four.',
      ],
    ],
    [
      'that nothing was sent',
      [last],
      0,
      closed(false),
      [],
      'undone',
      ['step 1 of 1 failed: the monitor has gone; run the plan again when it may go on', 'the step was: Adds four.'],
    ],
    [
      'what is thrown and is no error',
      [last],
      0,
      'a text',
      [],
      'unknown',
      [
        'step 1 of 1 failed: a text; the step may have taken effect: observe the domain again before anything else',
        'the step was: Adds four.',
      ],
    ],
    [
      'that a job failed',
      [last],
      0,
      new QmpJobError('j', 'failed', 'No space left on device'),
      [],
      'undone',
      [
        'step 1 of 1 failed: job j failed: No space left on device; run the plan again when it may go on',
        'the step was: Adds four.',
      ],
    ],
  ])('says %s', async (_, steps, index, cause, undos, outcome, lines) => {
    const error = await failing(steps, index, cause, undos);
    expect(error.message.split('\n')).toEqual(lines);
    expect(error.outcome).toBe(outcome);
  });

  it.each([
    ["Bitmap 'x' is inconsistent and cannot be used", 'it can only be removed'],
    ["Dirty bitmap 'x' not found", 'someone else removed it meanwhile'],
    ["Bitmap 'x' is readonly and cannot be modified", 'its image is open for reading only'],
    ['Failed to get "write" lock', 'another process has the image open'],
    ['Failed to update bitmap extension: No space left on device', 'make room where the image lies'],
    ['Block device vda is in use', 'end the job or the export that uses the node'],
    ['Block node is read-only', 'its file is open for reading only'],
    ["Node 'x' not found", 'the node is gone'],
    [
      "Can't make bitmap 'x' persistent in 'n': Maximum number of persistent bitmaps is already reached",
      'delete checkpoints first',
    ],
    ["Parameter 'name' is missing", 'observe the domain again and plan anew'],
  ])('knows what would help after %s', async (desc, cure) => {
    const [line] = (await failing([last], 0, refusal(desc))).message.split('\n');
    expect(line).toContain(`${desc}; ${cure}`);
  });
});
