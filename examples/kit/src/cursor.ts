// Where the next page begins: the keys of the last row of this one, as one opaque word.
//
// Promises: what does not come out as the declared keys, each of its kind, is refused, so a page's statement gets only values that
// its columns can be compared with. It is not signed: it says where to read on, never what may be read.
// A time keeps the text it was given, for a Date has no microseconds and would skip or repeat rows of one millisecond.

import { badInput } from './http-error.ts'

export type CursorKind = 'integer' | 'number' | 'text' | 'time'
type CursorShape = Readonly<Record<string, CursorKind>>

/** Integers and times come back as text, which is exact. */
export type CursorKeys<Shape extends CursorShape> = {
  readonly [Key in keyof Shape]: Shape[Key] extends 'number' ? number : string
}

export interface Cursor<Shape extends CursorShape> {
  format(row: { readonly [Key in keyof Shape]: string | number | bigint | Date }): string
  /** undefined: the first page. */
  parse(text: string | undefined): CursorKeys<Shape> | undefined
}

const longest = 512
const kinds: Readonly<Record<CursorKind, (value: unknown) => boolean>> = {
  // As far as a bigint goes: beyond, the server would refuse the statement.
  integer: (value) =>
    typeof value === 'string' && /^-?\d{1,19}$/.test(value) && BigInt.asIntN(64, BigInt(value)) === BigInt(value),
  number: (value) => typeof value === 'number' && Number.isFinite(value),
  text: (value) => typeof value === 'string' && !value.includes('\0'),
  time: (value) => typeof value === 'string' && isTime(value),
}

const timeForm = /^(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:\.\d{1,6})?(?:Z|[+-](?:0\d|1[0-4])(?::?[0-5]\d)?)?$/

/** There is such a day, and such a time of it: the server takes no 31st of February and no 25 o'clock, and has no year 0. */
function isTime(text: string): boolean {
  const [, day = '', clock = ''] = timeForm.exec(text) ?? []
  const at = new Date(`${day}T${clock}Z`)
  return !Number.isNaN(at.getTime()) && !day.startsWith('0000') && at.toISOString() === `${day}T${clock}.000Z`
}

/**
 *     const commentCursor = defineCursor({ created_at: 'time', comment_id: 'integer' })
 *     const after = commentCursor.parse(request.query.cursor)
 *     const next = rows.length < limit ? null : commentCursor.format(rows.at(-1))
 */
export function defineCursor<const Shape extends CursorShape>(shape: Shape): Cursor<Shape> {
  const keys: readonly (keyof Shape & string)[] = Object.keys(shape)
  return {
    format: (row) => {
      const values = keys.map((key) => textOf(row[key], shape[key] as CursorKind))
      return Buffer.from(JSON.stringify(values)).toString('base64url')
    },
    parse: (text) => {
      if (text === undefined || text === '') return undefined
      const values = decode(text)
      const isFit =
        Array.isArray(values) &&
        values.length === keys.length &&
        keys.every((key, index) => kinds[shape[key] as CursorKind](values[index]))
      if (!isFit) throw badInput({ where: 'query.cursor', expected: 'the cursor of an answer, whole, or none' })
      return Object.fromEntries(keys.map((key, index) => [key, values[index] as unknown])) as CursorKeys<Shape>
    },
  }
}

function textOf(value: string | number | bigint | Date, kind: CursorKind): string | number {
  const text = value instanceof Date ? value.toISOString() : kind === 'number' ? Number(value) : String(value)
  if (kinds[kind](text)) return text
  throw new TypeError(`A key of a cursor: expected ${kind}, got another ${typeof value}`)
}

function decode(text: string): unknown {
  if (text.length > longest || !/^[\w-]+$/.test(text)) return undefined
  try {
    return JSON.parse(Buffer.from(text, 'base64url').toString('utf8')) as unknown
  } catch {
    return undefined
  }
}
