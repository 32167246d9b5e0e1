// The shapes of what comes in, as JSON Schema: what is not as it must be is refused before a route sees it.

import { badInput, query, short } from 'pgstrata-example-kit'

export const moment = { type: 'string', format: 'date-time', maxLength: 40 } as const

/** Money and quantities come as text, so that none is rounded on its way. */
export const amount = { type: 'string', pattern: '^\\d{1,20}(\\.\\d{1,18})?$' } as const

/** Of a page; more is not to be had at once. */
const limit = { type: 'integer', minimum: 1, maximum: 200, default: 50 } as const

export const page = { type: 'integer', minimum: 1, maximum: 10_000_000 } as const

/** ?cursor= and ?limit=, and what a list takes besides. */
export function listQuery<Properties extends Readonly<Record<string, object>>>(properties: Properties): object {
  return query({ cursor: short, limit, ...properties })
}

export interface ListQuery {
  readonly cursor?: string
  readonly limit: number
}

/** Before the shape is checked, which takes numbers for text: by then they are rounded. For bodies that have no numbers at all. */
export function refuseNumbers(given: unknown): void {
  if (typeof given === 'number')
    throw badInput({ where: 'body', expected: 'amounts as text, for a number may be rounded on its way' })
  if (typeof given === 'object' && given !== null) for (const value of Object.values(given)) refuseNumbers(value)
}
