import { describe, expect, it } from 'vitest';
import { untilFree } from '../../src/backup/until-free.js';
import { CheckpointError } from '../../src/core/error.js';
import { problem } from '../../src/core/problem.js';
import { StoreError } from '../../src/store/error.js';
import { rejection } from '../support/rejection.js';

describe('untilFree', () => {
  it.each<[string, Error]>([
    ['the store refused as busy', new StoreError({ kind: 'busy', path: '/store' })],
    ['the store refused as stale', new StoreError({ kind: 'stale', path: '/store' })],
    ['did not find a disk that moves', new CheckpointError([problem({ code: 'node-not-found', nodeName: 'vda-1' })])],
  ])('does anew what %s', async (_, error) => {
    let done = 0;
    const work = () => {
      done += 1;
      return done < 3 ? Promise.reject(error) : Promise.resolve('done');
    };
    expect(await untilFree(work)).toBe('done');
    expect(done).toBe(3);
  });

  it.each([
    new StoreError({ kind: 'closed', path: '/store' }),
    new CheckpointError([problem({ code: 'disk-not-found', disk: 'vdx' })]),
    new Error('the disk is full'),
  ])('throws %s at once', async (error) => {
    let done = 0;
    const work = () => {
      done += 1;
      return Promise.reject(error);
    };
    expect(await rejection(untilFree(work))).toBe(error);
    expect(done).toBe(1);
  });
});
