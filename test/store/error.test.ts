import { describe, expect, it } from 'vitest';
import { isStoreError, StoreError, type StoreErrorDetails, type StoreErrorKind } from '../../src/store/error.js';

const path = '/store';
const cause = new Error('no space left');

/** One text for each kind and each way it can be put: whoever adds a kind adds its text here, or the types do not fit. */
const samples: { readonly [K in StoreErrorKind]: readonly (readonly [details: StoreErrorDetails, text: string])[] } = {
  locked: [
    [
      { kind: 'locked', path, holderPid: 7 },
      'the store /store is open for writing elsewhere, by process 7; close it there, or open it here with readOnly',
    ],
    [
      { kind: 'locked', path },
      'the store /store is open for writing elsewhere; close it there, or open it here with readOnly',
    ],
  ],
  'lock-unavailable': [
    [
      { kind: 'lock-unavailable', path },
      'the store /store cannot be locked: the program "flock" was not found; install the package util-linux',
    ],
  ],
  'not-found': [
    [{ kind: 'not-found', path }, 'there is no store /store; correct the path, or open it for writing, which makes it'],
  ],
  damaged: [
    [
      { kind: 'damaged', path: '/store/a.json', reason: 'it is empty' },
      '/store/a.json cannot be used: it is empty; restore it from a copy, or move it away and redefine the checkpoint',
    ],
  ],
  'version-unknown': [
    [
      { kind: 'version-unknown', path: '/store/a.json', version: '2' },
      '/store/a.json was written in version 2 of its form, which this library does not know; use a newer one',
    ],
  ],
  'name-clash': [
    [
      { kind: 'name-clash', path: '/store/a.json', checkpoint: 'a' },
      'checkpoint "a" needs the file /store/a.json, which is there already; choose another name (case may not count there), or move that file away',
    ],
  ],
  stale: [
    [
      { kind: 'stale', path },
      'the checkpoints in /store are not those the plan was made from; load them again, observe the domain and plan anew',
    ],
  ],
  unsettled: [
    [
      { kind: 'unsettled', path, checkpoints: ['a', 'b'] },
      'a change of checkpoint "a", "b" in /store was begun and not ended; observe the domain, reconcile, and try again',
    ],
  ],
  busy: [[{ kind: 'busy', path }, 'the store /store is being changed; wait until that has ended']],
  'read-only': [
    [{ kind: 'read-only', path }, 'the store /store was opened for reading only; open it without readOnly'],
  ],
  closed: [[{ kind: 'closed', path }, 'the store /store has been closed; open it again']],
  io: [
    [
      { kind: 'io', path: '/store/a.json', operation: 'write' },
      'cannot write /store/a.json: no space left; see that the file system is there, writable and not full',
    ],
  ],
};

describe('StoreError', () => {
  it.each(Object.values(samples).flat())('%j', (details, text) => {
    const error = new StoreError(details, { cause });
    expect(error.message).toBe(text);
    expect(error).toMatchObject({ name: 'StoreError', kind: details.kind, path: details.path, details, cause });
  });

  it('tells a cause that is no error too', () => {
    expect(new StoreError({ kind: 'io', path, operation: 'list' }, { cause: 'gone' }).message).toMatch(/: gone;/);
  });
});

describe('isStoreError', () => {
  it('knows one of another build by its brand', () => {
    const foreign = Object.defineProperty(new Error('x'), Symbol.for('qemu-checkpoint.store-error'), { value: true });
    expect(isStoreError(foreign)).toBe(true);
    expect(isStoreError(new StoreError({ kind: 'busy', path }))).toBe(true);
  });

  it.each([[new Error('x')], [null], [undefined], ['StoreError'], [{ kind: 'busy' }]])(
    'does not take %j for one',
    (value) => {
      expect(isStoreError(value)).toBe(false);
    },
  );
});
