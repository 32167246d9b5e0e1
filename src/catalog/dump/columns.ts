// Columns of tables, foreign tables, views and materialized views: one query for all of them. A dropped column leaves
// no trace; the order is that of attnum.

import { sql, type Sql } from '../../sql/sql.ts'
import { grantsColumn, renderComment, renderGrants, type Rendered } from './attributes.ts'
import { groupBy } from './object.ts'
import { readRows, type Reading } from './reading.ts'
import { renderForeignOptions, renderOptions, isHarmlessOption } from './storage.ts'

export interface ColumnRow {
  readonly relation: number
  readonly number: number
  readonly name: string
  readonly type: string
  readonly collation: string | null
  /** oid of its pg_attrdef */
  readonly defaultOid: number | null
  /** The default, or what a generated column is computed from. */
  readonly expression: string | null
  /** '', 's' (stored) or 'v' (virtual). */
  readonly generated: string
  /** '', 'a' (always) or 'd' (by default). */
  readonly identity: string
  readonly notNull: boolean
  /** From 18 on NOT NULL is a constraint; null before, and where it is not validated. */
  readonly notNullName: string | null
  /** It needs no name: there are none before 18, or it is `table_column_not_null`, which it gets by itself. */
  readonly notNullPlain: boolean
  readonly notNullLocal: boolean
  readonly notNullNoInherit: boolean
  readonly storage: string
  readonly typeStorage: string
  readonly compression: string
  readonly statistics: number
  readonly options: readonly string[] | null
  readonly foreignOptions: readonly string[] | null
  readonly local: boolean
  /** The default calls a function that needs this table's row type. */
  readonly circular: boolean
  readonly grants: readonly string[] | null
  readonly comment: string | null
}

export type ColumnsOf = (relation: number) => readonly ColumnRow[]

export async function readColumns(reading: Reading, relations: readonly number[]): Promise<ColumnsOf> {
  const rows = await readRows<ColumnRow>(reading, query(reading, relations))
  const columns = groupBy(rows, (row) => row.relation)
  return (relation) => columns.get(relation) ?? []
}

function query(reading: Reading, relations: readonly number[]): Sql {
  return sql`
    select a.attrelid as relation, a.attnum::int4 as number,
      quote_ident(a.attname) as name,
      format_type(a.atttypid, a.atttypmod) as type,
      case when a.attcollation <> t.typcollation then format('%I.%I', cn.nspname, co.collname) end as collation,
      d.oid as "defaultOid",
      pg_get_expr(d.adbin, d.adrelid) as expression,
      a.attgenerated as generated,
      a.attidentity as identity,
      a.attnotnull as "notNull",
      ${notNullColumns(reading)},
      a.attstorage as storage,
      t.typstorage as "typeStorage",
      a.attcompression as compression,
      coalesce(a.attstattarget, -1)::int4 as statistics,
      a.attoptions::text[] as options,
      a.attfdwoptions::text[] as "foreignOptions",
      a.attislocal as local,
      d.oid is not null and a.attgenerated = '' and ${circular()} as circular,
      ${grantsColumn('a.attacl', "acldefault('c', c.relowner)", 'c.relowner')} as grants,
      p.description as comment
    from pg_attribute a
    join pg_class c on c.oid = a.attrelid
    join pg_type t on t.oid = a.atttypid
    left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
    left join pg_collation co on co.oid = a.attcollation
    left join pg_namespace cn on cn.oid = co.collnamespace
    left join pg_description p on p.classoid = 'pg_class'::regclass and p.objoid = a.attrelid and p.objsubid = a.attnum
    ${reading.version >= 180_000 ? notNullJoin() : sql``}
    where a.attrelid = any(${relations}::oid[])
      and a.attnum > 0
      and not a.attisdropped
    order by a.attrelid, a.attnum`
}

function notNullColumns(reading: Reading): Sql {
  if (reading.version < 180_000) {
    return sql`null::text as "notNullName", true as "notNullPlain", true as "notNullLocal", false as "notNullNoInherit"`
  }
  return sql`quote_ident(nn.conname) as "notNullName",
      coalesce(nn.conname::text = c.relname || '_' || a.attname || '_not_null', false) as "notNullPlain",
      coalesce(nn.conislocal, true) as "notNullLocal",
      coalesce(nn.connoinherit, false) as "notNullNoInherit"`
}

