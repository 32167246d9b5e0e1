// Indexes, and what the indexes behind constraints have beyond their constraint. The index of a partition is made by
// itself and then attached to its parent's, so that it keeps its name.
//
// An index that is not valid is shown as such; made anew it is valid, but for the index of a partitioned table, which
// becomes valid when every partition has attached one.

import { sql, type Sql } from '../../sql/sql.ts'
import { renderComment } from './attributes.ts'
import { addressOf, type Draft } from './object.ts'
import { definition, inSchemas, notOfExtension, ofRelation, readRows, type Reading } from './reading.ts'
import { renderOptions, tablespaceDraft } from './storage.ts'

export interface IndexRow {
  readonly oid: number
  readonly name: string
  readonly bareName: string
  /** Its table or materialized view. */
  readonly table: string
  readonly relkind: string
  readonly definition: string | null
  /** The constraint that made it. */
  readonly constraint: number | null
  readonly constraintKind: string | null
  readonly valid: boolean
  readonly ready: boolean
  readonly clustered: boolean
  readonly replicaIdentity: boolean
  readonly options: readonly string[] | null
  readonly tablespace: string | null
  /** 'column number statistics target' for each one that has a target. */
  readonly statistics: readonly string[]
  /** The index of the partitioned table that this one is attached to. */
  readonly parentIndex: string | null
  readonly comment: string | null
}

export async function readIndexRows(reading: Reading): Promise<readonly IndexRow[]> {
  return await readRows<IndexRow>(reading, query(reading))
}

function query(reading: Reading): Sql {
  return sql`
    select i.indexrelid as oid,
      format('%I.%I', n.nspname, c.relname) as name,
      quote_ident(c.relname) as "bareName",
      format('%I.%I', n.nspname, t.relname) as table,
      t.relkind,
      case when con.oid is null then pg_get_indexdef(i.indexrelid) end as definition,
      con.oid as constraint,
      con.contype as "constraintKind",
      i.indisvalid as valid,
      i.indisready and i.indislive as ready,
      i.indisclustered as clustered,
      i.indisreplident as "replicaIdentity",
      c.reloptions as options,
      quote_ident(ts.spcname) as tablespace,
      array(
        select a.attnum || ' set statistics ' || a.attstattarget
        from pg_attribute a
        where a.attrelid = i.indexrelid
          and a.attstattarget >= 0
        order by a.attnum
      ) as statistics,
      quote_ident(pn.nspname) || '.' || quote_ident(p.relname) as "parentIndex",
      obj_description(i.indexrelid, 'pg_class') as comment
    from pg_index i
    join pg_class c on c.oid = i.indexrelid
    join pg_class t on t.oid = i.indrelid
    join pg_namespace n on n.oid = t.relnamespace
    left join pg_constraint con on con.conindid = i.indexrelid
      and con.conrelid = i.indrelid
      and con.contype in ('p', 'u', 'x')
    left join pg_tablespace ts on ts.oid = c.reltablespace
    left join pg_inherits h on h.inhrelid = i.indexrelid
    left join pg_class p on p.oid = h.inhparent
    left join pg_namespace pn on pn.oid = p.relnamespace
    where ${inSchemas(reading, 't.relnamespace')}
      and ${ofRelation(reading, 'i.indrelid')}
      and t.relkind in ('r', 'p', 'm')
      and ${notOfExtension('pg_class', 't.oid')}`
}

export function renderIndexes(reading: Reading, rows: readonly IndexRow[]): Draft[] {
  const parts = rows.flatMap((row) => renderTablespace(row))
  const drafts = rows
    .filter((row) => row.constraint === null)
    .map((row): Draft => ({
      kind: 'index',
      identity: `index ${row.name}`,
      parent: tableIdentity(row.relkind, row.table),
      statements: [`${definition(row.definition, `The index ${row.name}`)};`, ...renderIndexSettings(reading, row)],
      addresses: [addressOf('pg_class', row.oid)],
    }))
  return [...drafts, ...parts]
}

/** What follows the statement that made the index, be it CREATE INDEX or ADD CONSTRAINT. */
export function renderIndexSettings(reading: Reading, row: IndexRow): string[] {
  // pg_get_indexdef writes the options itself, and so does an exclusion constraint, which is written by its index.
  const optionsMissing = row.options !== null && row.constraint !== null && row.constraintKind !== 'x'
  const table = row.relkind === 'm' ? 'materialized view' : 'table'
  return [
    ...renderValidity(row),
    ...(optionsMissing ? [`alter index ${row.name} set (${renderOptions(row.options ?? [])});`] : []),
    ...row.statistics.map((target) => `alter index ${row.name} alter column ${target};`),
    ...(row.parentIndex === null ? [] : [`alter index ${row.parentIndex} attach partition ${row.name};`]),
    ...(row.clustered ? [`alter ${table} ${row.table} cluster on ${row.bareName};`] : []),
    ...(row.replicaIdentity ? [`alter table only ${row.table} replica identity using index ${row.bareName};`] : []),
    ...renderComment(reading, `index ${row.name}`, row.comment),
  ]
}

function renderValidity(row: IndexRow): string[] {
  if (row.valid && row.ready) return []
  return [`-- INVALID: index ${row.name} is not ${row.ready ? 'valid' : 'ready, nor kept up to date'}`]
}

function renderTablespace(row: IndexRow): Draft[] {
  if (row.tablespace === null) return []
  return [tablespaceDraft('index', tableIdentity(row.relkind, row.table), row.name, row.tablespace)]
}

/** The identity of the object that a part belongs to. */
export function tableIdentity(relkind: string, name: string): string {
  const kinds: Readonly<Record<string, string>> = { f: 'foreign-table', v: 'view', m: 'materialized-view' }
  return `${kinds[relkind] ?? 'table'} ${name}`
}
