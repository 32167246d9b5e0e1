// Whether rows of a source are elsewhere than in its table, and how they are read then.

import { isDeepStrictEqual } from 'node:util'
import { readTiered } from '../../catalog/tiered.ts'
import { onlyRow, type Queryable } from '../../db/db.ts'
import { quoteQualified } from '../../sql/quote.ts'
import { sql } from '../../sql/sql.ts'
import type { Source } from '../model/options.ts'
import type { TieredSource } from '../model/shape.ts'

export async function readTieredSource(on: Queryable, source: Source): Promise<TieredSource | undefined> {
  const tiered = await readTiered(on, source)
  if (tiered === undefined) return undefined
  const { history, between, cut, unpacked } = tiered
  const { axis } = onlyRow(
    await on.query<{ axis: string | null }>(sql`
      select (
          select a.attname::text
          from pg_partitioned_table p
          join pg_attribute a on a.attrelid = p.partrelid and a.attnum = p.partattrs[0]
          where p.partrelid = to_regclass(${quoteQualified(source.schema, source.table)})
        ) as axis`),
  )
  return { history, between, cut, unpacked, axis: axis ?? '' }
}

export function isSameTiered(left: TieredSource | undefined, right: TieredSource | undefined): boolean {
  return isDeepStrictEqual(left, right)
}
