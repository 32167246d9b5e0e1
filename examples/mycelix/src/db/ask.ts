// The two ways to a database that OptimizedQueries takes: a Strata, and any pool of pg.

import type { Sql, Strata } from 'pgstrata'
import type { RawRow } from './columns.ts'

/** What is used of a Strata. */
export type StrataSource = Pick<Strata, 'query' | 'rollup' | 'views'>

/** What is used of a pool: a pg.Pool, or a StrataPool. */
interface PoolSource {
  query(text: string, values?: unknown[]): Promise<{ readonly rows: readonly unknown[] }>
}

export type Source = StrataSource | PoolSource

export type Ask = (statement: Sql) => Promise<readonly RawRow[]>

export function isStrata(source: Source): source is StrataSource {
  return 'views' in source
}

export function askerOf(source: Source): Ask {
  if (isStrata(source)) return async (statement) => (await source.query(statement)).rows
  return async ({ text, values }) => (await source.query(text, [...values])).rows as readonly RawRow[]
}
