// Pages of a list, each found by the keys of the last row of the one before.
//
// What must be true: a cursor says the time as the database has it, for a Date has no microseconds and would skip rows of one millisecond,
// or repeat them.

import { defineCursor } from 'pgstrata-example-kit'
import type { Query } from './query.ts'
import type { Statement } from './statements/statement.ts'

export interface Keys {
  /** A column of time, and one that tells rows of one moment apart. */
  readonly by: readonly [time: string, id: string]
  readonly descending: boolean
}

export interface PageOptions {
  readonly keys: Keys
  /** Of the answer before; undefined: the first page. */
  readonly cursor: string | undefined
  readonly limit: number
  /** What the statement takes in front of the keys. */
  readonly first?: readonly unknown[]
  /** What it takes behind the keys and the limit. */
  readonly values?: readonly unknown[]
}

export interface Page<Row> {
  readonly rows: readonly Row[]
  /** null: this is the last. */
  readonly next: string | null
}

const positions = defineCursor({ at: 'time', id: 'integer' })
const begin = {
  ascending: { at: '-infinity', id: '0' },
  descending: { at: 'infinity', id: '9223372036854775807' },
} as const

/** Of a statement that takes the time and the id of the row before, and how many, one behind the other: $1, $2 and $3 where nothing comes first. */
export async function readPage<Row extends object>(
  query: Query,
  statement: Statement,
  { keys, cursor, limit, first = [], values = [] }: PageOptions,
): Promise<Page<Row>> {
  const start = positions.parse(cursor) ?? begin[keys.descending ? 'descending' : 'ascending']
  const { rows } = await query<Row & Position>(positioned(statement, keys), [
    ...first,
    start.at,
    start.id,
    limit + 1,
    ...values,
  ])
  const shown = rows.slice(0, limit)
  const last = shown.at(-1)
  return {
    rows: shown.map((row) => {
      const { position_at: _, position_id: __, ...own } = row
      return own as unknown as Row
    }),
    next:
      last === undefined || rows.length <= limit
        ? null
        : positions.format({ at: last.position_at, id: last.position_id }),
  }
}

interface Position {
  readonly position_at: string
  readonly position_id: string
}

function positioned({ text }: Statement, { by: [time, id], descending }: Keys): string {
  const order = descending ? ' desc' : ''
  return `
    select page.*,
      to_char(page.${time} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as position_at,
      page.${id} as position_id
    from (${text}
    ) as page
    order by page.${time}${order}, page.${id}${order}`
}
