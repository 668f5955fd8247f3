import { describe, expectTypeOf, it } from 'vitest';
import type { Action, Command, Problem, StandaloneAction, Transaction, TransactionAction } from '../../src/index.js';

describe('a code tells which fields go with it', () => {
  it('to the compiler', () => {
    type Of<C extends Problem['code']> = Extract<Problem, { readonly code: C }>;
    expectTypeOf<Of<'bitmap-too-large'>['smallestGranularity']>().toEqualTypeOf<number>();
    expectTypeOf<Of<'bitmap-exists'>['inconsistent']>().toEqualTypeOf<boolean>();
    expectTypeOf<Of<'invalid-input'>['path']>().toEqualTypeOf<readonly (string | number)[]>();
    expectTypeOf<Problem['text']>().toEqualTypeOf<string>();
    expectTypeOf<Problem['cure']>().toEqualTypeOf<string>();
  });
});

describe('the vocabulary of actions', () => {
  it('falls into those that take part in a transaction and those that stand alone', () => {
    expectTypeOf<Action>().toEqualTypeOf<TransactionAction | StandaloneAction>();
    expectTypeOf<Command>().toEqualTypeOf<Transaction | StandaloneAction>();
    expectTypeOf<Extract<TransactionAction['kind'], StandaloneAction['kind']>>().toBeNever();
  });
});
