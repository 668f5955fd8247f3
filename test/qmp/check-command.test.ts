import { describe, expect, it } from 'vitest';
import { checkCommand } from '../../src/qmp/check-command.js';
import type { QmpCommand } from '../../src/qmp/index.js';
import { readQmpSchema } from '../../src/qmp/qmp-schema.js';
import { makeNonsense, nonsenseNames } from '../support/arbitrary-malformed.js';
import { describeCorpus, readCorpus } from '../support/corpus.js';
import { deepFreeze } from '../support/deep-freeze.js';
import { schemaVersions } from '../support/qmp-schema.js';
import { detailsOf } from '../support/refusal.js';

interface Fault {
  readonly member: string;
  readonly fault: 'unknown' | 'missing' | 'invalid';
  readonly since?: string;
}

/** A reply of `query-qmp-schema` with one command that takes a value of each kind there is. */
const reply = [
  { name: 'go', 'meta-type': 'command', 'arg-type': 'args', 'ret-type': 'empty' },
  { name: 'bare', 'meta-type': 'command' },
  { name: 'block-dirty-bitmap-add', 'meta-type': 'command', 'arg-type': 'add' },
  { name: 'GONE', 'meta-type': 'event', 'arg-type': 'args' },
  {
    name: 'args',
    'meta-type': 'object',
    members: [
      { name: 'name', type: 'str' },
      { name: 'count', type: 'int', default: null },
      { name: 'share', type: 'number', default: null },
      { name: 'on', type: 'bool', default: null },
      { name: 'gone', type: 'null', default: null },
      { name: 'any', type: 'any', default: null },
      { name: 'color', type: 'color', default: null },
      { name: 'old-color', type: 'old-color', default: null },
      { name: 'list', type: '[union]', default: null },
      { name: 'union', type: 'union', default: null },
      { name: 'either', type: 'either', default: null },
      { name: 'tomorrow', type: 'not told', default: null },
    ],
  },
  { name: 'add', 'meta-type': 'object', members: [{ name: 'name', type: 'str' }] },
  { name: 'color', 'meta-type': 'enum', members: [{ name: 'red' }, { name: 'green' }], values: ['red', 'green'] },
  { name: 'old-color', 'meta-type': 'enum', values: ['red'] },
  { name: '[union]', 'meta-type': 'array', 'element-type': 'union' },
  {
    name: 'union',
    'meta-type': 'object',
    tag: 'type',
    members: [{ name: 'type', type: 'color' }],
    variants: [
      { case: 'red', type: 'of-red' },
      { case: 'green', type: 'of-green' },
    ],
  },
  { name: 'of-red', 'meta-type': 'object', members: [{ name: 'depth', type: 'int' }] },
  {
    name: 'of-green',
    'meta-type': 'object',
    tag: 'kind',
    members: [{ name: 'kind', type: 'old-color' }],
    variants: [{ case: 'red', type: 'of-red' }],
  },
  {
    name: 'either',
    'meta-type': 'alternate',
    members: [{ type: 'color' }, { type: 'null' }, { type: 'of-red' }, { type: '[union]' }],
  },
  { name: 'str', 'meta-type': 'builtin', 'json-type': 'string' },
  { name: 'int', 'meta-type': 'builtin', 'json-type': 'int' },
  { name: 'number', 'meta-type': 'builtin', 'json-type': 'number' },
  { name: 'bool', 'meta-type': 'builtin', 'json-type': 'boolean' },
  { name: 'null', 'meta-type': 'builtin', 'json-type': 'null' },
  { name: 'any', 'meta-type': 'builtin', 'json-type': 'value' },
] as const;

function schemaOf(given: unknown) {
  const schema = readQmpSchema(given);
  if (schema === undefined) throw new Error('this is no schema');
  return schema;
}

const schema = schemaOf(deepFreeze(reply));
const faultsOf = (command: QmpCommand, of = schema) =>
  detailsOf(checkCommand(deepFreeze(command), of)).map((each) => {
    const { code, command: name, ...fault } = each as Record<string, unknown>;
    expect([code, name]).toEqual(['command-unsupported', command.execute]);
    return fault;
  });
