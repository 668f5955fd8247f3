import { describe, expect, it } from 'vitest';
import { untilFree } from '../../src/backup/until-free.js';
import { StoreError } from '../../src/store/error.js';
import { rejection } from '../support/rejection.js';

describe('untilFree', () => {
  it.each(['busy', 'stale'] as const)('does anew what the store refused as %s', async (kind) => {
    let done = 0;
    const work = () => {
      done += 1;
      return done < 3 ? Promise.reject(new StoreError({ kind, path: '/store' })) : Promise.resolve('done');
    };
    expect(await untilFree(work)).toBe('done');
    expect(done).toBe(3);
  });

  it.each([new StoreError({ kind: 'closed', path: '/store' }), new Error('the disk is full')])(
    'throws %s at once',
    async (error) => {
      let done = 0;
      const work = () => {
        done += 1;
        return Promise.reject(error);
      };
      expect(await rejection(untilFree(work))).toBe(error);
      expect(done).toBe(1);
    },
  );
});
