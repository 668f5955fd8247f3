import * as z from 'zod';
import { frozen } from './frozen.js';
import { parseWith } from './parse-with.js';

/** Where QEMU's NBD server is reached. */
export type NbdServer = UnixNbdServer | TcpNbdServer;

export interface UnixNbdServer {
  readonly type: 'unix';
  /** The socket's path. */
  readonly path: string;
  /** It is there already: it is used, and neither started nor stopped. */
  readonly running?: true;
}

export interface TcpNbdServer {
  readonly type: 'tcp';
  readonly host: string;
  readonly port: number;
  /** Id of QEMU's object with the credentials; without it everything goes over the wire in plain. */
  readonly tlsCreds?: string;
  /** Id of QEMU's object that says which clients may connect. */
  readonly tlsAuthz?: string;
  /** Says that plain is wanted: whoever reaches the port can read the disks. */
  readonly plain?: true;
  /** It is there already: it is used, and neither started nor stopped. */
  readonly running?: true;
}

export const nbdServerSchema = frozen(
  z.union([
    z.object({ type: z.literal('unix'), path: z.string().min(1), running: z.exactOptional(z.literal(true)) }),
    z.object({
      type: z.literal('tcp'),
      host: z.string().min(1),
      port: z.int().min(1).max(65535),
      tlsCreds: z.exactOptional(z.string().min(1)),
      tlsAuthz: z.exactOptional(z.string().min(1)),
      plain: z.exactOptional(z.literal(true)),
      running: z.exactOptional(z.literal(true)),
    }),
  ]),
) satisfies z.ZodType<NbdServer>;

/** Reads where a server is reached from a value of any kind; throws `invalid-input`. */
export function parseNbdServer(input: unknown): NbdServer {
  return parseWith(nbdServerSchema, input, 'server');
}

/** The address of an export, as NBD clients take it: `nbd+unix:///vda?socket=/run/backup.sock`. */
export function nbdUri(server: NbdServer, exportName: string): string {
  const name = encodeURIComponent(exportName);
  if (server.type === 'unix') {
    const path = encodeURIComponent(server.path).replaceAll('%2F', '/');
    return `nbd+unix:///${name}?socket=${path}`;
  }
  const host = server.host.includes(':') ? `[${server.host}]` : server.host;
  return `${server.tlsCreds === undefined ? 'nbd' : 'nbds'}://${host}:${server.port}/${name}`;
}

/** What clients ask for to be told which parts of an export are dirty. */
export function contextOf(bitmap: string): string {
  return `qemu:dirty-bitmap:${bitmap}`;
}
