// Random numbers that a seed repeats, and the shapes that generated data takes.
//
// Promises: the same seed gives the same numbers on every machine. The generator is sfc32: 128 bits of state, 32 bits a number,
// about 5 ns. It is for data, not for secrets. State: one generator; samplers draw from the one they are given.

export interface Random {
  /** From 0 up to but not including 1. */
  next(): number
  /** A whole number from 0 up to but not including `below`, which is at most 2^32. */
  int(below: number): number
  /** A whole number from `least` to `most`, both included. */
  between(least: number, most: number): number
  chance(probability: number): boolean
  /** Mean 0, standard deviation 1. */
  normal(): number
  pick<T>(list: readonly T[]): T
  /** Another generator, for one part of the work: what this one is asked later does not change what that one gives. */
  fork(): Random
}

/** Gives an index from 0. */
export type Sampler = () => number

export function createRandom(seed: number): Random {
  const uint32 = createUint32(seed)
  let spare: number | undefined
  const next = (): number => uint32() / 4_294_967_296
  const int = (below: number): number => Math.floor(next() * below)
  return {
    next,
    int,
    between: (least, most) => least + int(most - least + 1),
    chance: (probability) => next() < probability,
    normal: () => {
      if (spare !== undefined) {
        const given = spare
        spare = undefined
        return given
      }
      // Box and Muller; 1 - next() is never 0, of which there is no logarithm.
      const radius = Math.sqrt(-2 * Math.log(1 - next()))
      const angle = 2 * Math.PI * next()
      spare = radius * Math.sin(angle)
      return radius * Math.cos(angle)
    },
    pick: (list) => {
      if (list.length === 0) throw new RangeError('pick: expected a list with something in it, got an empty one')
      return list[int(list.length)] as (typeof list)[number]
    },
    fork: () => createRandom(uint32()),
  }
}

/** Index `i` comes as often as `weights[i]` says. Alias method: two numbers and two look-ups a draw, however many there are. */
export function createWeighted(weights: readonly number[], random: Random): Sampler {
  const { probabilities, aliases } = aliasTable(weights)
  const size = probabilities.length
  return () => {
    const index = random.int(size)
    return random.next() < (probabilities[index] as number) ? index : (aliases[index] as number)
  }
}

/** Power law: index 0 comes most often, index `i` with weight 1 / (i + 1)^exponent. */
export function createZipf(options: {
  readonly size: number
  /** Default 1: the hundredth is a hundredth of the first. */
  readonly exponent?: number
  readonly random: Random
}): Sampler {
  const { size, exponent = 1, random } = options
  return createWeighted(
    Array.from({ length: size }, (_, index) => (index + 1) ** -exponent),
    random,
  )
}

/** How busy each hour of a day is when people listen and watch in their free time. */
export const eveningHours: readonly number[] = [
  5, 3, 2, 1.5, 1.2, 1.5, 3, 5, 7, 7, 7, 7.5, 8, 8, 8, 8.5, 9, 10.5, 12, 13.5, 14, 13, 10.5, 7.5,
]

/** Gives milliseconds since midnight; `hours` says how busy each of the 24 hours is. */
export function createTimeOfDay(random: Random, hours: readonly number[] = eveningHours): () => number {
  if (hours.length !== 24) throw new RangeError(`Hours of a day: expected 24 weights, got ${hours.length}`)
  const hour = createWeighted(hours, random)
  return () => hour() * 3_600_000 + random.int(3_600_000)
}

function aliasTable(weights: readonly number[]): { probabilities: Float64Array; aliases: Uint32Array } {
  const total = weights.reduce((sum, weight) => sum + weight, 0)
  const isFit = weights.every((weight) => weight >= 0) && total > 0 && Number.isFinite(total)
  if (!isFit) throw new RangeError('Weights: expected numbers of at least 0 with one above 0, got something else')
  const size = weights.length
  const probabilities = Float64Array.from(weights, (weight) => (weight / total) * size)
  const aliases = Uint32Array.from(weights, (_, index) => index)
  const small: number[] = []
  const large: number[] = []
  probabilities.forEach((share, index) => (share < 1 ? small : large).push(index))
  for (;;) {
    const [less, more] = [small.pop(), large.at(-1)]
    if (less === undefined || more === undefined) {
      // What is left on either side is 1 but for rounding.
      for (const index of less === undefined ? large : [less, ...small]) probabilities[index] = 1
      return { probabilities, aliases }
    }
    aliases[less] = more
    const left = (probabilities[more] as number) - (1 - (probabilities[less] as number))
    probabilities[more] = left
    if (left < 1) small.push(large.pop() as number)
  }
}

/** sfc32 by Chris Doty-Humphrey, its state filled by splitmix32 from the seed. */
function createUint32(seed: number): () => number {
  let mixing = seed >>> 0
  const mix = (): number => {
    mixing = (mixing + 0x9e3779b9) | 0
    let mixed = Math.imul(mixing ^ (mixing >>> 16), 0x21f0aaad)
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97)
    return mixed ^ (mixed >>> 15)
  }
  let [a, b, c, counter] = [mix(), mix(), mix(), 1]
  return () => {
    const sum = (((a + b) | 0) + counter) | 0
    counter = (counter + 1) | 0
    a = b ^ (b >>> 9)
    b = (c + (c << 3)) | 0
    c = (((c << 21) | (c >>> 11)) + sum) | 0
    return sum >>> 0
  }
}
