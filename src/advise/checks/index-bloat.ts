// B-trees that are much larger than their entries need, estimated from statistics: entries × (their mean width + 8 bytes of header
// + 4 of a pointer, aligned) in pages filled to 90 %. Where values repeat they share an entry (6 bytes each for their rows), so
// that is what is needed then. Only indexes on columns: of expressions no width is known.

import { quoteQualified } from '../../sql/quote.ts'
import { sql, type Sql } from '../../sql/sql.ts'
import type { Check } from '../model.ts'
import { defineCheck, findEach, gravityOf } from './tools/define.ts'
import { showName, usersOwn } from './tools/relations.ts'

interface Bloated {
  readonly schema: string
  readonly index: string
  readonly sizeBytes: number
  readonly wastedBytes: number
  readonly wastedRatio: number
}

export const indexBloat: Check = defineCheck({
  name: 'index-bloat',
  category: 'bloat',
  question: 'Are indexes much larger than their entries need?',
  why: 'Pages of an index are given back only when they are wholly empty, so it keeps the size of its worst day, in memory too.',
  threshold: 'warn from 30 %, critical from 70 %, of at least 100 MB that could be given back (an estimate)',
  mends: 'builds the index anew, CONCURRENTLY',
  limits: { warn: 0.3, critical: 0.7, least: 104_857_600 },
  find: ({ on, limits }) =>
    findEach<Bloated>(on, bloatedIndexes(limits), ({ schema, index, sizeBytes, wastedBytes, wastedRatio }) => ({
      gravity: gravityOf(wastedRatio, limits) ?? 'warn',
      subject: `index ${showName(schema, index)}`,
      what: `About ${Math.round(wastedRatio * 100)} % of index ${showName(schema, index)} is empty`,
      evidence: { sizeBytes, wastedBytes, wastedRatio, isEstimate: true },
      fix: [`reindex index concurrently ${quoteQualified(schema, index)}`],
    })),
})

function bloatedIndexes({ warn, least }: { readonly warn: number; readonly least: number }): Sql {
  return sql`
        with large as (
          select c.oid, n.nspname, c.relname, c.reltuples, t.relname as "tableName", i.indrelid, i.indkey, i.indnatts,
            tn.nspname as "tableSchema",
            pg_relation_size(c.oid)::float8 as "sizeBytes", current_setting('block_size')::float8 as block,
            coalesce((select o.option_value from pg_options_to_table(c.reloptions) o where o.option_name = 'fillfactor')::float8, 90) / 100 as filled,
            not i.indisunique and i.indnatts = i.indnkeyatts as "mayShare"
          from pg_index i
          join pg_class c on c.oid = i.indexrelid
          join pg_namespace n on n.oid = c.relnamespace
          join pg_class t on t.oid = i.indrelid
          join pg_namespace tn on tn.oid = t.relnamespace
          join pg_am am on am.oid = c.relam
          where ${usersOwn}
            and c.relkind = 'i'
            and am.amname = 'btree'
            and i.indexprs is null
            and i.indisvalid
            and c.reltuples >= 0
            and c.relpages * current_setting('block_size')::float8 >= ${least}::float8
        ), measured as (
          select l.*, w.width, w.columns, w.spread
          from large l
          cross join lateral (
            select sum((1 - s.null_frac) * s.avg_width)::float8 as width, count(*) as columns,
              -- Distinct values at the most: of several columns all combinations.
              exp(least(sum(ln(greatest(case when s.n_distinct < 0 then -s.n_distinct * l.reltuples else s.n_distinct end, 1))), 600))::float8 as spread
            from pg_attribute a
            join pg_stats s on s.schemaname = l."tableSchema" and s.tablename = l."tableName" and s.attname = a.attname and not s.inherited
            where a.attrelid = l.indrelid
              and a.attnum = any(l.indkey)
          ) w
        ), judged as (
          select m.nspname::text as schema, m.relname::text as index, m."sizeBytes",
            m.block * (1 + ceil(
              case when m."mayShare" and m.spread < m.reltuples / 2
                then m.reltuples * 6 + m.spread * (ceil((8 + m.width) / 8) * 8 + 4)
                else m.reltuples * (ceil((8 + m.width) / 8) * 8 + 4)
              end / ((m.block - 40) * m.filled)
            )) as needed
          from measured m
          where m.columns = m.indnatts
        )
        select schema, index, "sizeBytes", "sizeBytes" - needed as "wastedBytes", 1 - needed / greatest("sizeBytes", 1) as "wastedRatio"
        from judged
        where "sizeBytes" - needed >= ${least}::float8
          and 1 - needed / greatest("sizeBytes", 1) >= ${warn}::float8
        order by "wastedBytes" desc`
}
