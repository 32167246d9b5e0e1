// Tables that are much longer than their rows need, estimated from statistics: rows × (their mean width + 28 bytes of header and
// pointer, aligned) against the pages there are. Nothing of the table itself is read; pgstattuple tells it exactly.

import { quoteQualified } from '../../sql/quote.ts'
import { sql, type Sql } from '../../sql/sql.ts'
import type { Check } from '../model.ts'
import { defineCheck, findEach, gravityOf } from './tools/define.ts'
import { showName, usersOwn } from './tools/relations.ts'

interface Bloated {
  readonly schema: string
  readonly table: string
  readonly sizeBytes: number
  readonly wastedBytes: number
  readonly wastedRatio: number
}

export const tableBloat: Check = defineCheck({
  name: 'table-bloat',
  category: 'bloat',
  question: 'Are tables much longer than their rows need?',
  why: 'What reads the whole table reads the empty part as well, and it takes place in memory and backups.',
  threshold: 'warn from 30 %, critical from 50 %, of at least 100 MB that could be given back (an estimate)',
  mends: 'advice',
  limits: { warn: 0.3, critical: 0.5, least: 104_857_600 },
  find: ({ on, limits }) =>
    findEach<Bloated>(on, bloatedTables(limits), ({ schema, table, sizeBytes, wastedBytes, wastedRatio }) => ({
      gravity: gravityOf(wastedRatio, limits) ?? 'warn',
      subject: `table ${showName(schema, table)}`,
      what: `About ${Math.round(wastedRatio * 100)} % of ${showName(schema, table)} is empty`,
      evidence: { sizeBytes, wastedBytes, wastedRatio, isEstimate: true },
      advice: `New rows fill it again once it is vacuumed. To give it back, pg_repack or pg_squeeze write it anew while it is used; vacuum (full, analyze) ${quoteQualified(schema, table)} does so while nobody may use it.`,
    })),
})

function bloatedTables({ warn, least }: { readonly warn: number; readonly least: number }): Sql {
  return sql`
        with large as (
          select c.oid, n.nspname, c.relname, c.reltuples,
            pg_relation_size(c.oid)::float8 as "sizeBytes",
            current_setting('block_size')::float8 as block,
            coalesce((select o.option_value from pg_options_to_table(c.reloptions) o where o.option_name = 'fillfactor')::float8, 100) / 100 as filled
          from pg_class c
          join pg_namespace n on n.oid = c.relnamespace
          where ${usersOwn}
            and c.relkind in ('r', 'm')
            and c.reltuples >= 0
            and c.relpages * current_setting('block_size')::float8 >= ${least}::float8
        ), measured as (
          select l.*, w.width, w.columns, w.nulls,
            (select count(*) from pg_attribute a where a.attrelid = l.oid and a.attnum > 0 and not a.attisdropped) as attributes
          from large l
          cross join lateral (
            select sum((1 - s.null_frac) * s.avg_width)::float8 as width, count(*) as columns, bool_or(s.null_frac > 0) as nulls
            from pg_stats s
            where s.schemaname = l.nspname
              and s.tablename = l.relname
              and not s.inherited
          ) w
        ), judged as (
          -- 24 bytes of header (more with a bitmap of nulls), all aligned to 8; 4 of a pointer to it; 24 of the page's own.
          select m.nspname::text as schema, m.relname::text as "table", m."sizeBytes",
            m.block * ceil(
              m.reltuples * (ceil((24 + case when m.nulls then ceil(m.attributes / 8.0) else 0 end + m.width) / 8) * 8 + 4)
                / ((m.block - 24) * m.filled)
            ) as needed
          from measured m
          -- Statistics of all columns: of some are none where the role may not read them, and a guess would be wrong.
          where m.columns = m.attributes
        )
        select schema, "table", "sizeBytes", "sizeBytes" - needed as "wastedBytes",
          1 - needed / greatest("sizeBytes", 1) as "wastedRatio"
        from judged
        where "sizeBytes" - needed >= ${least}::float8
          and 1 - needed / greatest("sizeBytes", 1) >= ${warn}::float8
        order by "wastedBytes" desc`
}
