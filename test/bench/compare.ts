/** A figure of the benchmarks: what was compared, and what it may be at most. */
export interface Figure {
  readonly name: string;
  readonly ratio: number;
  /** Absent: only printed. */
  readonly atMost?: number;
}

/**
 * How many times as long one way takes as another: both by turns, so that a machine that slows down slows both, and the
 * median of all rounds, so that a hiccup counts for nothing.
 *
 * @param ways - Do the same work; what they return is kept from being optimised away.
 */
export async function compare(
  ways: { readonly a: () => unknown; readonly b: () => unknown },
  {
    rounds = 41,
    calls = 1,
    after,
  }: { readonly rounds?: number; readonly calls?: number; readonly after?: () => Promise<unknown> } = {},
): Promise<number> {
  const times = { a: [] as number[], b: [] as number[] };
  for (let round = 0; round < rounds + 5; round += 1) {
    for (const way of round % 2 === 0 ? (['a', 'b'] as const) : (['b', 'a'] as const)) {
      const start = performance.now();
      for (let call = 0; call < calls; call += 1) kept = await ways[way]();
      // The first rounds only warm up.
      if (round >= 5) times[way].push(performance.now() - start);
      // Puts things back, off the clock.
      await after?.();
    }
  }
  return median(times.a) / median(times.b);
}

export let kept: unknown;

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}
