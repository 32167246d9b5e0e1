// pgstrata.rollup, and what stands on the relations of a source.

import { StrataError } from '../../base/errors.ts'
import type { Queryable } from '../../db/db.ts'
import { quoteLiteral } from '../../sql/quote.ts'
import { sql } from '../../sql/sql.ts'
import type { Relation, Source, Rollup } from '../model/options.ts'
import { captureEvents, functionOf, triggerOf, type CaptureFunction } from '../model/names.ts'
import type { Shape } from '../model/shape.ts'

export interface InstalledRollup {
  readonly name: string
  readonly schema: string
  readonly table: string
  readonly declared: Rollup
  readonly shape: Shape
  /** `refilling`: live, but for measures that were declared later. */
  readonly state: 'filling' | 'refilling' | 'live'
  /** The rollup whose place it takes when it is filled. */
  readonly replaces: string | null
  /** Where the buckets begin that are still to be filled, as the server writes it. */
  readonly filledTo: string | null
  readonly mergedAt: Date | null
  readonly mergedRows: number | null
  readonly mergeMs: number | null
}

/** None where the table is not there yet. */
export async function readInstalled(on: Queryable): Promise<readonly InstalledRollup[]> {
  const present = await on.query(sql`select where to_regclass('pgstrata.rollup') is not null`)
  if (present.rows.length === 0) return []
  const { rows } = await on.query<InstalledRollup>(sql`
    select name, schema_name as schema, table_name as table, declared, shape, state, replaces, filled_to as "filledTo",
      merged_at as "mergedAt", merged_rows::float8 as "mergedRows", merge_ms as "mergeMs"
    from pgstrata.rollup
    order by name`)
  return rows
}

export async function requireInstalled(
  on: Queryable,
  rollups: readonly Rollup[],
  name: string,
): Promise<InstalledRollup> {
  const installed = (await readInstalled(on)).find((one) => one.name === name)
  if (installed !== undefined) return installed
  const declared = rollups.some((one) => one.name === name)
  throw new StrataError('ROLLUP_UNKNOWN', {
    message: `There is no rollup "${name}"`,
    expected: rollups.map((one) => one.name).join(', '),
    advice: declared ? 'It is declared and not applied: run `pgstrata apply`.' : 'Declare it under `rollups`.',
  })
}

export function insertRollup(
  shape: Shape,
  state: InstalledRollup['state'],
  { replaces = null }: { readonly replaces?: string | null } = {},
): string {
  const { name, schema, table } = shape.rollup
  const values = [name, schema, table, JSON.stringify(shape.rollup), JSON.stringify(shape), state].map(quoteLiteral)
  return `insert into pgstrata.rollup (name, schema_name, table_name, declared, shape, state, filled_at, replaces)
values (${values.join(', ')}, ${state === 'live' ? 'clock_timestamp()' : 'null'}, ${replaces === null ? 'null' : quoteLiteral(replaces)})`
}

/** `filledTo`: as SQL writes it. */
export function updateRollup(
  name: string,
  {
    shape,
    state,
    filledTo,
  }: { readonly shape: Shape; readonly state: InstalledRollup['state']; readonly filledTo: string },
): string {
  const [declared, kept] = [shape.rollup, shape].map((value) => quoteLiteral(JSON.stringify(value)))
  return `update pgstrata.rollup
set name = ${quoteLiteral(shape.rollup.name)}, declared = ${declared ?? ''}, shape = ${kept ?? ''}, state = ${quoteLiteral(state)}, filled_to = ${filledTo}, replaces = null
where name = ${quoteLiteral(name)}`
}

export function deleteRollup({ name }: Pick<Rollup, 'name'>): string {
  return `delete from pgstrata.rollup where name = ${quoteLiteral(name)}`
}

