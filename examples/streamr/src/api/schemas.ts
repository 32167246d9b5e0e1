// The shapes of what comes in, as JSON Schema: what is not as it must be is refused before a route sees it.

import { query, short } from 'pgstrata-example-kit'

export const uuid = {
  type: 'string',
  pattern: '^[\\da-fA-F]{8}(-[\\da-fA-F]{4}){3}-[\\da-fA-F]{12}$',
} as const

/** A bigint of the database, as text. */
export const serial = { type: 'string', pattern: '^\\d{1,18}$' } as const

export const moment = { type: 'string', format: 'date-time', maxLength: 40 } as const

/** Of a page; more is not to be had at once. */
export const limit = { type: 'integer', minimum: 1, maximum: 100, default: 25 } as const

export const hours = { type: 'integer', minimum: 1, maximum: 720, default: 24 } as const

/** ?fields=, ?cursor= and ?limit=, and what a list takes besides. */
export function listQuery<Properties extends Readonly<Record<string, object>>>(properties: Properties): object {
  return query({ fields: short, cursor: short, limit, ...properties })
}

export interface ListQuery {
  readonly fields?: string
  readonly cursor?: string
  readonly limit: number
}
