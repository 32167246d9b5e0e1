// What comes in, as JSON Schema, where several resources take it.

import { badInput, params, query, short } from 'pgstrata-example-kit'

/** Of a wallet, in either case: the database has them in lower case. */
export const address = { type: 'string', pattern: '^0x[0-9a-fA-F]{40}$' } as const

/** Of a row, as far as a bigint goes. */
export const id = { type: 'string', pattern: '^[1-9][0-9]{0,17}$' } as const

export interface OfAddress {
  readonly Params: { readonly address: string }
}

export interface OfId {
  readonly Params: { readonly id: string }
}

export const ofAddress: object = params({ address })
export const ofId: object = params({ id })

export interface ListQuery {
  readonly limit: number
  readonly cursor?: string
}

export function limitOf(usual: number, { most = 100 }: { readonly most?: number } = {}): object {
  return { type: 'integer', minimum: 1, maximum: most, default: usual }
}

export function listQuery(more: Readonly<Record<string, object>> = {}): object {
  return query({ limit: limitOf(20), cursor: short, ...more })
}

/** PostgreSQL keeps no NUL in a text. */
export function textOf({ most, least = 1 }: { readonly most: number; readonly least?: number }): object {
  return { type: 'string', minLength: least, maxLength: most, pattern: '^[^\\u0000]*$' }
}

/** A time with its zone. */
export function timeOf(text: string, where: string): Date {
  const time = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:\d\d)$/.test(text) ? new Date(text) : undefined
  if (time !== undefined && !Number.isNaN(time.getTime())) return time
  throw badInput({ where, expected: 'a time with its zone, as 2026-01-31T12:00:00.000Z' })
}
