// Values of JavaScript as the texts that PostgreSQL reads as the same value, by the type of their column.
// Promises: exact, or refused; nothing is cut, rounded or replaced. A refusal names the row and the column, never the value.
// A string stands for itself whatever the type (for json it is JSON text, for an array an array literal), as pg has it.

import pg from 'pg'
import { StrataError } from '../../base/errors.ts'
import type { BulkColumn } from './bulk-table.ts'

/** null is NULL. */
export type EncodedRow = readonly (string | null)[]

export type Encoder = (value: unknown) => string | null

/** What is wrong with a value. */
class Unfit extends Error {}

export function createEncoder(column: BulkColumn): Encoder {
  const { isArray, delimiter, baseType } = column
  const one = (value: unknown): string => encodeOne(value, baseType)
  if (!isArray) return (value) => (value === null ? null : one(value))
  const json = isJson(baseType)
  const list = (values: readonly unknown[]): string => {
    const items = values.map((value) => {
      if (value === null) return 'NULL'
      if (Array.isArray(value) && !json) return list(value as unknown[])
      return quoteElement(one(value))
    })
    return `{${items.join(delimiter)}}`
  }
  return (value) => {
    if (value === null) return null
    if (Array.isArray(value)) return list(value as unknown[])
    if (typeof value === 'string') return wellFormed(value)
    throw new Unfit('an array')
  }
}

/** Encodes one row, or says where it cannot be. `index` from 0. */
export function encodeRow(
  values: readonly unknown[],
  columns: readonly BulkColumn[],
  encoders: readonly Encoder[],
  index: number,
): EncodedRow {
  const row: (string | null)[] = []
  for (let at = 0; at < columns.length; at++) {
    try {
      row.push((encoders[at] as Encoder)(values[at]))
    } catch (error) {
      if (!(error instanceof Unfit)) throw error
      throw new StrataError('VALUE_INVALID', {
        message: `Row ${index + 1}, column ${JSON.stringify(columns[at]?.name)}`,
        expected: error.message,
        got: kindOf(values[at]),
        details: { row: index, column: columns[at]?.name },
        advice:
          values[at] === undefined
            ? 'Say null, or leave the column out of all rows: then its default is taken.'
            : undefined,
      })
    }
  }
  return row
}

function encodeOne(value: unknown, type: string): string {
  if (isJson(type)) return encodeJson(value)
  switch (typeof value) {
    case 'string':
      return wellFormed(value)
    case 'number':
      return Object.is(value, -0) ? '-0' : String(value)
    case 'bigint':
    case 'boolean':
      return String(value)
    case 'object':
      return encodeObject(value as object, type)
    default:
      throw new Unfit(`a value for ${type}`)
  }
}

function encodeObject(value: object, type: string): string {
  if (value instanceof Date) return encodeDate(value, type)
  if (ArrayBuffer.isView(value)) {
    if (type !== 'bytea') throw new Unfit(`a value for ${type}`)
    return `\\x${Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('hex')}`
  }
  if (typeof (value as { toPostgres?: unknown }).toPostgres === 'function') {
    const { utils } = pg as unknown as { utils: { prepareValue(value: unknown): unknown } }
    const prepared = utils.prepareValue(value)
    if (typeof prepared === 'string') return wellFormed(prepared)
  }
  throw new Unfit(`a value for ${type}`)
}

function encodeJson(value: unknown): string {
  if (typeof value === 'string') return wellFormed(value)
  let text: string | undefined
  try {
    text = JSON.stringify(value)
  } catch {
    throw new Unfit('what JSON can hold')
  }
  if (text === undefined) throw new Unfit('what JSON can hold')
  return text
}

/** A point in time in UTC; a date or a time of day as this process's zone has it, the way pg reads and writes them. */
function encodeDate(value: Date, type: string): string {
  if (Number.isNaN(value.getTime())) throw new Unfit('a valid Date')
  if (type === 'text' || type === 'varchar' || type === 'bpchar') return value.toISOString()
  const { parseInputDatesAsUTC } = pg.defaults as { parseInputDatesAsUTC?: boolean }
  const isLocal = (type === 'date' || type === 'timestamp' || type === 'time') && parseInputDatesAsUTC !== true
  const shifted = isLocal ? wallClock(value) : value
  const [, year = '', rest = ''] = /^([+-]?\d+)(-.*)Z$/.exec(shifted.toISOString()) ?? []
  const zone = type === 'timestamptz' || type === 'timetz' ? 'Z' : ''
  // Year 0 is 1 BC.
  const era = Number(year) < 1 ? ' BC' : ''
  const shownYear = String(era === '' ? Number(year) : 1 - Number(year)).padStart(4, '0')
  return `${shownYear}${rest}${zone}${era}`
}

/** The Date whose UTC fields are the local fields of `value`. */
function wallClock(value: Date): Date {
  const shifted = new Date(0)
  shifted.setUTCFullYear(value.getFullYear(), value.getMonth(), value.getDate())
  shifted.setUTCHours(value.getHours(), value.getMinutes(), value.getSeconds(), value.getMilliseconds())
  return shifted
}

/** Half of a surrogate pair has no place in UTF-8: it would be replaced, silently. */
function wellFormed(text: string): string {
  if (!text.isWellFormed()) throw new Unfit('well-formed Unicode')
  if (text.includes('\0')) throw new Unfit('a text without a NUL character')
  return text
}

export function quoteElement(text: string): string {
  return `"${/["\\]/.test(text) ? text.replaceAll(/["\\]/g, String.raw`\$&`) : text}"`
}

function isJson(type: string): boolean {
  return type === 'json' || type === 'jsonb'
}

function kindOf(value: unknown): string {
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'an array'
  if (value instanceof Date) return 'an invalid or misplaced Date'
  if (ArrayBuffer.isView(value)) return 'bytes'
  return typeof value === 'object' ? 'an object' : typeof value === 'undefined' ? 'undefined' : `a ${typeof value}`
}
