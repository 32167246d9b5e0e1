// How much is generated. Everything follows from the scale, so that a tenth has the shape of the whole.

export interface Sizes {
  readonly users: number
  readonly sessions: number
  /** Of each session that began, about. */
  readonly eventsPerSession: number
  /** Days of sessions, today included. */
  readonly days: number
  /** Wallets that wait or are invited when it ends. */
  readonly waiting: number
  /** Given in the last minutes. */
  readonly nonces: number
}

const fullSize: Sizes = {
  users: 60_000,
  sessions: 200_000,
  eventsPerSession: 2.8,
  days: 90,
  waiting: 40,
  nonces: 4_000,
}

/** Fewer of everything but of days. */
export function sizesOf(scale: number, changed: Partial<Sizes> = {}): Sizes {
  if (!(scale > 0 && scale <= 4)) throw new RangeError(`The scale has to be above 0 and at most 4, got ${scale}`)
  const scaled = (count: number, least: number): number => Math.max(least, Math.round(count * scale))
  return {
    ...fullSize,
    users: scaled(fullSize.users, 40),
    sessions: scaled(fullSize.sessions, 20),
    waiting: scaled(fullSize.waiting, 4),
    nonces: scaled(fullSize.nonces, 10),
    ...changed,
  }
}
