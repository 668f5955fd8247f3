import * as z from 'zod';
import { parseWith } from '../core/model/parse-with.js';

/** A device of the guest that holds a medium or could, as `query-block` shows it. */
export interface BlockDevice {
  /** The names it can be found by: id of the device, name of the drive; the first is its disk target. */
  readonly names: readonly string[];
  /** Node-name of what is in it; absent where it is empty. */
  readonly nodeName?: string;
  readonly readOnly: boolean;
}

/** Reads a reply of `query-block`. A storage daemon has no devices and answers with an empty list. */
export function readBlockDevices(reply: unknown): readonly BlockDevice[] {
  return parseWith(blockReplySchema, reply, 'reply').map(({ device, qdev, inserted }) => {
    const nodeName = inserted?.['node-name'];
    return {
      names: namesOf(device, qdev),
      ...(nodeName !== undefined && { nodeName }),
      readOnly: inserted?.ro ?? false,
    };
  });
}

/** A virtio disk is shown as a part of its device, by a path that has the id in it. */
function namesOf(device: string, qdev: string | undefined): readonly string[] {
  const id = qdev?.startsWith('/') ? /^\/machine\/peripheral\/([^/]+)/.exec(qdev)?.[1] : qdev;
  return [id, device, qdev].filter((name) => name !== undefined && name !== '') as readonly string[];
}

const blockReplySchema = z.array(
  z.object({
    device: z.string(),
    qdev: z.exactOptional(z.string()),
    inserted: z.exactOptional(z.object({ 'node-name': z.exactOptional(z.string()), ro: z.boolean() })),
  }),
);