/** In the transaction of the merge; one that found nothing is not noted. */
export async function noteMerged(
  tx: Queryable,
  name: string,
  { rows, tookMs }: { readonly rows: number; readonly tookMs: number },
): Promise<void> {
  if (rows === 0) return
  await tx.query(sql`
    update pgstrata.rollup
    set merged_at = clock_timestamp(), merged_rows = ${rows}, merge_ms = ${tookMs}
    where name = ${name}`)
}

/** Comments of the functions of a source: they say what the functions were made for. */
export async function readFunctionComments(
  on: Queryable,
  source: Source,
  events: readonly CaptureFunction[],
): Promise<readonly (string | null)[]> {
  const names = events.map((event) => `${functionOf(source, event)}()`)
  const { rows } = await on.query<{ comment: string | null }>(sql`
    select obj_description(to_regprocedure(name), 'pg_proc') as comment
    from unnest(${names}::text[]) with ordinality as wanted (name, place)
    order by place`)
  return rows.map(({ comment }) => comment)
}

export interface Unwatched {
  /** Without all of the statement triggers. */
  readonly relations: readonly Relation[]
  /** The row trigger is missing somewhere. */
  readonly replica: boolean
}

/** Where a trigger is missing, or switched off; `subscriber`: those that fire for a replica belong to it. */
export async function readUnwatched(
  on: Queryable,
  relations: readonly Relation[],
  { subscriber }: { readonly subscriber: boolean },
): Promise<Unwatched> {
  const names = [...captureEvents, 'row' as const].map((event) => triggerOf(event))
  const { rows } = await on.query<{ name: string; there: Record<string, string> }>(sql`
    select wanted.name, (
        select coalesce(jsonb_object_agg(t.tgname::text, t.tgenabled), '{}')
        from pg_trigger t
        where t.tgrelid = to_regclass(wanted.name)
          and t.tgname::text = any(${names}::text[])
      ) as there
    from unnest(${relations.map(({ name }) => name)}::text[]) as wanted (name)`)
  const there = new Map(rows.map((row) => [row.name, row.there]))
  const isOn = (name: string, event: CaptureFunction, states: string): boolean =>
    states.includes(there.get(name)?.[triggerOf(event)] ?? 'none')
  return {
    relations: relations.filter(({ name, events }) =>
      (events ?? captureEvents).some((event) => !isOn(name, event, event === 'truncate' && subscriber ? 'A' : 'OA')),
    ),
    replica: subscriber && relations.some(({ name, events }) => events === undefined && !isOn(name, 'row', 'R')),
  }
}

/** Leaves that hold a row, as far as there are no more than a hundred. */
export async function readWithRows(on: Queryable, relations: readonly Relation[]): Promise<readonly string[]> {
  const leaves = relations.filter(({ leaf }) => leaf).slice(0, 100)
  if (leaves.length === 0) return []
  const looks = leaves.map(({ name }) => `select ${quoteLiteral(name)} as name where exists (select from only ${name})`)
  return (await on.query<{ name: string }>(sql.raw(looks.join('\nunion all\n')))).rows.map(({ name }) => name)
}

/** The subscriptions that write to any of them. */
export async function readSubscriptions(on: Queryable, relations: readonly Relation[]): Promise<readonly string[]> {
  const { rows } = await on.query<{ name: string }>(sql`
    select distinct s.subname::text as name
    from pg_subscription_rel r
    join pg_subscription s on s.oid = r.srsubid
    where r.srrelid in (
        select to_regclass(name)
        from unnest(${relations.map(({ name }) => name)}::text[]) as relation (name)
      )
    order by 1`)
  return rows.map(({ name }) => name)
}

/** Of everything that holds rows of the source. */
export async function readSizeBytes(on: Queryable, relations: readonly Relation[]): Promise<number> {
  const { rows } = await on.query<{ bytes: number }>(sql`
    select coalesce(sum(pg_table_size(to_regclass(name))), 0)::float8 as bytes
    from unnest(${relations.filter(({ leaf }) => leaf).map(({ name }) => name)}::text[]) as relation (name)`)
  return rows[0]?.bytes ?? 0
}
