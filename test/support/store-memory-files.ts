import { basename } from 'node:path';
import { StoreError } from '../../src/store/error.js';
import type { FileSystem } from '../../src/store/file-system.js';

/** What a crash leaves of the latest operations. */
export type Crash =
  /** The process died: all that it did is there. */
  | 'killed'
  /** The machine lost its power: names that were not synced are as they were before, content that was not is garbage. */
  | 'power-lost'
  /** The same, but the latest change of a name made it to the disk, before those that came earlier. */
  | 'power-lost-reordered';

/** One folder in memory, which tells what was synced from what was not, and dies on demand. */
export interface MemoryFiles extends FileSystem {
  /** The changing operations so far. */
  readonly operations: readonly string[];
  /** Lets so many more changing operations happen; then the process is dead, and so is whatever it tries. */
  dieAfter(changes: number): void;
  /** What a new process finds in the folder after a crash. */
  restart(crash: Crash): MemoryFiles;
  /** The names and contents as they are now. */
  show(): Readonly<Record<string, string>>;
  /** Puts a file there, as somebody else would. */
  put(name: string, content: string | Uint8Array): void;
}

interface Inode {
  content: Uint8Array;
  durable: Uint8Array | undefined;
}

export interface MemoryOptions {
  /** File names that differ in case only are the same file. */
  readonly ignoreCase?: boolean;
}

export function memoryFiles(options: MemoryOptions = {}): MemoryFiles {
  return inMemory(new Map(), options);
}

function inMemory(start: ReadonlyMap<string, Inode>, options: MemoryOptions): MemoryFiles {
  const entries = new Map(start);
  let durable: ReadonlyMap<string, Inode> = new Map(start);
  let latest: (names: Map<string, Inode>) => void = () => undefined;
  const operations: string[] = [];
  let left = Number.POSITIVE_INFINITY;
  let dead = false;
  let locked = false;
  const nameIn = (path: string) => {
    const name = basename(path);
    if (!options.ignoreCase) return name;
    return [...entries.keys()].find((known) => known.toLowerCase() === name.toLowerCase()) ?? name;
  };
  const rename = (apply: (names: Map<string, Inode>) => void) => {
    apply(entries);
    latest = apply;
  };
  const live = async <T>(run: () => T): Promise<T> => {
    if (dead) throw new Error('this process is dead');
    return run();
  };
  const change = (what: string, path: string, run: (name: string) => void) =>
    live(() => {
      if (left === 0) {
        dead = true;
        throw new Error('this process dies');
      }
      left -= 1;
      const name = nameIn(path);
      operations.push(`${what} ${basename(path)}`);
      run(name);
    });
  return {
    operations,
    makeFolder: () => live(() => undefined),
    list: () => live(() => [...entries.keys()]),
    read: (path) => live(() => entries.get(nameIn(path))?.content),
    exists: (path) => live(() => entries.has(nameIn(path))),
    write: (path, text) =>
      change('write', path, (name) => {
        const file = { content: Buffer.from(text), durable: undefined };
        rename((names) => names.set(name, file));
      }),
    sync: (path) =>
      change('sync', path, (name) => {
        const file = entries.get(name);
        if (file !== undefined) file.durable = file.content;
        else {
          durable = new Map(entries);
          latest = () => undefined;
        }
      }),
    rename: (from, to) =>
      change('rename to', to, (name) => {
        const source = nameIn(from);
        const file = entries.get(source) as Inode;
        rename((names) => {
          names.delete(source);
          names.set(name, file);
        });
      }),
    remove: (path) =>
      change('remove', path, (name) => {
        if (!entries.has(name)) throw new Error(`${name} is not there`);
        rename((names) => names.delete(name));
      }),
    lock: (path) =>
      live(() => {
        if (locked) throw new StoreError({ kind: 'locked', path });
        locked = true;
        return {
          async release() {
            locked = false;
          },
        };
      }),
    dieAfter(changes) {
      left = changes;
    },
    restart(crash) {
      const names = new Map(crash === 'killed' ? entries : durable);
      if (crash === 'power-lost-reordered') latest(names);
      const found = [...names].map(([name, { content, durable: synced }]): [string, Inode] => {
        const bytes = crash === 'killed' ? content : (synced ?? garbageOf(content));
        return [name, { content: bytes, durable: bytes }];
      });
      return inMemory(new Map(found), options);
    },
    show: () => Object.fromEntries([...entries].map(([name, { content }]) => [name, Buffer.from(content).toString()])),
    put(name, content) {
      const bytes = Buffer.from(content);
      entries.set(name, { content: bytes, durable: bytes });
      durable = new Map(entries);
    },
  };
}

/** The length made it to the disk, a part of the bytes did not. */
function garbageOf(content: Uint8Array): Uint8Array {
  return content.map((byte, place) => (place < content.length / 2 ? byte : 0));
}
