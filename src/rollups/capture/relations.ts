// The relations of a source on which capture stands: itself, or every partition of its tree down to the leaves; and where rows of it
// may be packed, those that were taken out to be changed.

import { readTiered } from '../../catalog/tiered.ts'
import type { Queryable } from '../../db/db.ts'
import { quoteIdent, quoteQualified } from '../../sql/quote.ts'
import { sql } from '../../sql/sql.ts'
import type { Relation, Source } from '../model/options.ts'
import { captureEvents, functionOf } from '../model/names.ts'

/** None: the source is not there any more. */
export async function readRelations(on: Queryable, source: Source): Promise<readonly Relation[]> {
  const { rows } = await on.query<{ schema: string; name: string; leaf: boolean }>(sql`
    select n.nspname::text as schema, c.relname::text as name, c.relkind = 'r' as leaf
    from pg_class c
    join pg_namespace n on n.oid = c.relnamespace
    where c.relkind in ('r', 'p')
      and (c.oid = to_regclass(${nameOf(source)})
        or c.oid in (select relid from pg_partition_tree(to_regclass(${nameOf(source)}))))
    order by c.relkind <> 'p', n.nspname, c.relname`)
  const relations = rows.map(({ schema, name, leaf }) => ({ name: quoteQualified(schema, name), leaf }))
  const loose = relations.length === 0 ? undefined : await readLoose(on, source)
  return loose === undefined ? relations : [...relations, { name: loose, leaf: false, events: ['update', 'delete'] }]
}

async function readLoose(on: Queryable, source: Source): Promise<string | undefined> {
  return (await readTiered(on, source))?.loose
}

/** A trigger that notes changes of a table which is no part of the source any more: detached, or renamed with all below it. */
export interface StrayTrigger {
  /** Both as SQL writes them. */
  readonly relation: string
  readonly trigger: string
}

export async function readStrayTriggers(on: Queryable, source: Source): Promise<readonly StrayTrigger[]> {
  const functions = [...captureEvents, 'row' as const].map((event) => functionOf(source, event))
  const loose = await readLoose(on, source)
  const { rows } = await on.query<{ schema: string; name: string; trigger: string }>(sql`
    select n.nspname::text as schema, c.relname::text as name, t.tgname::text as trigger
    from pg_trigger t
    join pg_class c on c.oid = t.tgrelid
    join pg_namespace n on n.oid = c.relnamespace
    where t.tgfoid in (select to_regproc(name) from unnest(${functions}::text[]) as known (name))
      and t.tgparentid = 0
      and c.oid is distinct from to_regclass(${nameOf(source)})
      and c.oid is distinct from to_regclass(${loose ?? null})
      and c.oid not in (select relid from pg_partition_tree(to_regclass(${nameOf(source)})))
    order by n.nspname, c.relname, t.tgname`)
  return rows.map(({ schema, name, trigger }) => ({
    relation: quoteQualified(schema, name),
    trigger: quoteIdent(trigger),
  }))
}

const nameOf = (source: Source): string => quoteQualified(source.schema, source.table)
