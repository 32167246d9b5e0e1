// What is told of a list of samples: the median, which one slow run does not move, and the whole range, which hides none.

export interface Summary {
  readonly value: number
  readonly low: number
  readonly high: number
}

export function median(samples: readonly number[]): number {
  const sorted = samples.toSorted((a, b) => a - b)
  const upper = sorted[Math.floor(sorted.length / 2)]
  const lower = sorted[Math.ceil(sorted.length / 2) - 1]
  if (upper === undefined || lower === undefined) throw new RangeError('A median needs at least one sample')
  return lower + (upper - lower) / 2
}

export function summarize(samples: readonly number[]): Summary {
  return { value: median(samples), low: Math.min(...samples), high: Math.max(...samples) }
}

/** Median theirs over median ours; the range is that of the single rounds. */
export function summarizeRatio(ours: readonly number[], theirs: readonly number[]): Summary {
  if (ours.length !== theirs.length) {
    throw new RangeError(`A ratio needs pairs: ${ours.length} samples of ours, ${theirs.length} of theirs`)
  }
  const pairs = ours.map((own, round) => (theirs[round] ?? Number.NaN) / own)
  return { ...summarize(pairs), value: median(theirs) / median(ours) }
}

/** To four significant digits: more than the noise leaves, and short enough to read. */
export function round(value: number): number {
  return Number(value.toPrecision(4))
}
