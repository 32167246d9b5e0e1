// Randomness is injected too: jitter and names take a Random, tests pass a seeded one and print the seed.
// This is the only file of the library that touches Math.random.

export type Random = () => number

export const systemRandom: Random = () => Math.random()

/** mulberry32: 32 bits of state, good enough for jitter and for replaying a test by its seed. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

/** `value` moved by at most `share` of itself either way. */
export function jitter(value: number, share: number, random: Random): number {
  return value * (1 - share + 2 * share * random())
}
