// Bands of value: how many wallets have which, so that "how many have a balance of this much or more" reads a few sums and counts rows of
// one band alone. "Wallet"."topBand" is how many of these marks "topUsd" has reached; a migration says the same marks in SQL.

/** 1, 2, 5, 10 … 5,000,000,000 US dollars. */
export const bandMarks: readonly number[] = Array.from({ length: 10 }, (_, power) =>
  [1, 2, 5].map((one) => one * 10 ** power),
).flat()

export interface Band {
  /** All wallets of this band and above have more than the value. */
  readonly above: number
  /** Below it are those that have to be looked at one by one; undefined: all from the value on. */
  readonly below: number | undefined
}

/**
 * Where counting one by one ends. A value with more digits than a double may be taken for the mark that it is short of: then a band more
 * is counted one by one, and the number is the same.
 */
export function bandAbove(value: string): Band {
  const rounded = Number(value)
  const index = bandMarks.findIndex((mark) => mark > rounded)
  return index === -1
    ? { above: bandMarks.length + 1, below: undefined }
    : { above: index + 1, below: bandMarks[index] }
}
