import { invalidArgument } from './invalid-argument.js';

/**
 * Where a monitor listens: the path of a UNIX socket (with a slash in it, or behind `unix:`), `host:port` (or behind
 * `tcp:`), or the same in parts.
 */
export type QmpAddress = string | { readonly path: string } | { readonly host?: string; readonly port: number };

/** An address in parts. */
export type ParsedAddress = { readonly path: string } | { readonly host: string; readonly port: number };

/** @throws {@link CheckpointError} with `invalid-input` for what is none of them. */
export function parseAddress(address: QmpAddress): ParsedAddress {
  if (typeof address === 'string') return parseText(address);
  if (typeof address === 'object' && address !== null) {
    if ('path' in address) return pathAddress(address.path);
    if ('port' in address) return portAddress(address.host ?? 'localhost', address.port);
  }
  throw noAddress();
}

/** An address as texts name it. */
export function describeAddress(address: ParsedAddress): string {
  if ('path' in address) return address.path;
  return address.host.includes(':') ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`;
}

function parseText(text: string): ParsedAddress {
  if (text.startsWith('unix:')) return pathAddress(text.slice('unix:'.length));
  const isTcp = text.startsWith('tcp:');
  if (!isTcp && text.includes('/')) return pathAddress(text);
  const found = /^(?:\[([^\]]+)\]|([^:]*)):(\d+)$/.exec(isTcp ? text.slice('tcp:'.length) : text);
  if (found === null) throw noAddress();
  const [, bracketed, plain, port] = found;
  return portAddress(bracketed || plain || 'localhost', Number(port));
}

/** The kernel's limit; what is longer would be cut off, and not be found there. */
const longestPath = 107;

function pathAddress(path: unknown): ParsedAddress {
  if (typeof path !== 'string' || path === '') throw noAddress();
  if (Buffer.byteLength(path) <= longestPath) return { path };
  throw invalidArgument(
    'address',
    `must be a path of at most ${longestPath} bytes; make a symbolic link to its folder`,
  );
}

function portAddress(host: unknown, port: unknown): ParsedAddress {
  const isPort = typeof port === 'number' && Number.isInteger(port) && port >= 1 && port <= 65535;
  if (typeof host !== 'string' || !isPort) throw noAddress();
  return { host, port };
}

function noAddress() {
  return invalidArgument('address', 'must be a path with a slash, "unix:PATH", "HOST:PORT" or a stream');
}
