import * as fc from 'fast-check';

const refuse = (thrown: unknown): never => {
  throw thrown;
};

/** Values that throw whatever is done with them. What they throw is at times no error at all. */
function hostile(thrown: unknown): object {
  const traps: (keyof ProxyHandler<object>)[] = [
    'get',
    'has',
    'ownKeys',
    'getOwnPropertyDescriptor',
    'getPrototypeOf',
    'set',
  ];
  return new Proxy([], Object.fromEntries(traps.map((trap) => [trap, () => refuse(thrown)])));
}

/** A value so many levels deep. */
export function nested(levels: number, wrap: (inner: unknown) => unknown): unknown {
  let value: unknown = 1;
  for (let level = 0; level < levels; level += 1) value = wrap(value);
  return value;
}

function revoked(): object {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
}

function circle(): unknown {
  const value: { self?: unknown; list: unknown[] } = { list: [] };
  value.self = value;
  value.list.push(value.list, value);
  return value;
}

/** What a JavaScript caller, a damaged file or a foreign tool might pass, made anew each time. */
const nonsense = {
  undefined: () => undefined,
  null: () => null,
  true: () => true,
  zero: () => 0,
  'minus zero': () => -0,
  'minus one': () => -1,
  'a fraction': () => 1.5,
  NaN: () => Number.NaN,
  infinity: () => Number.POSITIVE_INFINITY,
  'an unsafe integer': () => 2 ** 53,
  'the largest number': () => Number.MAX_VALUE,
  'a bigint': () => 10n,
  'an empty text': () => '',
  'a name that every object has': () => '__proto__',
  'a text with control characters': () => 'a\n\0\u2028',
  'half a character': () => '\ud800',
  'a long text': () => 'é'.repeat(5000),
  'a number in a text': () => '512',
  'a text object': () => new String('vda'),
  'a symbol': () => Symbol('vda'),
  'a function': () => () => 'vda',
  'an empty list': () => [],
  'a list with holes': () => new Array(3),
  'a list in a list': () => [[[]]],
  'something like a list': () => ({ length: 2, 0: 'a' }),
  'an empty object': () => ({}),
  'an object without prototype': () => Object.create(null),
  'an own __proto__': () => JSON.parse('{"__proto__": {"name": "a"}, "name": "a"}'),
  'a date': () => new Date(0),
  'a map': () => new Map([['name', 'a']]),
  'a circle': circle,
  'a deep list': () => nested(1000, (inner) => [inner]),
  'a deep object': () => nested(1000, (inner) => ({ inner })),
  'a proxy that throws': () => hostile(new Error('no\nentry')),
  'a proxy that throws a text': () => hostile('no entry'),
  'a proxy that throws nothing': () => hostile(undefined),
  'a revoked proxy': revoked,
  'a getter that throws': () =>
    Object.defineProperty({}, 'name', { enumerable: true, get: () => refuse(new Error('no entry')) }),
} as const satisfies Record<string, () => unknown>;

export const nonsenseNames = Object.keys(nonsense) as readonly (keyof typeof nonsense)[];

export function makeNonsense(name: keyof typeof nonsense): unknown {
  return nonsense[name]();
}

/** Where a value is damaged, and how. Kept as data, so that what fast-check prints can be read and run again. */
export interface Damage {
  /** Which member is gone into at each level. */
  readonly path: readonly number[];
  readonly how: keyof typeof nonsense | 'leave out' | 'have twice' | { readonly json: unknown };
}

export const damage: fc.Arbitrary<Damage> = fc.record({
  path: fc.array(fc.nat({ max: 11 }), { maxLength: 8, size: 'max' }),
  how: fc.oneof(
    { weight: 6, arbitrary: fc.constantFrom(...nonsenseNames) },
    { weight: 1, arbitrary: fc.constantFrom('leave out' as const, 'have twice' as const) },
    { weight: 1, arbitrary: fc.record({ json: fc.jsonValue({ maxDepth: 3 }) }) },
  ),
});

/** A copy of a value, damaged in those places. */
export function damaged(value: unknown, damages: readonly Damage[]): unknown {
  const top = { value: structuredClone(value) };
  for (const { path, how } of damages) {
    let holder: Record<string, unknown> = top;
    let member = 'value';
    for (const step of path) {
      const inner = holder[member];
      if (!isPlain(inner) || Object.keys(inner).length === 0) break;
      holder = inner;
      member = Object.keys(inner)[step % Object.keys(inner).length] as string;
    }
    inflict(holder, member, how);
  }
  return top.value;
}

function inflict(holder: Record<string, unknown>, member: string, how: Damage['how']): void {
  const before = holder[member];
  if (how === 'leave out') delete holder[member];
  else if (how !== 'have twice') holder[member] = typeof how === 'object' ? how.json : makeNonsense(how);
  else holder[member] = isPlain(before) && Array.isArray(before) ? [...before, ...before] : [before, before];
}

/** What was put in by an earlier damage is not gone into: some of it throws when it is looked at. */
function isPlain(value: unknown): value is Record<string, unknown> {
  try {
    return (
      typeof value === 'object' &&
      value !== null &&
      [Object.prototype, Array.prototype].includes(Object.getPrototypeOf(value)) &&
      Object.keys(value).every((member) => 'value' in (Object.getOwnPropertyDescriptor(value, member) ?? {}))
    );
  } catch {
    return false;
  }
}

/** All that can be seen of a value without running any of its code: to tell whether it was changed, or frozen. */
export function fingerprint(value: unknown): string {
  const seen = new Map<object, number>();
  const found: string[] = [];
  const left: unknown[] = [value];
  while (left.length > 0) {
    const next = left.pop();
    if ((typeof next !== 'object' && typeof next !== 'function') || next === null) {
      found.push(typeof next === 'string' ? JSON.stringify(next) : Object.is(next, -0) ? '-0' : String(next));
    } else if (seen.has(next)) found.push(`#${seen.get(next)}`);
    else {
      seen.set(next, seen.size);
      found.push(shape(next, left));
    }
  }
  return found.join();
}

function shape(value: object, left: unknown[]): string {
  try {
    const members = Reflect.ownKeys(value);
    for (const member of members) {
      const descriptor = Object.getOwnPropertyDescriptor(value, member);
      if (descriptor !== undefined && 'value' in descriptor) left.push(descriptor.value);
    }
    return `${members.map(String)}${Object.isFrozen(value) ? ' frozen' : ''}`;
  } catch {
    return 'hostile';
  }
}
