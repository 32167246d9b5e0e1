// The journal (pgstrata.plan_step) and the record of managed objects (pgstrata.managed_object): SQL in, rows out.

import type { Queryable } from '../db/db.ts'
import { quoteLiteral } from '../sql/quote.ts'
import { sql } from '../sql/sql.ts'
import type { Look } from './recovery.ts'

export interface JournalEntry {
  readonly id: string
  readonly feature: string
  readonly title: string
  readonly statements: readonly string[]
  readonly statementsDone: number
  readonly inFlight: Look | undefined
}

/** Steps that were begun and not finished, oldest first. */
export async function readUnfinished(on: Queryable): Promise<readonly JournalEntry[]> {
  const present = await on.query(sql`select where to_regclass('pgstrata.plan_step') is not null`)
  if (present.rows.length === 0) return []
  const { rows } = await on.query<Omit<JournalEntry, 'inFlight'> & { inFlight: Look | null }>(sql`
    select id, feature, title, statements, statements_done as "statementsDone", in_flight as "inFlight"
    from pgstrata.plan_step
    where state = 'running'
    order by started_at, id`)
  return rows.map((row) => ({ ...row, inFlight: row.inFlight ?? undefined }))
}

export async function openJournalEntry(
  on: Queryable,
  entry: Pick<JournalEntry, 'id' | 'feature' | 'title' | 'statements'>,
): Promise<void> {
  await on.query(sql`
    insert into pgstrata.plan_step (id, feature, title, statements)
    values (${entry.id}, ${entry.feature}, ${entry.title}, ${entry.statements})`)
}

export async function forgetJournalEntry(on: Queryable, id: string): Promise<void> {
  await on.query(sql`delete from pgstrata.plan_step where id = ${id}`)
}

/** As one statement without parameters, so that it can travel with `commit` in one message. */
export function journalProgress(id: string, done: number, finished: boolean): string {
  const end = finished ? `, state = 'done', finished_at = clock_timestamp()` : ''
  return `update pgstrata.plan_step
set statements_done = ${done}, in_flight = null${end}
where id = ${quoteLiteral(id)}`
}

export function journalIntent(id: string, done: number, before: Look): string {
  return `update pgstrata.plan_step
set statements_done = ${done}, in_flight = ${quoteLiteral(JSON.stringify(before))}
where id = ${quoteLiteral(id)}`
}

export interface RecordedObject {
  readonly identity: string
  readonly definition: string
  readonly serverMajor: number
}

export async function readRecordedObjects(on: Queryable): Promise<readonly RecordedObject[]> {
  const present = await on.query(sql`select where to_regclass('pgstrata.managed_object') is not null`)
  if (present.rows.length === 0) return []
  const { rows } = await on.query<RecordedObject>(sql`
    select identity, definition, server_major as "serverMajor"
    from pgstrata.managed_object
    order by identity`)
  return rows
}

/** One statement for all of them; the last of those with one identity counts. */
export async function recordObjects(
  on: Queryable,
  objects: readonly (RecordedObject & { readonly feature: string })[],
): Promise<void> {
  const last = [...new Map(objects.map((object) => [object.identity, object])).values()]
  if (last.length === 0) return
  await on.query(sql`
    insert into pgstrata.managed_object (identity, feature, definition, server_major)
    select *
    from unnest(
      ${last.map((object) => object.identity)}::text[],
      ${last.map((object) => object.feature)}::text[],
      ${last.map((object) => object.definition)}::text[],
      ${last.map((object) => object.serverMajor)}::int4[]
    )
    on conflict (identity) do update
    set (feature, definition, server_major, recorded_at)
      = (excluded.feature, excluded.definition, excluded.server_major, clock_timestamp())`)
}

export async function forgetObject(on: Queryable, identity: string): Promise<void> {
  await on.query(sql`delete from pgstrata.managed_object where identity = ${identity}`)
}
