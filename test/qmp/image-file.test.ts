import { describe, expect, it } from 'vitest';
import { driverOf, imageFileOf } from '../../src/qmp/image-file.js';

const json = (options: unknown) => `json:${JSON.stringify(options)}`;

describe('imageFileOf', () => {
  it.each<[string, string, string]>([
    ['a plain name', '/images/a.qcow2', '/images/a.qcow2'],
    ['no name', '', ''],
    ['a name with json: in it', '/images/json:{}', '/images/json:{}'],
    [
      'an image whose backing was changed',
      json({
        backing: { driver: 'qcow2', file: { driver: 'file', filename: '/images/b' } },
        driver: 'qcow2',
        file: { driver: 'file', filename: '/images/a' },
      }),
      '/images/a',
    ],
    [
      'an image below two filters',
      json({ driver: 'throttle', file: { driver: 'compress', file: { driver: 'file', filename: '/images/a' } } }),
      '/images/a',
    ],
    ['a protocol node', json({ driver: 'file', filename: '/images/a', aio: 'native' }), '/images/a'],
    ['a name that is no ASCII', json({ file: { filename: '/é "a"\n' } }), '/é "a"\n'],
  ])('gives the file of %s', (_, filename, file) => {
    expect(imageFileOf(filename)).toBe(file);
  });

  it.each([
    ['names no file', json({ driver: 'nbd', server: { type: 'unix', path: '/run/a' } })],
    ['names a node', json({ driver: 'qcow2', file: 'vda-file' })],
    ['names a file that is no text', json({ driver: 'file', filename: 5 })],
    ['is cut off', json({ driver: 'qcow2', file: { driver: 'file', filename: '/images/a' } }).slice(0, -3)],
    ['is empty', 'json:'],
    ['is a text', 'json:"a"'],
    ['is a list', 'json:["a"]'],
    ['is nothing', 'json:null'],
    ['is nested without end', `json:${'{"file":'.repeat(100_000)}`],
    ['holds a list for a file', json({ file: [{ filename: '/images/a' }] })],
  ])('gives a text that %s as it is', (_, filename) => {
    expect(imageFileOf(filename)).toBe(filename);
  });
});

describe('driverOf', () => {
  it.each<[string, string, string | undefined]>([
    ['a filter', json({ driver: 'throttle', file: { driver: 'qcow2' } }), 'throttle'],
    ['an image', json({ driver: 'qcow2', file: { driver: 'file', filename: '/images/a' } }), 'qcow2'],
    ['a plain name', '/images/a', undefined],
    ['a name that was cut off', 'json:{"driver": "throt', undefined],
    ['a driver that is no text', json({ driver: 1 }), undefined],
  ])('of %s', (_, filename, driver) => {
    expect(driverOf(filename)).toBe(driver);
  });
});