const go = (args: object): QmpCommand => ({ execute: 'go', arguments: { ...args } });

describe('checkCommand', () => {
  it.each<[string, QmpCommand]>([
    ['a command with what must be there', go({ name: 'a' })],
    ['a command that takes nothing', { execute: 'bare', arguments: {} }],
    ['a text, a number, a flag, nothing', go({ name: '', count: -1, share: 0.5, on: false, gone: null })],
    ['anything for anything', go({ name: 'a', any: [{ deep: null }] })],
    ['a value of an enumeration', go({ name: 'a', color: 'green' })],
    ['a value of one as old QEMUs tell it', go({ name: 'a', 'old-color': 'red' })],
    ['a variant of a union', go({ name: 'a', union: { type: 'red', depth: 1 } })],
    ['a variant of a variant', go({ name: 'a', union: { type: 'green', kind: 'red', depth: 1 } })],
    ['an empty list', go({ name: 'a', list: [] })],
    [
      'a list',
      go({
        name: 'a',
        list: [
          { type: 'red', depth: 1 },
          { type: 'red', depth: 2 },
        ],
      }),
    ],
    ['an alternate as an enumeration', go({ name: 'a', either: 'red' })],
    ['an alternate as nothing', go({ name: 'a', either: null })],
    ['an alternate as an object', go({ name: 'a', either: { depth: 1 } })],
    ['an alternate as a list', go({ name: 'a', either: [{ type: 'red', depth: 1 }] })],
    ['what is of a type the schema does not tell', go({ name: 'a', tomorrow: Number.NaN })],
  ])('lets %s pass', (_, command) => {
    expect(faultsOf(command)).toEqual([]);
  });

  it.each<[string, object, readonly Fault[]]>([
    // 2
    ['a member that is not there', { name: 'a', nope: 1 }, [{ member: 'nope', fault: 'unknown' }]],
    ['a member every object has', { name: 'a', constructor: 1 }, [{ member: 'constructor', fault: 'unknown' }]],
    [
      'a member of another variant',
      { name: 'a', union: { type: 'red', depth: 1, kind: 'red' } },
      [{ member: 'union.kind', fault: 'unknown' }],
    ],
    [
      'a member of an element',
      {
        name: 'a',
        list: [
          { type: 'red', depth: 1 },
          { type: 'red', depth: 1, x: 1 },
        ],
      },
      [{ member: 'list[1].x', fault: 'unknown' }],
    ],
    // 3
    ['no member where one must be', {}, [{ member: 'name', fault: 'missing' }]],
    ['no member in a variant', { name: 'a', union: { type: 'red' } }, [{ member: 'union.depth', fault: 'missing' }]],
    [
      'a tag that is no text',
      { name: 'a', union: { type: Object.create(null), depth: 1 } },
      [
        { member: 'union.type', fault: 'invalid' },
        { member: 'union.depth', fault: 'unknown' },
      ],
    ],
    ['no tag', { name: 'a', union: {} }, [{ member: 'union.type', fault: 'missing' }]],
    [
      'no member in a variant of a variant',
      { name: 'a', union: { type: 'green', kind: 'red' } },
      [{ member: 'union.depth', fault: 'missing' }],
    ],
    // 4
    ['another value', { name: 'a', color: 'blue' }, [{ member: 'color=blue', fault: 'unknown' }]],
    ['an empty value', { name: 'a', color: '' }, [{ member: 'color=', fault: 'unknown' }]],
    ['a list for a value', { name: 'a', color: ['red'] }, [{ member: 'color', fault: 'invalid' }]],
    ['a number for a text', { name: 1 }, [{ member: 'name', fault: 'invalid' }]],
    ['nothing for a text', { name: null }, [{ member: 'name', fault: 'invalid' }]],
    ['a fraction for a whole number', { name: 'a', count: 0.5 }, [{ member: 'count', fault: 'invalid' }]],
    ['a text for a number', { name: 'a', share: '1' }, [{ member: 'share', fault: 'invalid' }]],
    ['a text for a flag', { name: 'a', on: 'true' }, [{ member: 'on', fault: 'invalid' }]],
    ['a flag for nothing', { name: 'a', gone: false }, [{ member: 'gone', fault: 'invalid' }]],
    ['an object for a list', { name: 'a', list: {} }, [{ member: 'list', fault: 'invalid' }]],
    ['a list for an object', { name: 'a', union: [] }, [{ member: 'union', fault: 'invalid' }]],
    ['nothing for an object', { name: 'a', union: null }, [{ member: 'union', fault: 'invalid' }]],
    ['a text in a list of objects', { name: 'a', list: ['x'] }, [{ member: 'list[0]', fault: 'invalid' }]],
    ['what is none of the alternatives', { name: 'a', either: 5 }, [{ member: 'either', fault: 'invalid' }]],
    ['a wrong value of an alternative', { name: 'a', either: 'blue' }, [{ member: 'either=blue', fault: 'unknown' }]],
    [
      'a wrong object of an alternative',
      { name: 'a', either: { depth: 'x', y: 1 } },
      [
        { member: 'either.depth', fault: 'invalid' },
        { member: 'either.y', fault: 'unknown' },
      ],
    ],
    [
      'several things at once',
      { count: 'x', nope: 1, union: { type: 'red' } },
      [
        { member: 'count', fault: 'invalid' },
        { member: 'nope', fault: 'unknown' },
        { member: 'union.depth', fault: 'missing' },
        { member: 'name', fault: 'missing' },
      ],
    ],
  ])('finds %s', (_, args, faults) => {
    expect(faultsOf(go(args))).toEqual(faults);
  });

  it.each(['went', 'GONE', 'args', 'str', '__proto__'])('knows no command %s', (execute) => {
    // 1
    expect(faultsOf({ execute, arguments: {} })).toEqual([{}]);
  });

  it.each(nonsenseNames.filter((name) => !/proxy|getter/.test(name)))('takes or refuses arguments with %s', (name) => {
    const faults = checkCommand(go({ name: 'a', count: makeNonsense(name) }), schema);
    const isNumber = Number.isInteger(makeNonsense(name));
    expect(detailsOf(faults)).toEqual(
      isNumber ? [] : [{ code: 'command-unsupported', command: 'go', member: 'count', fault: 'invalid' }],
    );
  });
});

