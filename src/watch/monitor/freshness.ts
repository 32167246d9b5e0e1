// How old what materialized views hold is. Of those that pgstrata keeps, pgstrata.view has it recorded; another one may say it
// itself, in a column `last_refreshed`; of any other the server does not know when it was refreshed, and neither do we: its age
// is null, and so is `stale`. One that was never filled is stale.
// Bound: 200 views.

import { StrataError } from '../../base/errors.ts'
import { sql } from '../../sql/sql.ts'
import { mayRead } from './may-read.ts'
import type { Ask } from '../../db/own-questions.ts'

export interface ViewFreshness {
  readonly view: string
  readonly schema: string
  /** What it holds was true that long ago; null: not known. To two places. */
  readonly hoursOld: number | null
  /** Null: not known. */
  readonly stale: boolean | null
  readonly lastRefreshed: Date | null
  /** Who says so. */
  readonly by: 'pgstrata' | 'its column last_refreshed' | 'unknown'
}

interface FoundView {
  readonly schema: string
  readonly view: string
  readonly populated: boolean
  readonly has_column: boolean
}

interface Age {
  readonly at: Date | null
  readonly hours: number | null
}

const mostViews = 200

export async function readFreshness(ask: Ask, staleHours: number): Promise<readonly ViewFreshness[]> {
  const found = await ask<FoundView>(sql`
    select n.nspname::text as schema, c.relname::text as view, c.relispopulated as populated,
      exists (
        select from pg_attribute a
        where a.attrelid = c.oid and a.attname = 'last_refreshed' and not a.attisdropped
          and a.atttypid in ('timestamptz'::regtype, 'timestamp'::regtype)
      ) as has_column
    from pg_class c
      join pg_namespace n on n.oid = c.relnamespace
    where c.relkind = 'm' and n.nspname <> 'pgstrata'
    order by n.nspname, c.relname
    limit ${mostViews}`)
  if (found.length === 0) return []
  const recorded = await readRecorded(ask)
  const answers: ViewFreshness[] = []
  for (const one of found) {
    const known = recorded.get(JSON.stringify([one.schema, one.view]))
    const said = known === undefined && one.populated && one.has_column ? await readColumn(ask, one) : undefined
    const age = known ?? said
    answers.push(freshnessOf(one, age, known === undefined ? 'its column last_refreshed' : 'pgstrata', staleHours))
  }
  return answers
}

function freshnessOf(
  { schema, view, populated }: FoundView,
  age: Age | undefined,
  by: 'pgstrata' | 'its column last_refreshed',
  staleHours: number,
): ViewFreshness {
  const hours = age?.hours ?? null
  const hoursOld = hours === null ? null : Math.round(Math.max(0, hours) * 100) / 100
  return {
    view,
    schema,
    hoursOld,
    stale: populated ? (hours === null ? null : hours > staleHours) : true,
    lastRefreshed: age?.at ?? null,
    by: hours === null ? 'unknown' : by,
  }
}

async function readRecorded(ask: Ask): Promise<ReadonlyMap<string, Age>> {
  if (!(await mayRead(ask, 'view'))) return new Map()
  const rows = await ask<Age & { readonly schema: string; readonly view: string }>(sql`
    select schema_name as schema, name as view, last_refreshed as at,
      (extract(epoch from clock_timestamp() - last_refreshed) / 3600)::float8 as hours
    from pgstrata.view`)
  return new Map(rows.map(({ schema, view, at, hours }) => [JSON.stringify([schema, view]), { at, hours }]))
}

/** All rows have the same, being made by one statement. */
async function readColumn(ask: Ask, { schema, view }: FoundView): Promise<Age | undefined> {
  try {
    const [row] = await ask<Age>(sql`
      select last_refreshed::timestamptz as at,
        (extract(epoch from clock_timestamp() - last_refreshed::timestamptz) / 3600)::float8 as hours
      from ${sql.ident(schema, view)}
      limit 1`)
    return row
  } catch (error) {
    // Not readable by this role, or gone meanwhile: then it is not known.
    if (error instanceof StrataError && error.code === 'POOL_CLOSED') throw error
    return undefined
  }
}
