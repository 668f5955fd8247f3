import { isQmpError } from './error.js';
import { type QmpSchema, readQmpSchema } from './qmp-schema.js';
import type { QmpSession } from './qmp-session.js';

const asked = new WeakMap<QmpSession, Promise<QmpSchema | undefined>>();

/**
 * What the QEMU of a session says it understands, asked for once a session.
 *
 * @returns `undefined` where the session cannot say, as a scripted one may not: QEMU refuses by itself what it does not
 * know, the check only finds it sooner.
 * @throws {@link QmpError} where the session has ended.
 */
export async function schemaOf(session: QmpSession): Promise<QmpSchema | undefined> {
  const known = asked.get(session);
  if (known !== undefined) return await known;
  const reply = ask(session);
  asked.set(session, reply);
  return await reply;
}

async function ask(session: QmpSession): Promise<QmpSchema | undefined> {
  try {
    return readQmpSchema(await session.execute('query-qmp-schema'));
  } catch (error) {
    asked.delete(session);
    if (isQmpError(error) && error.kind !== 'command') throw error;
    return undefined;
  }
}
