// Rows into a table by COPY, as fast as they can be made: encoded as COPY's text format, sent in chunks of about 64 kB.
//
// Promises: rows are taken from their source only as fast as the server takes them, so any number of rows needs the memory of a
// few chunks. All rows go in, or none: it is one COPY in one transaction. A value is null, text, a number, a boolean or a Date;
// anything else is refused by its kind. Numbers are exact, but for the sign of zero. It costs about 1 µs a row of eight columns.

import { sql, type QueryApi } from 'pgstrata'

export type CopyValue = string | number | bigint | boolean | Date | null
export type CopyRow = readonly CopyValue[]

export interface CopyRowsOptions {
  /** 'plays', or 'analytics.plays'. */
  readonly table: string
  /** The order in which each row has its values. */
  readonly columns: readonly string[]
  readonly rows: Iterable<CopyRow>
  /** Told after each chunk how many rows it had. */
  readonly onRows?: (count: number) => void
}

const chunkLength = 65_536

/** `target`: a Strata, or a transaction of one. Returns how many rows the server counted. */
export async function copyRows(target: Pick<QueryApi, 'copyIn'>, options: CopyRowsOptions): Promise<number> {
  const { table, columns, rows, onRows } = options
  const names = sql.join(
    columns.map((column) => sql.ident(column)),
    ', ',
  )
  const statement = sql`copy ${sql.ident(...table.split('.'))} (${names}) from stdin`
  const { count } = await target.copyIn(statement, encodeRows(rows, onRows))
  return count
}

/** The bytes of COPY's text format, chunk by chunk. */
export function* encodeRows(rows: Iterable<CopyRow>, onRows?: (count: number) => void): Generator<Buffer> {
  let text = ''
  let count = 0
  for (const row of rows) {
    for (let index = 0; index < row.length; index++) {
      if (index > 0) text += '\t'
      text += encodeValue(row[index])
    }
    text += '\n'
    count++
    if (text.length < chunkLength) continue
    yield Buffer.from(text)
    onRows?.(count)
    text = ''
    count = 0
  }
  if (count === 0) return
  yield Buffer.from(text)
  onRows?.(count)
}

const special = /[\\\n\r\t]/
const escapes: Readonly<Record<string, string>> = {
  '\\': String.raw`\\`,
  '\n': String.raw`\n`,
  '\r': String.raw`\r`,
  '\t': String.raw`\t`,
}

function encodeValue(value: CopyValue | undefined): string {
  switch (typeof value) {
    case 'string':
      return special.test(value) ? value.replaceAll(/[\\\n\r\t]/g, (found) => escapes[found] ?? found) : value
    case 'number':
    case 'bigint':
      return String(value)
    case 'boolean':
      return value ? 't' : 'f'
    default:
      if (value === null) return String.raw`\N`
      if (value instanceof Date) return value.toISOString()
      throw new TypeError(`A row to copy: expected null, text, a number, a boolean or a Date, got ${typeof value}`)
  }
}
