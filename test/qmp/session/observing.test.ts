import { spawn } from 'node:child_process';
import { tracingChannel } from 'node:diagnostics_channel';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { fakeMonitor } from '../../support/fake-monitor.js';
import { pairedSession } from '../../support/paired-session.js';
import { rejection } from '../../support/rejection.js';

describe('the tracing channel', () => {
  it('tells each command by its name, without its arguments', async () => {
    const told: unknown[] = [];
    const tell = (stage: string) => (context: object) => {
      const { command, result, error } = context as { command?: string; result?: unknown; error?: Error };
      told.push([
        stage,
        command,
        ...(result === undefined ? [] : [result]),
        ...(error === undefined ? [] : [error.name]),
      ]);
      expect(JSON.stringify(context)).not.toContain('hunter2');
    };
    const channel = tracingChannel('qemu-checkpoint:qmp.command');
    const subscriber = {
      start: tell('start'),
      end: tell('end'),
      asyncStart: tell('asyncStart'),
      asyncEnd: tell('asyncEnd'),
      error: tell('error'),
    };
    const { session, arrived, send } = await pairedSession();
    channel.subscribe(subscriber);
    onTestFinished(() => channel.unsubscribe(subscriber));

    const one = session.execute('one', { data: 'hunter2' });
    const two = rejection(session.execute('two', { data: 'hunter2' }));
    await arrived(2);
    send({ return: 1, id: 2 }, { error: { class: 'GenericError', desc: 'no' }, id: 3 });
    expect(await one).toBe(1);
    expect(await two).toMatchObject({ kind: 'command' });
    expect(told).toEqual([
      ['start', 'one'],
      ['end', 'one'],
      ['start', 'two'],
      ['end', 'two'],
      ['asyncStart', 'one', 1],
      ['asyncEnd', 'one', 1],
      ['error', 'two', 'QmpCommandError'],
      ['asyncStart', 'two', 'QmpCommandError'],
      ['asyncEnd', 'two', 'QmpCommandError'],
    ]);
    await session.close();
  });
});

describe('a process', () => {
  it.each([
    ['closed its session', 'await session.close();'],
    ['left the scope of its session', 'await session[Symbol.asyncDispose]();'],
    ['failed to open another', 'await session.close(); await connect("/none/at/all").catch(() => undefined);'],
  ])('ends by itself once it has %s, and tells what it did where it is asked to', async (_, ending) => {
    await using monitor = await fakeMonitor({ onCommand: ({ id }, peer) => peer.send({ return: {}, id }) });
    const script = `
      import { connect } from ${JSON.stringify(resolve(import.meta.dirname, '../../../src/qmp/session.ts'))};
      const session = await connect(process.argv[1]);
      const events = session.events();
      void events.next();
      const { signal } = new AbortController();
      await session.execute('object-add', { data: 'hunter2' }, { signal });
      ${ending}
    `;
    const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script, monitor.address], {
      env: { ...process.env, NODE_DEBUG: 'qemu-checkpoint' },
      stdio: ['ignore', 'inherit', 'pipe'],
    });
    let text = '';
    child.stderr.setEncoding('utf8').on('data', (piece) => {
      text += piece;
    });
    expect(await once(child, 'close')).toEqual([0, null]);
    expect(text).toContain(`${monitor.address}: ready, QEMU {`);
    expect(text).toContain(`${monitor.address}: object-add\n`);
    expect(text).toContain(`${monitor.address}: closed, by this side\n`);
    expect(text).not.toContain('hunter2');
  });
});