describe('the QEMU that has what is lacking', () => {
  const without = (...names: readonly string[]) => schemaOf(reply.filter(({ name }) => !names.includes(name)));

  it.each([
    ['transaction', '1.1'],
    ['blockdev-reopen', '6.1'],
    ['block-dirty-bitmap-remove', '4.2'],
    ['block-dirty-bitmap-merge', '4.0'],
  ])('is told for the command %s', (execute, since) => {
    expect(faultsOf({ execute, arguments: {} })).toEqual([{ since }]);
  });

  it.each([
    ['persistent', '2.10'],
    ['disabled', '4.0'],
  ])('is told for the member %s', (member, since) => {
    const command = { execute: 'block-dirty-bitmap-add', arguments: { name: 'a', [member]: true } };
    expect(faultsOf(command)).toEqual([{ member, fault: 'unknown', since }]);
    expect(faultsOf(command, without('block-dirty-bitmap-add'))).toEqual([{}]);
  });

  it('is told for an action of a transaction, and in words', () => {
    const old = schemaOf([
      { name: 'transaction', 'meta-type': 'command', 'arg-type': '1' },
      { name: '1', 'meta-type': 'object', members: [{ name: 'actions', type: '[2]' }] },
      { name: '[2]', 'meta-type': 'array', 'element-type': '2' },
      { name: '2', 'meta-type': 'object', tag: 'type', members: [{ name: 'type', type: '3' }], variants: [] },
      { name: '3', 'meta-type': 'enum', values: ['block-dirty-bitmap-add'] },
    ]);
    const actions = [{ type: 'block-dirty-bitmap-remove' }];
    const [problem, ...others] = checkCommand({ execute: 'transaction', arguments: { actions } }, old);
    expect(others).toEqual([]);
    expect(problem).toMatchObject({
      member: 'actions[0].type=block-dirty-bitmap-remove',
      fault: 'unknown',
      since: '4.2',
      text: 'this QEMU does not know "actions[0].type=block-dirty-bitmap-remove" of transaction; use QEMU 4.2 or later',
    });
  });

  it('is not told where a member that is known is given wrongly', () => {
    const told = schemaOf([
      ...reply.filter(({ name }) => name !== 'add'),
      { name: 'add', 'meta-type': 'object', members: [{ name: 'persistent', type: 'bool' }] },
    ]);
    const add = (args: object) => faultsOf({ execute: 'block-dirty-bitmap-add', arguments: { ...args } }, told);
    expect(add({ persistent: 1 })).toEqual([{ member: 'persistent', fault: 'invalid' }]);
    expect(add({})).toEqual([{ member: 'persistent', fault: 'missing' }]);
  });
});

