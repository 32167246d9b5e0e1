// Collations whose rules have changed since indexes were built by them.

import { quoteIdent, quoteQualified } from '../../sql/quote.ts'
import { sql } from '../../sql/sql.ts'
import type { Check } from '../model.ts'
import { defineCheck, readWorst, type Draft } from './tools/define.ts'
import { showName } from './tools/relations.ts'
import { inSentences } from './tools/settings.ts'

interface Changed {
  /** Null: that of the database. */
  readonly schema: string | null
  readonly name: string
  readonly builtWith: string
  readonly now: string
  readonly indexes: readonly string[]
  readonly indexCount: number
}

/** What is written down of a list; the rest is found by the same question afterwards. */
const mostIndexes = 50

export const collationVersion: Check = defineCheck({
  name: 'collation-version',
  category: 'schema',
  question: 'Have the rules of a collation changed since indexes were built by it?',
  why: 'Such an index is in an order that no longer holds: rows are not found, and unique keys let duplicates in.',
  threshold: 'critical where an index depends on it, else warn',
  mends: 'builds those indexes anew, CONCURRENTLY, and notes the version',
  find: async ({ on }) => {
    const { rows } = await readWorst<Changed>(
      on,
      sql`
        with changed as (
          select n.nspname::text as schema, l.collname::text as name, l.oid, l.collversion as "builtWith",
            pg_collation_actual_version(l.oid) as now
          from pg_collation l
          join pg_namespace n on n.oid = l.collnamespace
          where l.collversion is distinct from pg_collation_actual_version(l.oid)
            and l.collversion is not null
          union all
          select null, d.datname::text, 100::oid, d.datcollversion, pg_database_collation_actual_version(d.oid)
          from pg_database d
          where d.datname = current_database()
            and d.datcollversion is distinct from pg_database_collation_actual_version(d.oid)
            and d.datcollversion is not null
        ), concerned as (
          select distinct i.indexrelid, i.indisexclusion as exclusion, ch.oid as collation
          from pg_index i
          join changed ch on ch.oid = any(i.indcollation::oid[])
          join pg_class c on c.oid = i.indexrelid
          where c.relkind = 'i'
            -- Names of the catalog are compared byte by byte.
            and c.oid >= 16384
        )
        select ch.schema, ch.name, ch."builtWith", coalesce(ch.now, '?') as now, count(x.indexrelid)::float8 as "indexCount",
          coalesce((array_agg(case when x.exclusion then 'index' else 'index concurrently' end || format(' %I.%I', n.nspname, c.relname) order by n.nspname, c.relname)
            filter (where c.oid is not null))[1:${sql.raw(String(mostIndexes))}], '{}') as indexes
        from changed ch
        left join concerned x on x.collation = ch.oid
        left join pg_class c on c.oid = x.indexrelid
        left join pg_namespace n on n.oid = c.relnamespace
        group by ch.schema, ch.name, ch."builtWith", ch.now
        order by count(x.indexrelid) desc, ch.name`,
    )
    return rows.map(sayChanged)
  },
})

function sayChanged({ schema, name, builtWith, now, indexes, indexCount }: Changed): Draft {
  const shown = schema === null ? `that of database ${showName(name)}` : showName(schema, name)
  const refresh =
    schema === null
      ? `alter database ${quoteIdent(name)} refresh collation version`
      : `alter collation ${quoteQualified(schema, name)} refresh version`
  return {
    gravity: indexCount > 0 ? 'critical' : 'warn',
    subject: schema === null ? `database ${showName(name)}` : `collation ${shown}`,
    what: `Collation ${shown} was version ${builtWith}, and the system has ${now} now`,
    evidence: { builtWith, now, indexes: indexCount },
    fix: [...indexes.map((index) => `reindex ${index}`), ...(indexCount > indexes.length ? [] : [refresh])],
    ...sayMore({ indexes, indexCount, refresh }),
  }
}

function sayMore(given: Pick<Changed, 'indexes' | 'indexCount'> & { readonly refresh: string }): { advice?: string } {
  const { indexes, indexCount, refresh } = given
  const locks = indexes.some((index) => !index.startsWith('index concurrently '))
    ? 'That of an exclusion constraint cannot be built anew CONCURRENTLY: writers wait for it.'
    : undefined
  const rest =
    indexCount > indexes.length
      ? `Those are the first ${indexes.length} of ${indexCount}; then "reindex database concurrently" for the rest, and: ${refresh}`
      : undefined
  const advice = inSentences(locks, rest)
  return advice === '' ? {} : { advice }
}
