import { describe, expect, it } from 'vitest';
import type { Command, TransactionAction } from '../../src/index.js';
import { checkCommand } from '../../src/qmp/check-command.js';
import { formatCommand, formatTransaction } from '../../src/qmp/index.js';
import { readQmpSchema } from '../../src/qmp/qmp-schema.js';
import { describeCorpus, readCorpus } from '../support/corpus.js';
import { deepFreeze } from '../support/deep-freeze.js';
import { everyCommand, standaloneRows, transactionRows } from '../support/every-command.js';
import { faultsOf, readSchema, schemaVersions } from '../support/qmp-schema.js';

type Row<T> = readonly [kind: string, what: string, action: T, text: string];

const rowsOf = <T extends { readonly kind: string }>(
  rows: Readonly<Record<string, readonly (readonly [what: string, action: T, text: string])[]>>,
): readonly Row<T>[] => Object.entries(rows).flatMap(([kind, list]) => list.map((row): Row<T> => [kind, ...row]));

describe('formatTransaction', () => {
  it.each(rowsOf<TransactionAction>(transactionRows))('spells a %s %s', (_kind, _what, action, text) => {
    const whole = `{"execute":"transaction","arguments":{"actions":[${text}]}}`;
    expect(JSON.stringify(formatTransaction(deepFreeze([action])))).toBe(whole);
    expect(JSON.stringify(formatCommand({ kind: 'transaction', actions: [action] }))).toBe(whole);
  });

  it('keeps the order of the actions', () => {
    const names = ['c', 'a', 'b'];
    const actions = names.map((bitmap): TransactionAction => ({ kind: 'bitmap-remove', nodeName: 'n', bitmap }));
    expect(formatTransaction(actions).arguments.actions.map(({ data }) => data['name'])).toEqual(names);
  });

  it('spells one without actions, which QEMU takes', () => {
    expect(formatTransaction([])).toEqual({ execute: 'transaction', arguments: { actions: [] } });
  });
});

describe('formatCommand', () => {
  it.each(rowsOf<Command>(standaloneRows))('spells a %s %s', (_kind, _what, command, text) => {
    expect(JSON.stringify(formatCommand(deepFreeze(command)))).toBe(text);
  });
});

describeCorpus('what is spelled', () => {
  it.each(schemaVersions)(
    'is known to QEMU %s, to its schema and to the check that is made before a run',
    (version) => {
      const [theirs, ours] = [readSchema(version), readQmpSchema(readCorpus(`schema/qemu-${version}.json`))];
      expect(ours).toBeDefined();
      for (const command of everyCommand) {
        const spelled = formatCommand(command);
        // Bitmaps of other nodes are exported since 7.1.
        const lacking = version === '7.0' && 'bitmapNodeName' in command ? 1 : 0;
        expect([command, faultsOf(theirs, spelled).length]).toEqual([command, lacking]);
        expect([command, ours && checkCommand(spelled, ours).length]).toEqual([command, lacking]);
      }
    },
  );
});
