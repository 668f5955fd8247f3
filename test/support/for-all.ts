import * as fc from 'fast-check';

/** Tries a law on generated values. Where it is broken, fast-check prints the seed and the smallest value that breaks it. */
export function forAll<T>(values: fc.Arbitrary<T>, law: (value: T) => void, numRuns = 100): void {
  const property: fc.IProperty<[T]> = fc.property(values, (value) => law(value));
  // biome-ignore lint/nursery/noFloatingPromises: the property is synchronous, and so is this.
  fc.assert(property, { numRuns });
}
