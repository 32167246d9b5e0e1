// Which B-tree wastes most, by the estimate that the probe and the checks of bloat have as well: no page of it is read. Those of
// exclusion constraints cannot be rebuilt concurrently, and one that was rebuilt of late is left alone.

import { bloatedIndexes, type Bloat } from '../../catalog/bloat.ts'
import type { Queryable } from '../../db/db.ts'
import { sql } from '../../sql/sql.ts'

export interface BloatOptions {
  /** Smaller ones are not worth the work. */
  readonly minSizeBytes: number
  readonly wastedShare: number
}

/** One, or none. */
export async function readBloated(
  on: Queryable,
  { minSizeBytes, wastedShare }: BloatOptions,
): Promise<readonly Bloat[]> {
  const where = sql`not i.indisexclusion
        and t.relpersistence <> 't'
        and pg_has_role(c.relowner, 'usage')
        and n.nspname !~ '^pg_'
        and not exists (
          select from pgstrata.table_mark m
          where (m.purpose, m.schema_name, m.table_name) = ('reindex', n.nspname, c.relname)
            and m.marked_at > clock_timestamp() - interval '7 days'
        )`
  const { rows } = await on.query<Bloat>(sql`
    select *
    from (${bloatedIndexes({ where, leastSizeBytes: minSizeBytes, leastRatio: wastedShare })}) as b
    limit 1`)
  return rows
}
