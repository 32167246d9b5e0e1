// Which tables the feed tells of wholly, as the database has it now: what may be believed to be invalidated when the feed has
// passed a position. A table that is captured by its inserts alone, or not at all, is none of them, nor one with a partition
// that could be truncated unheard, or with packed rows that could be changed so.

import type { Queryable } from '../../db/db.ts'
import { sql } from '../../sql/sql.ts'
import { outboxTriggerPrefix } from './outbox/triggers.ts'
import { publications, type FeedTable } from './wal/captured-tables.ts'
import { readLooseTables } from './wal/loose.ts'
import { truncateTrigger } from './wal/truncations.ts'

export async function readCaptured(on: Queryable): Promise<readonly FeedTable[]> {
  const { rows } = await on.query<FeedTable & { oid: string }>(sql`
    select n.nspname::text as schema, c.relname::text as "table", c.oid::text as oid
    from pg_class c
    join pg_namespace n on n.oid = c.relnamespace
    where c.oid in (
      select r.prrelid
      from pg_publication_rel r
      join pg_publication p on p.oid = r.prpubid
      where p.pubname = ${publications.all}
        and not exists (
          select from pg_partition_tree(r.prrelid) part
          join pg_class leaf on leaf.oid = part.relid
          where part.level > 0
            and leaf.relkind = 'r'
            and not exists (select from pg_trigger t where t.tgrelid = leaf.oid and t.tgname = ${truncateTrigger})
        )
      union all
      select t.tgrelid
      from pg_trigger t
      where not t.tgisinternal
        and starts_with(t.tgname::text, ${outboxTriggerPrefix})
    )
    order by 1, 2`)
  const loose = await readLooseTables(on)
  const has = (oid: string): boolean => rows.some((one) => one.oid === oid)
  const ofOthers = new Set([...loose.values()].map(({ oid }) => oid))
  return rows.flatMap(({ schema, table, oid }) => {
    const beside = loose.get(oid)
    return ofOthers.has(oid) || (beside !== undefined && !has(beside.oid)) ? [] : [{ schema, table }]
  })
}
