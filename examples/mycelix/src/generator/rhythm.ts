// How many plays fall into each hour of the time that ends now: more in the evening than at night, more at weekends, more every month.

import { eveningHours } from 'pgstrata-example-kit'

export const hourMs = 3_600_000
export const dayMs = 24 * hourMs

/** Sunday first. */
const weekdays = [1.15, 0.9, 0.9, 0.95, 1, 1.2, 1.3]
/** The last day is so many times as busy as the first. */
const growth = 2.5

export interface Hour {
  readonly fromMs: number
  /** A whole hour later, or now. */
  readonly toMs: number
  readonly count: number
}

/** A whole hour. */
export function beginningOf(now: Date, days: number): number {
  return Math.floor(now.getTime() / hourMs) * hourMs - days * dayMs
}

/** The oldest first; their counts come to `total` exactly. */
export function hoursOf({
  total,
  days,
  now,
}: {
  readonly total: number
  readonly days: number
  readonly now: Date
}): readonly Hour[] {
  const fromMs = beginningOf(now, days)
  const lengthMs = Math.max(1, now.getTime() - fromMs)
  const weights: number[] = []
  for (let at = fromMs; at < now.getTime(); at += hourMs) {
    const covered = Math.min(hourMs, now.getTime() - at) / hourMs
    const moment = new Date(at)
    const busy = (eveningHours[moment.getUTCHours()] ?? 0) * (weekdays[moment.getUTCDay()] ?? 0)
    weights.push(covered * busy * (1 + (growth - 1) * ((at - fromMs) / lengthMs)))
  }
  const sum = weights.reduce((all, weight) => all + weight, 0)
  let before = 0
  let given = 0
  return weights.map((weight, index) => {
    before += weight
    const until = index === weights.length - 1 ? total : Math.floor((before / sum) * total)
    const count = until - given
    given = until
    const start = fromMs + index * hourMs
    return { fromMs: start, toMs: Math.min(start + hourMs, now.getTime()), count }
  })
}

/** Hours that are generated and copied together. */
export function spansOf(hours: readonly Hour[], hoursEach: number): readonly (readonly Hour[])[] {
  return Array.from({ length: Math.ceil(hours.length / hoursEach) }, (_, index) =>
    hours.slice(index * hoursEach, (index + 1) * hoursEach),
  )
}
