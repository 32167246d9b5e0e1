// What the live database says about the tables that migrations name: size, traffic, columns, indexes, checks.
// Two reads of the catalog, none of user data. A name that does not exist (yet) is left out.
// Traffic is an average since the statistics were reset or the server started: bursts do not show.

import { isStrataError } from '../../base/errors.ts'
import { onlyRow, type Queryable } from '../../db/db.ts'
import { neverNull } from '../../db/not-null.ts'
import { parseSql, type ParsedStatement } from '../../sql/parse.ts'
import { quoteQualified } from '../../sql/quote.ts'
import { sql } from '../../sql/sql.ts'
import { columnsIn, droppedNames, members, notNullColumnsIn, tagged, tableOf } from './ast.ts'
import { tableKey, type TableName } from './names.ts'
import type { CheckFacts, ColumnFacts, IndexFacts, LiveFacts, TableFacts } from './types.ts'

export async function readLiveFacts(db: Queryable, statements: readonly ParsedStatement[]): Promise<LiveFacts> {
  const server = onlyRow(
    await db.query<{ version: number; timeZone: string }>(sql`
      select current_setting('server_version_num')::int / 10000 as version, current_setting('TimeZone') as "timeZone"`),
  )
  const named = namedRelations(statements)
  const rows = named.length === 0 ? [] : await readRelations(db, named)
  const facts = await Promise.all(rows.map(toFacts))
  return {
    ...server,
    tables: new Map(rows.flatMap((row, index) => entryOf(row, facts[index]))),
    indexes: new Map(
      rows.flatMap(({ key, isIndex, schema, name }): [string, TableName][] =>
        isIndex ? [[key, { schema, name }]] : [],
      ),
    ),
  }
}

/** Under the reference as written, and under the qualified name. */
function entryOf({ key, isIndex }: RelationRow, facts: TableFacts | undefined): [string, TableFacts][] {
  if (facts === undefined) return []
  const qualified: [string, TableFacts] = [tableKey({ schema: facts.schema, name: facts.name }), facts]
  return isIndex ? [qualified] : [[key, facts], qualified]
}

/** Whatever the statements name where a relation can stand, once each. */
function namedRelations(statements: readonly ParsedStatement[]): readonly TableName[] {
  const found = new Map<string, TableName>()
  const keep = (table: TableName | undefined): void => {
    if (table !== undefined && table.name !== '') found.set(tableKey(table), table)
  }
  const search = (root: unknown): void => {
    // Without recursion: a tree may be deeper than the stack.
    const open: unknown[] = [root]
    while (open.length > 0) {
      const value = open.pop()
      if (typeof value !== 'object' || value === null) continue
      if (!Array.isArray(value)) keep(tableOf(value as Readonly<Record<string, unknown>>))
      for (const below of Object.values(value)) open.push(below)
    }
  }
  for (const statement of statements) {
    search(statement.node)
    if (statement.kind === 'DropStmt') droppedNames(statement).forEach(keep)
  }
  return [...found.values()]
}

interface RelationRow {
  readonly key: string
  /** The name is that of an index; all else is about its table. */
  readonly isIndex: boolean
  readonly schema: string
  readonly name: string
  readonly relkind: string
  readonly rows: number
  readonly sizeBytes: number
  readonly writesPerSecond: number
  readonly readsPerSecond: number
  readonly columns: readonly ColumnFacts[]
  readonly indexes: readonly IndexFacts[]
  readonly checks: readonly {
    readonly name: string
    readonly validated: boolean
    readonly expression: string | null
    readonly columns: readonly string[]
  }[]
  readonly partitionKey: readonly string[]
}

