// From when until when a question is about.

import { badInput } from 'pgstrata-example-kit'

export interface AskedSpan {
  readonly from?: string
  readonly to?: string
}

export interface TimeSpan {
  readonly from: Date
  /** Excluded. */
  readonly to: Date
}

const earliestMs = Date.UTC(2009, 0, 3)
const dayMs = 86_400_000

/** Default: up to the end of this minute, so that what is asked again within it is the same question; and so many days before that. */
export function readSpan({ from, to }: AskedSpan, { usualDays }: { readonly usualDays: number }): TimeSpan {
  const end = to === undefined ? new Date(Math.ceil((Date.now() + 1) / 60_000) * 60_000) : readMoment('query.to', to)
  const begin = from === undefined ? new Date(end.getTime() - usualDays * dayMs) : readMoment('query.from', from)
  if (begin < end) return { from: begin, to: end }
  throw badInput({ where: 'query.to', expected: 'a time behind `from`' })
}

function readMoment(where: string, given: string): Date {
  const at = new Date(given)
  if (at.getTime() >= earliestMs && at.getTime() <= Date.now() + 2 * dayMs) return at
  throw badInput({ where, expected: 'a time from 2009 up to tomorrow' })
}