function notNullJoin(): Sql {
  return sql`left join pg_constraint nn on nn.conrelid = a.attrelid
      and nn.contype = 'n'
      and nn.conkey[1] = a.attnum
      and nn.convalidated`
}

function circular(): Sql {
  return sql`exists (
        select
        from pg_depend calls
        join pg_depend needs on needs.classid = 'pg_proc'::regclass and needs.objid = calls.refobjid
        left join pg_type nt on nt.oid = needs.refobjid and needs.refclassid = 'pg_type'::regclass
        left join pg_type element on element.oid = nt.typelem
        where calls.classid = 'pg_attrdef'::regclass
          and calls.objid = d.oid
          and calls.refclassid = 'pg_proc'::regclass
          and c.oid in (
            case when needs.refclassid = 'pg_class'::regclass then needs.refobjid end,
            nt.typrelid,
            element.typrelid
          )
      )`
}

export interface ColumnContext {
  readonly reading: Reading
  /** Quoted and qualified. */
  readonly table: string
  readonly owner: string
  /** The columns that a parent gives this one, where the table is made with INHERITS. */
  readonly inherited: (name: string) => readonly ColumnRow[]
}

/** `name type collate … default … not null`, as CREATE TABLE takes it. */
export function renderColumn(column: ColumnRow, identity: string | undefined): string {
  return [`${column.name} ${column.type}`, ...columnClauses(column, identity)].join(' ')
}

/** The same for a table of a composite type, where the type gives name and type; undefined where there is nothing to add. */
export function renderTypedColumn(column: ColumnRow, identity: string | undefined): string | undefined {
  const clauses = columnClauses({ ...column, collation: null }, identity)
  return clauses.length === 0 ? undefined : [`${column.name} with options`, ...clauses].join(' ')
}

function columnClauses(column: ColumnRow, identity: string | undefined): string[] {
  return [
    ...(column.foreignOptions === null ? [] : [renderForeignOptions(column.foreignOptions, isHarmlessOption).trim()]),
    ...(column.collation === null ? [] : [`collate ${column.collation}`]),
    ...valueClause(column, identity),
    ...notNullClause(column),
  ]
}

function valueClause(column: ColumnRow, identity: string | undefined): string[] {
  if (identity !== undefined) return [identity]
  if (column.expression === null || column.circular) return []
  if (column.generated === '') return [`default ${column.expression}`]
  return [`generated always as (${column.expression}) ${column.generated === 'v' ? 'virtual' : 'stored'}`]
}

function notNullClause(column: ColumnRow): string[] {
  if (!column.notNull || (column.notNullName === null && !column.notNullPlain)) return []
  const name = column.notNullPlain ? '' : `constraint ${column.notNullName ?? ''} `
  return [`${name}not null${column.notNullNoInherit ? ' no inherit' : ''}`]
}

const storages: Readonly<Record<string, string>> = { p: 'plain', e: 'external', m: 'main', x: 'extended' }
const compressions: Readonly<Record<string, string>> = { p: 'pglz', l: 'lz4' }

/** What CREATE TABLE does not say of a column: `alter table only …`, then comment and grants. */
export function renderColumnSettings(column: ColumnRow, context: ColumnContext): Rendered {
  const parents = context.inherited(column.name)
  const alter = `alter table only ${context.table} alter column ${column.name}`
  const storage = parents[0]?.storage ?? column.typeStorage
  const compression = parents[0]?.compression ?? ''
  const statements = [
    ...(column.storage === storage ? [] : [`${alter} set storage ${storages[column.storage] ?? 'default'};`]),
    ...(column.compression === compression
      ? []
      : [`${alter} set compression ${compressions[column.compression] ?? 'default'};`]),
    ...(column.statistics === -1 ? [] : [`${alter} set statistics ${column.statistics};`]),
    ...(column.options === null ? [] : [`${alter} set (${renderOptions(column.options)});`]),
    ...renderComment(context.reading, `column ${context.table}.${column.name}`, column.comment),
  ]
  const granted = renderGrants(context.reading, {
    on: `table ${context.table}`,
    owner: context.owner,
    grants: column.grants,
    column: column.name,
  })
  return { statements: [...statements, ...granted.statements], roles: granted.roles }
}
