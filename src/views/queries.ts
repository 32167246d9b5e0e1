// pgstrata.view, and what the catalog knows of the views that are in it.

import { StrataError } from '../base/errors.ts'
import type { Queryable } from '../db/db.ts'
import { quoteLiteral } from '../sql/quote.ts'
import { sql } from '../sql/sql.ts'
import { besideOf, digestOf, placeOf } from './names.ts'
import type { MaterializedView } from './options.ts'
import type { Upstream } from './order.ts'

export interface KeptView {
  readonly name: string
  readonly schema: string
  readonly declared: MaterializedView
  readonly lastRefreshed: Date | null
  readonly refreshMs: number | null
  readonly rows: number | null
  readonly how: 'concurrently' | 'plainly' | null
  readonly failedAt: Date | null
  readonly lastError: string | null
  /** Of which declaration a replacement stands beside it. */
  readonly builtAs: string | null
  /** When all this was read, by the database's clock. */
  readonly now: Date
}

/** None where the table is not there yet. */
export async function readKept(on: Queryable): Promise<readonly KeptView[]> {
  const present = await on.query(sql`select where to_regclass('pgstrata.view') is not null`)
  if (present.rows.length === 0) return []
  const { rows } = await on.query<KeptView>(sql`
    select name, schema_name as schema, declared, last_refreshed as "lastRefreshed", refresh_ms as "refreshMs",
      row_count::float8 as rows, refreshed_how as how, failed_at as "failedAt", last_error as "lastError",
      built_as as "builtAs", clock_timestamp() as now
    from pgstrata.view
    order by name`)
  return rows
}

interface Named {
  readonly name: string
}

export function requireKnown(views: readonly Named[], kept: readonly Named[], name: string): void {
  const names = [...new Set([...views, ...kept].map((one) => one.name))].toSorted()
  if (names.includes(name)) return
  throw new StrataError('VIEW_UNKNOWN', {
    message: `There is no materialized view "${name}" under management`,
    expected: names.length === 0 ? 'a view that is declared' : names.join(', '),
  })
}

export function requireApplied(kept: readonly KeptView[], name: string): void {
  if (kept.some((one) => one.name === name)) return
  throw new StrataError('VIEW_UNKNOWN', {
    message: `Materialized view "${name}" is declared and not made yet`,
    advice: 'Run `pgstrata apply`.',
  })
}

/** In the transaction that fills it. */
export function insertView(view: MaterializedView): string {
  const said = [view.name, view.schema, JSON.stringify(view)].map(quoteLiteral).join(', ')
  return `insert into pgstrata.view (name, schema_name, declared, tags, last_refreshed, refresh_ms, row_count, refreshed_how)
values (${said}, ${tagsOf(view)}, pg_catalog.transaction_timestamp(),
  1000 * extract(epoch from pg_catalog.clock_timestamp() - pg_catalog.transaction_timestamp()),
  (select pg_catalog.count(*) from ${placeOf(view)}), 'plainly')
on conflict (name) do update
set (schema_name, declared, tags, last_refreshed, refresh_ms, refreshed_how, row_count, failed_at, last_error, built_as, built_at)
  = (excluded.schema_name, excluded.declared, excluded.tags, excluded.last_refreshed, excluded.refresh_ms, excluded.refreshed_how, excluded.row_count, null, null, null, null)`
}

/** What it holds stays as it is. */
export function noteDeclared(view: MaterializedView): string {
  return `update pgstrata.view
set declared = ${quoteLiteral(JSON.stringify(view))}, tags = ${tagsOf(view)}
where name = ${quoteLiteral(view.name)}`
}

export function noteBuilt(view: MaterializedView): string {
  return `update pgstrata.view
set built_as = ${quoteLiteral(buildOf(view))}, built_at = pg_catalog.transaction_timestamp()
where name = ${quoteLiteral(view.name)}`
}

export function noteSwapped(view: MaterializedView): string {
  return `update pgstrata.view
set declared = ${quoteLiteral(JSON.stringify(view))}, tags = ${tagsOf(view)}, last_refreshed = built_at,
  refreshed_how = 'plainly', refresh_ms = null, row_count = null, failed_at = null, last_error = null, built_as = null, built_at = null
where name = ${quoteLiteral(view.name)}`
}

export function deleteView({ name }: Pick<MaterializedView, 'name'>): string {
  return `delete from pgstrata.view where name = ${quoteLiteral(name)}`
}

function tagsOf({ tags }: MaterializedView): string {
  return `array[${tags.map(quoteLiteral).join(', ')}]::text[]`
}

/** What a replacement is made by: two that share it hold the same, and have the same indexes. */
export function buildOf({ schema, name, sql: text, unique, indexes }: MaterializedView): string {
  return digestOf([schema, name, text, unique, indexes])
}

