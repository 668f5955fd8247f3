import { describe, expect, it } from 'vitest';
import { tellError } from '../../src/cli/tell-error.js';
import { problem } from '../../src/core/problem.js';
import { CheckpointError } from '../../src/index.js';
import { QmpConnectError } from '../../src/qmp/index.js';
import { capturedTerminal } from '../support/captured-terminal.js';

const enough = new Error('stopped by Ctrl-C');

function tell(error: unknown, json: boolean, signal?: AbortSignal) {
  const { terminal, ...lines } = capturedTerminal({}, signal);
  tellError(error, json, terminal);
  return lines;
}

const problems = ['a', 'b'].map((nodeName) => problem({ code: 'node-not-found', nodeName }));
const refused = new CheckpointError(problems);
const unreachable = new QmpConnectError('cannot connect\nto /run/q');

describe('tellError', () => {
  it.each<[string, unknown, AbortSignal | undefined, readonly string[], object]>([
    ['each problem', refused, undefined, problems.map(({ text }) => text), { problems }],
    [
      'each line of a failure',
      unreachable,
      undefined,
      ['cannot connect', 'to /run/q'],
      { error: { kind: 'connect', message: 'cannot connect\nto /run/q' } },
    ],
    [
      'that it was stopped',
      enough,
      AbortSignal.abort(enough),
      ['stopped by Ctrl-C'],
      { error: { kind: 'stopped', message: 'stopped by Ctrl-C' } },
    ],
  ])('tells %s, for people and for machines', (_, error, signal, lines, data) => {
    expect(tell(error, false, signal)).toEqual({ printed: [], complained: lines });
    const { printed, complained } = tell(error, true, signal);
    expect(complained).toEqual(lines);
    expect(printed.map((line) => JSON.parse(line))).toEqual([JSON.parse(JSON.stringify(data))]);
  });

  it.each<[string, unknown, AbortSignal | undefined]>([
    ['is a fault of the library', new TypeError('x is not a function'), undefined],
    ['came while it was stopped', new TypeError('x is not a function'), AbortSignal.abort(enough)],
    ['is what would stop it, but has not', enough, undefined],
    ['is no error', undefined, undefined],
  ])('throws on what %s', (_, error, signal) => {
    let thrown: unknown = 'nothing';
    try {
      tell(error, true, signal);
    } catch (caught) {
      thrown = caught;
    }
    expect(thrown).toBe(error);
  });
});
