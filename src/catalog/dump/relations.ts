// Tables, foreign tables, views and materialized views as rows, with their inheritance: what tables.ts and views.ts
// render. One query for each catalog, whatever the number of tables.

import { sql, type Sql } from '../../sql/sql.ts'
import { attributeColumns, type AttributeRow } from './attributes.ts'
import { readColumns, type ColumnsOf } from './columns.ts'
import { groupBy } from './object.ts'
import { inSchemas, notOfExtension, ofRelation, readRows, type Reading } from './reading.ts'
import { readSequenceRows, type SequenceRow } from './sequences.ts'

export interface RelationRow extends AttributeRow {
  readonly oid: number
  /** 'r', 'p', 'f', 'v' or 'm' */
  readonly relkind: string
  readonly schema: string
  /** Qualified. */
  readonly name: string
  readonly persistence: string
  readonly isPartition: boolean
  readonly partitionKey: string | null
  readonly bound: string | null
  /** The composite type of a typed table. */
  readonly ofType: string | null
  readonly options: readonly string[]
  readonly accessMethod: string | null
  readonly tablespace: string | null
  /** 'd' (primary key), 'n' (nothing), 'f' (full) or 'i' (an index). */
  readonly replicaIdentity: string
  readonly rowSecurity: boolean
  readonly forceRowSecurity: boolean
  readonly populated: boolean
  readonly viewDefinition: string | null
  readonly server: string | null
  readonly foreignOptions: readonly string[] | null
}

interface InheritanceRow {
  readonly child: number
  readonly parent: number
  readonly parentName: string
  readonly detachPending: boolean
}

export interface Relations {
  readonly rows: readonly RelationRow[]
  readonly columnsOf: ColumnsOf
  /** In the order of inheritance. */
  readonly parentsOf: (relation: number) => readonly InheritanceRow[]
  readonly sequencesOf: (relation: number) => readonly SequenceRow[]
  /** Those that are no identity sequences. */
  readonly sequences: readonly SequenceRow[]
}

export async function readRelations(reading: Reading): Promise<Relations> {
  const rows = await readRows<RelationRow>(reading, relationQuery(reading))
  const oids = rows.map((row) => row.oid)
  const inheritance = await readRows<InheritanceRow>(reading, inheritanceQuery(oids))
  const parentsOf = groupBy(inheritance, (row) => row.child)
  // The columns of a parent decide how its child is written, even where the parent itself is not read.
  const partitions = new Set(rows.filter((row) => row.isPartition).map((row) => row.oid))
  const parents = inheritance.filter((row) => !partitions.has(row.child)).map((row) => row.parent)
  const columnsOf = await readColumns(reading, [...new Set([...oids, ...parents])])
  const sequences = await readSequenceRows(reading)
  const owned = groupBy(sequences, (sequence) => sequence.relation)
  return {
    rows,
    columnsOf,
    parentsOf: (relation) => parentsOf.get(relation) ?? [],
    sequencesOf: (relation) => owned.get(relation) ?? [],
    sequences: sequences.filter(
      (row) => !row.isIdentity && (reading.relations === undefined || reading.relations.includes(row.oid)),
    ),
  }
}

function relationQuery(reading: Reading): Sql {
  return sql`
    select c.oid, c.relkind,
      quote_ident(n.nspname) as schema,
      format('%I.%I', n.nspname, c.relname) as name,
      c.relpersistence as persistence,
      c.relispartition as "isPartition",
      case when c.relkind = 'p' then pg_get_partkeydef(c.oid) end as "partitionKey",
      pg_get_expr(c.relpartbound, c.oid) as bound,
      case when c.reloftype <> 0 then format_type(c.reloftype, null) end as "ofType",
      coalesce(c.reloptions, '{}') || array(
        select 'toast.' || o
        from unnest(t.reloptions) o
      ) as options,
      case when am.amname <> 'heap' then quote_ident(am.amname) end as "accessMethod",
      quote_ident(ts.spcname) as tablespace,
      c.relreplident as "replicaIdentity",
      c.relrowsecurity as "rowSecurity",
      c.relforcerowsecurity as "forceRowSecurity",
      c.relispopulated as populated,
      case when c.relkind in ('v', 'm') then pg_get_viewdef(c.oid) end as "viewDefinition",
      quote_ident(fs.srvname) as server,
      f.ftoptions as "foreignOptions",
      ${attributeColumns({ catalog: 'pg_class', oid: 'c.oid', owner: 'c.relowner', acl: 'c.relacl', aclKind: "'r'" })}
    from pg_class c
    join pg_namespace n on n.oid = c.relnamespace
    left join pg_class t on t.oid = c.reltoastrelid
    left join pg_am am on am.oid = c.relam
    left join pg_tablespace ts on ts.oid = c.reltablespace
    left join pg_foreign_table f on f.ftrelid = c.oid
    left join pg_foreign_server fs on fs.oid = f.ftserver
    where ${inSchemas(reading, 'c.relnamespace')}
      and ${ofRelation(reading, 'c.oid')}
      and c.relkind in ('r', 'p', 'f', 'v', 'm')
      and ${notOfExtension('pg_class', 'c.oid')}`
}

function inheritanceQuery(relations: readonly number[]): Sql {
  return sql`
    select i.inhrelid as child, i.inhparent as parent,
      format('%I.%I', n.nspname, p.relname) as "parentName",
      i.inhdetachpending as "detachPending"
    from pg_inherits i
    join pg_class p on p.oid = i.inhparent
    join pg_namespace n on n.oid = p.relnamespace
    where i.inhrelid = any(${relations}::oid[])
    order by i.inhrelid, i.inhseqno`
}
