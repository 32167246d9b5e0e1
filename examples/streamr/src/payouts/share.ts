// A pool of whole units over weights, by largest remainder.
//
// What is true of the answer: it is in the order of the shares given; no amount is negative; the amounts sum up to the pool exactly if any
// weight is above 0, and to nothing otherwise. Each has the whole part of pool × weight ÷ all weights, and what is left goes, a unit
// each, to those whose fraction is largest; of equal fractions, to those whose `nodeId` is less in the order of bytes. So with the
// weights of all others as they are, whose weight grows never gets less.

export interface Share {
  readonly nodeId: string
  readonly weight: bigint
}

export function shareOut(pool: bigint, shares: readonly Share[]): readonly bigint[] {
  if (pool < 0n) throw new RangeError('A pool to share out has to be 0 or more')
  let all = 0n
  for (const { weight } of shares) all += weight
  if (all === 0n || pool === 0n) return shares.map(() => 0n)
  const parts = partsOf({ pool, all, shares })
  const amounts = shares.map(({ weight }) => parts.get(weight)?.amount ?? 0n)
  let left = pool
  for (const amount of amounts) left -= amount
  for (const index of firstInLine(shares, parts, Number(left))) amounts[index] = (amounts[index] ?? 0n) + 1n
  return amounts
}

interface Part {
  readonly amount: bigint
  /** Of `all`. */
  readonly fraction: bigint
}

/** Of thousands of nodes a few dozen weights are different: each is divided once. */
function partsOf({ pool, all, shares }: { pool: bigint; all: bigint; shares: readonly Share[] }): Map<bigint, Part> {
  const parts = new Map<bigint, Part>()
  for (const { weight } of shares) {
    if (weight === 0n || parts.has(weight)) continue
    const product = pool * weight
    parts.set(weight, { amount: product / all, fraction: product % all })
  }
  return parts
}

/** The first `count` by fraction, and by `nodeId` where that is the same. */
function firstInLine(shares: readonly Share[], parts: ReadonlyMap<bigint, Part>, count: number): readonly number[] {
  const alike = new Map<bigint, number[]>()
  for (const [index, { weight }] of shares.entries()) {
    const fraction = parts.get(weight)?.fraction
    if (fraction === undefined || fraction === 0n) continue
    const those = alike.get(fraction)
    if (those === undefined) alike.set(fraction, [index])
    else those.push(index)
  }
  const chosen: number[] = []
  for (const [, those] of [...alike].toSorted(([one], [other]) => (one > other ? -1 : 1))) {
    const open = count - chosen.length
    if (open === 0) break
    if (open < those.length) those.sort((one, other) => compareText(nodeAt(shares, one), nodeAt(shares, other)))
    chosen.push(...those.slice(0, open))
  }
  return chosen
}

function nodeAt(shares: readonly Share[], index: number): string {
  return shares[index]?.nodeId ?? ''
}

/** By code points, as `collate "C"` orders UTF-8: like `<`, but that what takes two units of UTF-16 comes after all that takes one. */
export function compareText(one: string, other: string): number {
  const length = Math.min(one.length, other.length)
  for (let index = 0; index < length; index++) {
    const difference = rankAt(one, index) - rankAt(other, index)
    if (difference !== 0) return difference
  }
  return one.length - other.length
}

function rankAt(text: string, index: number): number {
  const unit = text.charCodeAt(index)
  return unit >= 0xd800 && unit < 0xe000 ? unit + 0x10000 : unit
}
