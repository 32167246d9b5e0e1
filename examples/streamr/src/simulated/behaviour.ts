// How a simulated node behaves, and what a control request may say about that.

export type Behaviour =
  | { readonly kind: 'honest' }
  /** Claims so many times the viewers it has, and sends that much more since. `hasStream`: false cannot even show a segment. */
  | { readonly kind: 'lying'; readonly factor: number; readonly hasStream: boolean }
  /** Answers so late. */
  | { readonly kind: 'lagging'; readonly delayMs: number }
  /** Closes the connection, or never answers. */
  | { readonly kind: 'dead'; readonly how: 'refuses' | 'hangs' }
  /** Gives its last answers again and again. */
  | { readonly kind: 'replaying' }
  | { readonly kind: 'impossible'; readonly how: 'negative' | 'too-fast' | 'future' }
  /** Answers, but nothing carries the stream any more. */
  | { readonly kind: 'stalled' }
  /** Honest for so long, then dead for so long. */
  | { readonly kind: 'flapping'; readonly upMs: number; readonly downMs: number }

type Fields = Readonly<Record<string, unknown>>

/** What it was read as, or one sentence about what was expected. */
export function parseBehaviour(input: unknown): Behaviour | string {
  const fields: Fields = typeof input === 'object' && input !== null ? (input as Fields) : {}
  const { kind } = fields
  const readers: Readonly<Record<Behaviour['kind'], () => Behaviour | string>> = {
    honest: () => ({ kind: 'honest' }),
    lying: () => {
      const { factor = 4, hasStream = true } = fields
      return isBetween(factor, 1, 1_000) && typeof hasStream === 'boolean'
        ? { kind: 'lying', factor, hasStream }
        : 'lying: expected factor from 1 to 1000 and hasStream true or false'
    },
    lagging: () => {
      const { delayMs = 5_000 } = fields
      return isBetween(delayMs, 0, 600_000)
        ? { kind: 'lagging', delayMs }
        : 'lagging: expected delayMs from 0 to 600000'
    },
    dead: () => {
      const { how = 'refuses' } = fields
      return how === 'refuses' || how === 'hangs'
        ? { kind: 'dead', how }
        : "dead: expected how to be 'refuses' or 'hangs'"
    },
    replaying: () => ({ kind: 'replaying' }),
    impossible: () => {
      const { how = 'negative' } = fields
      return how === 'negative' || how === 'too-fast' || how === 'future'
        ? { kind: 'impossible', how }
        : "impossible: expected how to be 'negative', 'too-fast' or 'future'"
    },
    stalled: () => ({ kind: 'stalled' }),
    flapping: () => {
      const { upMs = 180_000, downMs = 120_000 } = fields
      return isBetween(upMs, 1, 86_400_000) && isBetween(downMs, 1, 86_400_000)
        ? { kind: 'flapping', upMs, downMs }
        : 'flapping: expected upMs and downMs from 1 to 86400000'
    },
  }
  return typeof kind === 'string' && Object.hasOwn(readers, kind)
    ? readers[kind as Behaviour['kind']]()
    : `kind: expected one of ${Object.keys(readers).join(', ')}`
}

function isBetween(value: unknown, least: number, most: number): value is number {
  return typeof value === 'number' && value >= least && value <= most
}

/** What nodes are when nobody says: mostly honest. `chance` is from 0 up to but not including 1. */
export function usualBehaviour(chance: number): Behaviour {
  let left = chance
  for (const { share, behaviour } of usualMix) {
    if (left < share) return behaviour
    left -= share
  }
  return { kind: 'honest' }
}

const usualMix: readonly { readonly share: number; readonly behaviour: Behaviour }[] = [
  { share: 0.02, behaviour: { kind: 'flapping', upMs: 600_000, downMs: 240_000 } },
  { share: 0.01, behaviour: { kind: 'lagging', delayMs: 1_500 } },
  { share: 0.01, behaviour: { kind: 'dead', how: 'refuses' } },
  { share: 0.005, behaviour: { kind: 'dead', how: 'hangs' } },
  { share: 0.005, behaviour: { kind: 'lying', factor: 4, hasStream: true } },
  { share: 0.0025, behaviour: { kind: 'lying', factor: 2, hasStream: false } },
  { share: 0.0025, behaviour: { kind: 'replaying' } },
  { share: 0.0025, behaviour: { kind: 'impossible', how: 'too-fast' } },
  { share: 0.0025, behaviour: { kind: 'stalled' } },
]
