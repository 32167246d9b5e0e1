// Property tests with a seed that is always printed. Replay with PGSTRATA_SEED=<seed>; PGSTRATA_SOAK=1 runs many more.

import fc from 'fast-check'

const soak: boolean = process.env['PGSTRATA_SOAK'] === '1'
const soakFactor = 20

/** The seed of this test file. */
export const seed: number = Number(process.env['PGSTRATA_SEED'] ?? Math.floor(Math.random() * 0x7fffffff))

export interface PropertyOptions<T> {
  /** In an ordinary run. */
  readonly runs?: number
  /** Inputs that are always tried, such as those that failed once. */
  readonly examples?: readonly (readonly [T])[]
}

/** Holds `property` against generated inputs; fails with the smallest input found and the seed. */
export async function checkProperty<T>(
  name: string,
  input: fc.Arbitrary<T>,
  property: (value: T) => void | boolean | Promise<void | boolean>,
  options: PropertyOptions<T> = {},
): Promise<void> {
  const numRuns = scaled(options.runs ?? 100)
  console.log(`${name}: seed ${seed}, ${numRuns} runs`)
  const details = await fc.check(
    fc.asyncProperty(input, async (value) => await property(value)),
    { seed, numRuns, examples: (options.examples ?? []).map(([value]): [T] => [value]) },
  )
  if (!details.failed) return
  throw new Error(`${name}: PGSTRATA_SEED=${seed} replays this\n${fc.defaultReportMessage(details) ?? ''}`, {
    cause: details.errorInstance,
  })
}

/** How often, or how much, in this run: `ordinary`, or twenty times that when soaking. */
export function scaled(ordinary: number): number {
  return soak ? ordinary * soakFactor : ordinary
}
