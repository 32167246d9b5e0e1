// What is told of each column of a file: how much there is of it, and between which values. Readers leave files out by it.

import { quoteName, type Duck } from './duck.ts'
import type { ArchivedColumn } from './types.ts'

interface ColumnStats {
  readonly count: number
  readonly nulls: number
  /** As text; null where there is none, or where the type has no order that every reader shares. */
  readonly min: string | null
  readonly max: string | null
  /** Values whose text stands beside them: `min` and `max` do not tell of them. */
  readonly exceptions: number
}

export type FileStats = Readonly<Record<string, ColumnStats>>

const withoutOrder: ReadonlySet<string> = new Set(['bytea', 'json', 'text', 'bool'])

function isOrdered({ canonical }: ArchivedColumn): boolean {
  return !withoutOrder.has(canonical) && !canonical.startsWith('list of ')
}

type Row = Readonly<Record<string, string | null>>

/** Of the staged rows of one file. `source` has a text of each column as `source_<index>`. */
export async function readStats(duck: Duck, columns: readonly ArchivedColumn[], staged: string): Promise<FileStats> {
  const parts = columns.flatMap((column, index) => {
    const field = quoteName(column.field)
    const kept = quoteName(column.exceptions)
    const ends = isOrdered(column)
      ? [`cast(min(${field}) as varchar) as min_${index}`, `cast(max(${field}) as varchar) as max_${index}`]
      : []
    return [
      `cast(count(*) filter (${field} is null and ${kept} is null) as varchar) as nulls_${index}`,
      `cast(count(${kept}) as varchar) as kept_${index}`,
      ...ends,
    ]
  })
  const [row] = await duck.rows<Row>(`select cast(count(*) as varchar) as rows, ${parts.join(', ')} from ${staged}`)
  const read = (name: string): string | null => row?.[name] ?? null
  const count = Number(read('rows'))
  return Object.fromEntries(
    columns.map(({ name }, index) => {
      const nulls = Number(read(`nulls_${index}`))
      const exceptions = Number(read(`kept_${index}`))
      const stats = { count: count - nulls, nulls, min: read(`min_${index}`), max: read(`max_${index}`), exceptions }
      return [name, stats]
    }),
  )
}