describe('readQmpSchema', () => {
  it.each(nonsenseNames.filter((name) => !/proxy|getter|^an empty list|circle/.test(name)))(
    'reads no schema from %s',
    (name) => {
      expect(readQmpSchema(makeNonsense(name))).toBeUndefined();
      expect(readQmpSchema([makeNonsense(name)])).toBeUndefined();
    },
  );

  it('reads no schema where one entry is none', () => {
    expect(readQmpSchema([...reply, { name: 'x' }])).toBeUndefined();
  });

  it('passes over what it does not know', () => {
    const more = schemaOf([...reply, { name: 'x', 'meta-type': 'tomorrow', deep: [] }]);
    expect(faultsOf(go({ name: 'a' }), more)).toEqual([]);
  });
});

interface Calls {
  readonly calls: readonly { readonly id: string; readonly expectedCommands: readonly QmpCommand[] }[];
}

describeCorpus('the commands that libvirt sends', () => {
  const commands = readCorpus<Calls>('extra/monitor.json').calls.flatMap(({ id, expectedCommands }) =>
    expectedCommands.map((command) => ({ id, ...command })),
  );

  describe.each(schemaVersions)('to QEMU %s', (version) => {
    const known = schemaOf(readCorpus(`schema/qemu-${version}.json`));

    it.each(commands)('pass: $id', ({ execute, arguments: args = {} }) => {
      expect(checkCommand({ execute, arguments: args }, known)).toEqual([]);
    });

    it.each(commands)('do not pass with a member more: $id', ({ execute, arguments: args = {} }) => {
      const [problem] = detailsOf(checkCommand({ execute, arguments: { ...args, frob: 1 } }, known));
      expect(problem).toEqual({ code: 'command-unsupported', command: execute, member: 'frob', fault: 'unknown' });
    });
  });

  const transaction = (type: string, data: object) => ({
    execute: 'transaction',
    arguments: { actions: [{ type, data }] },
  });

  it.each<[string, QmpCommand, Fault]>([
    [
      'a member',
      transaction('block-dirty-bitmap-add', { node: 'n', name: 'a', recording: true }),
      { member: 'actions[0].data.recording', fault: 'unknown' },
    ],
    [
      'a member that must be there',
      transaction('block-dirty-bitmap-remove', { node: 'n' }),
      { member: 'actions[0].data.name', fault: 'missing' },
    ],
    [
      'a merge source that is neither a name nor a bitmap of a node',
      transaction('block-dirty-bitmap-merge', { node: 'n', target: 'a', bitmaps: ['b', 5] }),
      { member: 'actions[0].data.bitmaps[1]', fault: 'invalid' },
    ],
    [
      'a driver',
      { execute: 'blockdev-add', arguments: { driver: 'frob' } },
      { member: 'driver=frob', fault: 'unknown' },
    ],
  ])('would be found wrong in %s, by every QEMU', (_, command, fault) => {
    for (const version of schemaVersions) {
      expect(faultsOf(command, schemaOf(readCorpus(`schema/qemu-${version}.json`)))).toEqual([fault]);
    }
  });
});