async function readRelations(db: Queryable, named: readonly TableName[]): Promise<readonly RelationRow[]> {
  const keys = named.map(tableKey)
  const written = named.map((table) =>
    quoteQualified(...(table.schema === undefined ? [] : [table.schema]), table.name),
  )
  const { rows } = await db.query<RelationRow>(sql`
    with named as (
      select n.key, coalesce(i.indrelid, to_regclass(n.written)::oid) as relid, i.indexrelid is not null as is_index
      from unnest(${keys}::text[], ${written}::text[]) as n (key, written)
      left join pg_index i on i.indexrelid = to_regclass(n.written)::oid
    ), uptime as (
      select greatest(extract(epoch from now() - coalesce(stats_reset, pg_postmaster_start_time())), 1)::float8 as seconds
      from pg_stat_database
      where datname = current_database()
    )
    select named.key, named.is_index as "isIndex", s.nspname as schema, c.relname as name, c.relkind::text as relkind,
      total.rows, total.size_bytes as "sizeBytes",
      total.writes / uptime.seconds as "writesPerSecond", total.reads / uptime.seconds as "readsPerSecond",
      ${columnList} as columns, ${indexList} as indexes, ${checkList} as checks, ${partitionKey} as "partitionKey"
    from named
    join pg_class c on c.oid = named.relid
    join pg_namespace s on s.oid = c.relnamespace
    cross join uptime
    cross join lateral (
      select coalesce(sum(greatest(m.reltuples, st.n_live_tup, 0)), 0)::float8 as rows,
        coalesce(sum(pg_relation_size(m.oid) + coalesce(pg_relation_size(nullif(m.reltoastrelid, 0)), 0)), 0)::float8 as size_bytes,
        coalesce(sum(st.n_tup_ins + st.n_tup_upd + st.n_tup_del), 0)::float8 as writes,
        coalesce(sum(st.seq_scan + coalesce(st.idx_scan, 0)), 0)::float8 as reads
      from pg_class m
      left join pg_stat_all_tables st on st.relid = m.oid
      -- ANALYZE gives a partitioned table the rows of its partitions, which are counted themselves.
      where m.relkind in ('r', 'm')
        and (m.oid = c.oid or m.oid in (select p.relid from pg_partition_tree(c.oid) p))
    ) total`)
  return rows
}

const columnList = sql`(
  select coalesce(json_agg(json_build_object('name', a.attname, 'type', format_type(a.atttypid, a.atttypmod),
    'notNull', ${neverNull('a')}) order by a.attnum), '[]')
  from pg_attribute a
  where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped)`

const indexList = sql`(
  select coalesce(json_agg(json_build_object('name', ic.relname, 'unique', i.indisunique, 'valid', i.indisvalid, 'columns', (
    select coalesce(json_agg(a.attname order by k.position), '[]')
    from unnest(i.indkey::int2[]) with ordinality as k (attnum, position)
    join pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.attnum
    where k.position <= i.indnkeyatts
  ))), '[]')
  from pg_index i
  join pg_class ic on ic.oid = i.indexrelid
  where i.indrelid = c.oid)`

const checkList = sql`(
  select coalesce(json_agg(json_build_object('name', k.conname, 'validated', k.convalidated,
    'expression', pg_get_expr(k.conbin, k.conrelid), 'columns', (
      select coalesce(json_agg(a.attname), '[]')
      from pg_attribute a
      where a.attrelid = k.conrelid and a.attnum = any (k.conkey)
    ))), '[]')
  from pg_constraint k
  where k.conrelid = c.oid and k.contype in ('c', 'n'))`

const partitionKey = sql`(
  select coalesce(json_agg(a.attname order by k.position), '[]')
  from pg_partitioned_table pt
  cross join unnest(pt.partattrs::int2[]) with ordinality as k (attnum, position)
  join pg_attribute a on a.attrelid = pt.partrelid and a.attnum = k.attnum
  where pt.partrelid = c.oid)`

const kinds: Readonly<Record<string, TableFacts['kind']>> = {
  r: 'table',
  p: 'partitioned',
  v: 'view',
  m: 'matview',
  f: 'foreign',
}

async function toFacts(row: RelationRow): Promise<TableFacts> {
  const { key: _key, isIndex: _isIndex, relkind, checks, ...rest } = row
  return { ...rest, kind: kinds[relkind] ?? 'other', checks: await Promise.all(checks.map(toCheck)) }
}

async function toCheck({ name, validated, expression, columns }: RelationRow['checks'][number]): Promise<CheckFacts> {
  // Without an expression it is a NOT NULL constraint, which PostgreSQL 18 keeps by name.
  if (expression === null) return { name, validated, expression: '', columns, notNullColumns: columns }
  const parsed = await parseExpression(expression)
  return { name, validated, expression, columns: columnsIn(parsed?.node), notNullColumns: notNullColumnsIn(parsed) }
}

async function parseExpression(expression: string): Promise<ReturnType<typeof tagged>> {
  try {
    const [select] = await parseSql(`select ${expression}`)
    return tagged(members(select?.node, 'targetList', 'ResTarget')[0], 'val')
  } catch (error) {
    // Nothing is known of it then, and the worst is assumed.
    if (isStrataError(error, 'SQL_SYNTAX')) return undefined
    throw error
  }
}
