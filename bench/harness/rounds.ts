// Paired measuring: in each round every variant runs once, and every other round runs in the opposite order, so that a
// machine that slows down or warms up favours nobody.

export interface Variant {
  readonly name: string
  /** Runs once; durations by the name of the figure they are a sample of. */
  run(): Promise<Readonly<Record<string, number>>>
}

export interface RoundOptions {
  readonly rounds: number
  readonly signal: AbortSignal
  readonly progress: (line: string) => void
}

/** Samples by figure, in the order of the rounds. */
export async function measureRounds(
  variants: readonly Variant[],
  options: RoundOptions,
): Promise<ReadonlyMap<string, readonly number[]>> {
  const samples = new Map<string, number[]>()
  for (let round = 0; round < options.rounds; round++) {
    for (const variant of round % 2 === 0 ? variants : variants.toReversed()) {
      options.signal.throwIfAborted()
      const measured = await variant.run()
      for (const [figure, value] of Object.entries(measured))
        samples.set(figure, [...(samples.get(figure) ?? []), value])
      const shown = Object.entries(measured).map(([figure, value]) => `${figure} ${value.toPrecision(4)}`)
      options.progress(`round ${round + 1} of ${options.rounds}, ${variant.name}: ${shown.join(', ')}`)
    }
  }
  return samples
}

/** Milliseconds that `work` takes. */
export async function timeMs(work: () => Promise<unknown>): Promise<number> {
  const begun = performance.now()
  await work()
  return performance.now() - begun
}
