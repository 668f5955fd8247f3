import { Duplex } from 'node:stream';
import { expect, it, vi } from 'vitest';
import { connect } from '../../../src/qmp/session.js';
import { rejection } from '../../support/rejection.js';

/** A host that does not even refuse. None can be had without a network. */
const socket = new Duplex({ read() {}, write() {} });
vi.mock('node:net', () => ({ createConnection: () => socket }));

it('tells a connection that never comes apart from a greeting that never comes', async () => {
  const error = await rejection(connect('vm.example:4444', { greetingTimeoutSeconds: 0.05 }));
  expect(error).toMatchObject({
    name: 'QmpConnectError',
    kind: 'connect',
    message: 'cannot connect to vm.example:4444: no answer within 0.05 s',
  });
  expect(socket.destroyed).toBe(true);
});
