// Publications, with row filters and lists of columns. Subscriptions hold passwords and are not read.

import { quoteLiteral } from '../../sql/quote.ts'
import { sql, type Sql } from '../../sql/sql.ts'
import { attributeColumns, renderAttributes, type AttributeRow } from './attributes.ts'
import { addressOf, type Draft } from './object.ts'
import { named, notOfExtension, readRows, type Reading } from './reading.ts'

interface PublicationRow extends AttributeRow {
  readonly oid: number
  readonly name: string
  readonly allTables: boolean
  readonly publish: readonly string[]
  readonly viaRoot: boolean
  /** 'n' (none) or 's' (stored). */
  readonly generatedColumns: string
  /** 'table public.plays (id) where (…)', 'tables in schema app' */
  readonly members: readonly string[]
}

export async function readPublications(reading: Reading): Promise<Draft[]> {
  if (!reading.whole) return []
  const rows = await readRows<PublicationRow>(reading, query(reading))
  return rows.map((row) => render(reading, row))
}

function query(reading: Reading): Sql {
  const generated = reading.version >= 180_000 ? sql`p.pubgencols` : sql`'n'`
  return sql`
    select p.oid,
      quote_ident(p.pubname) as name,
      p.puballtables as "allTables",
      array_remove(array[
        case when p.pubinsert then 'insert' end,
        case when p.pubupdate then 'update' end,
        case when p.pubdelete then 'delete' end,
        case when p.pubtruncate then 'truncate' end
      ], null) as publish,
      p.pubviaroot as "viaRoot",
      ${generated} as "generatedColumns",
      array(${memberQuery()}) as members,
      ${attributeColumns({ catalog: 'pg_publication', oid: 'p.oid', owner: 'p.pubowner' })}
    from pg_publication p
    where ${named(reading, 'p.pubname')}
      and ${notOfExtension('pg_publication', 'p.oid')}`
}

function memberQuery(): Sql {
  return sql`
        select member
        from (
          select format('table only %I.%I', n.nspname, c.relname)
            || coalesce(
              ' (' || (
                select string_agg(quote_ident(a.attname), ', ' order by a.attnum)
                from pg_attribute a
                where a.attrelid = r.prrelid
                  and a.attnum = any(r.prattrs)
              ) || ')', '')
            || coalesce(' where (' || pg_get_expr(r.prqual, r.prrelid) || ')', '') as member
          from pg_publication_rel r
          join pg_class c on c.oid = r.prrelid
          join pg_namespace n on n.oid = c.relnamespace
          where r.prpubid = p.oid
          union all
          select format('tables in schema %I', n.nspname)
          from pg_publication_namespace m
          join pg_namespace n on n.oid = m.pnnspid
          where m.pnpubid = p.oid
        ) members
        order by member collate "C"`
}

function render(reading: Reading, row: PublicationRow): Draft {
  const members = row.allTables
    ? ' for all tables'
    : row.members.length === 0
      ? ''
      : ` for\n  ${row.members.join(',\n  ')}`
  const options = [
    `publish = ${quoteLiteral(row.publish.join(', '))}`,
    ...(row.viaRoot ? ['publish_via_partition_root = true'] : []),
    ...(row.generatedColumns === 's' ? ['publish_generated_columns = stored'] : []),
  ]
  const attributes = renderAttributes(reading, { noun: 'publication', name: row.name }, row)
  return {
    kind: 'publication',
    identity: `publication ${row.name}`,
    statements: [`create publication ${row.name}${members}\nwith (${options.join(', ')});`, ...attributes.statements],
    roles: attributes.roles,
    addresses: [addressOf('pg_publication', row.oid)],
  }
}
