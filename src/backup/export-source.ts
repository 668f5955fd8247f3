import { contextOf, type NbdServer } from '../core/model/nbd-server.js';

/** An export of a pull, as whoever reads it needs it. */
export interface BackupExport {
  readonly diskTarget: string;
  /** As {@link nbdUri} gives it. */
  readonly uri: string;
  readonly server: NbdServer;
  readonly exportName: string;
  readonly virtualSize: number;
  /** Has what is to be read; absent: everything. Clients ask for it as {@link contextOf} says. */
  readonly bitmap?: string;
}

/** An export as the tools of QEMU take it. With a bitmap they see its dirty parts where else they see what is allocated. */
export function imageOptionsOf({ server, exportName }: BackupExport, bitmap?: string): string {
  const address =
    server.type === 'unix'
      ? { type: 'unix', path: server.path }
      : { type: 'inet', host: server.host, port: String(server.port) };
  const file = { driver: 'nbd', server: address, export: exportName };
  const asked = bitmap === undefined ? {} : { 'x-dirty-bitmap': contextOf(bitmap) };
  return `json:${JSON.stringify({ driver: 'raw', file: { ...file, ...asked } })}`;
}
