// Whether a view could be a rollup: its definition, as the server prints it, read by the server's grammar. Either a declaration
// to begin with, or every obstacle. What it cannot know, `pgstrata plan` says when it is declared: nothing is made here.

import { StrataError } from '../base/errors.ts'
import type { Db } from '../db/db.ts'
import { parseSql } from '../sql/parse.ts'
import { quoteIdent } from '../sql/quote.ts'
import { sql } from '../sql/sql.ts'
import { analyse } from './analysis.ts'
import { renderDeclaration } from './declaration.ts'
import type { RelationFacts } from './sources.ts'

export interface RollupSuggestion {
  readonly view: string
  /** TypeScript, for `rollups` of the configuration; null: it cannot be one. */
  readonly declaration: string | null
  /** What is to be known about the declaration. */
  readonly notes: readonly string[]
  /** Why it cannot be a rollup, one for each reason; empty: it can. */
  readonly obstacles: readonly string[]
}

export async function suggestRollup(db: Db, name: string): Promise<RollupSuggestion> {
  const { rows } = await db.query<{ view: string; schema: string; bare: string; definition: string }>(sql`
    select c.oid::regclass::text as view, n.nspname::text as schema, c.relname::text as bare, pg_get_viewdef(c.oid, true) as definition
    from (select ${quoteIdent(name)} as quoted) as asked
    join pg_class c on c.oid = coalesce(to_regclass(asked.quoted), case when ${/^[\w$]+(\.[\w$]+)?$/.test(name)} then to_regclass(${name}) end)
    join pg_namespace n on n.oid = c.relnamespace
    where c.relkind in ('v', 'm')`)
  const [found] = rows
  if (found === undefined) {
    throw new StrataError('VIEW_UNKNOWN', {
      message: `There is no view ${JSON.stringify(name)}`,
      expected: "a view or materialized view, as in 'mv_genre_stats' or 'public.mv_genre_stats'",
    })
  }
  const [statement] = await parseSql(found.definition, { name: found.view })
  const relations = await readRelations(db)
  const { draft, notes, obstacles } = analyse(found.definition, statement?.node ?? {}, relations)
  return {
    view: found.view,
    declaration: obstacles.length > 0 || draft === undefined ? null : renderDeclaration(found.bare, draft),
    notes: obstacles.length > 0 ? [] : notes,
    obstacles,
  }
}

/** Of what a view may read: a few thousand at the most. */
async function readRelations(db: Db): Promise<readonly RelationFacts[]> {
  const { rows } = await db.query<RelationFacts>(sql`
    select n.nspname::text as schema, c.relname::text as name, c.relkind::text as kind, pg_table_is_visible(c.oid) as visible,
      array(
        select a.attname::text
        from pg_index i
        join pg_attribute a on a.attrelid = c.oid and a.attnum = any (i.indkey)
        where i.indrelid = c.oid and i.indisprimary
      ) as "primaryKey",
      (select coalesce(jsonb_object_agg(a.attname, format_type(a.atttypid, null)), '{}')
        from pg_attribute a
        where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped) as columns
    from pg_class c
    join pg_namespace n on n.oid = c.relnamespace
    where c.relkind in ('r', 'p', 'v', 'm', 'f')
      and n.nspname not in ('pg_catalog', 'information_schema', 'pg_toast', 'pgstrata')
    order by 1, 2
    limit 10000`)
  return rows
}
