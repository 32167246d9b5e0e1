// How much is generated. Everything follows from the scale, so that a tenth has the shape of the whole: a few streams with very many
// nodes, most with some, thousands with none.

export interface Sizes {
  /** Streams that have nodes and viewers, and pay. */
  readonly streams: number
  /** Streams without nodes or viewers. */
  readonly silentStreams: number
  readonly nodes: number
  readonly users: number
  readonly comments: number
  /** Days of probes, today included. */
  readonly days: number
  /** Hours that end now, in which every stream is on air. */
  readonly denseHours: number
  /** The last so many of these hours are paid for. */
  readonly payoutHours: number
  /** On each day before, how many hours a stream is on air. */
  readonly hoursOnAir: number
  /** While a stream is on air, each of its nodes is polled so often. */
  readonly pollsPerHour: number
  /** And its segments are checked in so many of these hours. */
  readonly spotCheckShare: number
}

const fullSize: Sizes = {
  streams: 100,
  silentStreams: 4_000,
  nodes: 13_000,
  users: 2_000,
  comments: 20_000,
  days: 90,
  denseHours: 24,
  payoutHours: 24,
  hoursOnAir: 1,
  pollsPerHour: 6,
  spotCheckShare: 0.2,
}

/** Fewer of everything but of days and of what is measured in an hour. */
export function sizesOf(scale: number, changed: Partial<Sizes> = {}): Sizes {
  if (!(scale > 0 && scale <= 10)) throw new RangeError(`The scale has to be above 0 and at most 10, got ${scale}`)
  const scaled = (count: number): number => Math.max(1, Math.round(count * scale))
  return {
    ...fullSize,
    streams: scaled(fullSize.streams),
    silentStreams: scaled(fullSize.silentStreams),
    nodes: scaled(fullSize.nodes),
    users: scaled(fullSize.users),
    comments: scaled(fullSize.comments),
    ...changed,
  }
}