/** jsonb gives keys back in an order of its own, and leaves out what is undefined. */
export function isSameDeclaration(left: MaterializedView, right: MaterializedView): boolean {
  const canonical = (view: MaterializedView): string =>
    JSON.stringify([buildOf(view), view.tags, view.dependsOn, view.refresh && Object.entries(view.refresh).toSorted()])
  return canonical(left) === canonical(right)
}

export interface FoundIndex {
  readonly name: string
  /** Null: not of plain columns, or not of all rows. */
  readonly columns: readonly string[] | null
  readonly unique: boolean
  readonly valid: boolean
}

export interface FoundRelation {
  readonly name: string
  readonly oid: number
  /** As pg_class says it: 'm' is a materialized view. */
  readonly kind: string
  readonly populated: boolean
  readonly sizeBytes: number
  readonly indexes: readonly FoundIndex[]
  /** A replacement that is being built, or was left. */
  readonly hasBeside: boolean
}

/** What stands where the views belong, by their names. */
export async function readFound(
  on: Queryable,
  views: readonly Pick<MaterializedView, 'name' | 'schema'>[],
): Promise<ReadonlyMap<string, FoundRelation>> {
  const { rows } = await on.query<FoundRelation>(sql`
    select wanted.name, c.oid::int8::float8 as oid, c.relkind::text as kind, c.relispopulated as populated,
      pg_total_relation_size(c.oid)::float8 as "sizeBytes",
      coalesce(to_regclass(wanted.beside) is not null, false) as "hasBeside",
      coalesce((
        select jsonb_agg(jsonb_build_object(
            'name', ic.relname, 'unique', i.indisunique and i.indimmediate, 'valid', i.indisvalid,
            'columns', case when i.indexprs is null and i.indpred is null and am.amname = 'btree' then (
              select jsonb_agg(a.attname order by key.place)
              from unnest(i.indkey) with ordinality as key (number, place)
              join pg_attribute a on a.attrelid = c.oid and a.attnum = key.number
              where key.place <= i.indnkeyatts) end
          ) order by ic.relname)
        from pg_index i
        join pg_class ic on ic.oid = i.indexrelid
        join pg_am am on am.oid = ic.relam
        where i.indrelid = c.oid
      ), '[]') as indexes
    from unnest(${views.map(({ name }) => name)}::text[], ${views.map(placeOf)}::text[],
      ${views.map((view) => placeOf(besideOf(view)))}::text[]) as wanted (name, place, beside)
    join pg_class c on c.oid = to_regclass(wanted.place)`)
  return new Map(rows.map((row) => [row.name, row]))
}

/** What REFRESH … CONCURRENTLY asks for: PostgreSQL's own rule, in is_usable_unique_index. */
export function isConcurrent({ populated, indexes }: Pick<FoundRelation, 'populated' | 'indexes'>): boolean {
  return populated && indexes.some(({ columns, unique, valid }) => unique && valid && columns !== null)
}

export interface ReadBy {
  /** By name: views of ours that it reads, however many views of others lie between. */
  readonly upstream: Upstream
  /** Materialized views of others that it reads: nobody here refreshes those. */
  readonly foreign: ReadonlyMap<string, readonly string[]>
}

export async function readDependencies(
  on: Queryable,
  views: readonly Pick<MaterializedView, 'name' | 'schema'>[],
): Promise<ReadBy> {
  const { rows } = await on.query<{ name: string; upstream: string[]; others: string[] }>(sql`
    with recursive kept as (
      select wanted.name, c.oid
      from unnest(${views.map(({ name }) => name)}::text[], ${views.map(placeOf)}::text[]) as wanted (name, place)
      join pg_class c on c.oid = to_regclass(wanted.place)
    ), reads as (
      select name, oid from kept
      union
      select reads.name, d.refobjid
      from reads
      join pg_rewrite r on r.ev_class = reads.oid and r.ev_type = '1'
      join pg_depend d on d.classid = 'pg_rewrite'::regclass and d.objid = r.oid and d.refclassid = 'pg_class'::regclass
    )
    select reads.name,
      coalesce(array_agg(distinct other.name) filter (where other.name <> reads.name), '{}') as upstream,
      coalesce(array_agg(distinct c.oid::regclass::text) filter (where other.name is null and c.relkind = 'm'), '{}') as others
    from reads
    join pg_class c on c.oid = reads.oid
    left join kept other on other.oid = reads.oid
    group by reads.name`)
  return {
    upstream: new Map(rows.map(({ name, upstream }) => [name, new Set(upstream)])),
    foreign: new Map(rows.map(({ name, others }) => [name, others])),
  }
}
