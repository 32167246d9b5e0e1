// Publications. They are bound to the oid too, and a partitioned table is published under its own name only
// `publish_via_partition_root`: without it subscribers get changes of partitions that they do not have. That is a
// setting of the whole publication, so it is changed only by consent.
//
// A copy is written before it has its name. A publication of everything (FOR ALL TABLES, TABLES IN SCHEMA) would send
// those rows to subscribers under a name that they do not know, and stop them: refused for `copy`.

import { readRows } from '../../../catalog/dump/reading.ts'
import { sql } from '../../../sql/sql.ts'
import type { Bound } from './context.ts'
import { carried, refused, withConsent, type BoundItem } from './item.ts'

interface PublicationRow {
  readonly name: string
  readonly viaRoot: boolean
  /** How the table is in it. */
  readonly by: 'name' | 'all tables' | 'schema'
  /** ' (id, at)', ' where (…)'; empty: none. */
  readonly columns: string
  readonly filter: string
}

export async function readPublications(bound: Bound): Promise<readonly BoundItem[]> {
  const { oid } = bound.row
  const rows = await readRows<PublicationRow>(
    bound.reading,
    sql`
    select quote_ident(p.pubname) as name,
      p.pubviaroot as "viaRoot",
      case when r.oid is not null then 'name' when p.puballtables then 'all tables' else 'schema' end as by,
      coalesce(' (' || (
        select string_agg(quote_ident(a.attname), ', ' order by a.attnum)
        from pg_attribute a
        where a.attrelid = r.prrelid
          and a.attnum = any(r.prattrs)
      ) || ')', '') as columns,
      coalesce(' where (' || pg_get_expr(r.prqual, r.prrelid) || ')', '') as filter
    from pg_publication p
    left join pg_publication_rel r on r.prpubid = p.oid and r.prrelid = ${oid}::oid
    where r.oid is not null
      or p.puballtables
      or exists (
        select
        from pg_publication_namespace m
        join pg_class c on c.relnamespace = m.pnnspid
        where m.pnpubid = p.oid
          and c.oid = ${oid}::oid
      )
    order by p.pubname collate "C"`,
  )
  return rows.map((row) => render(bound, row))
}

function render(bound: Bound, row: PublicationRow): BoundItem {
  const told = { kind: 'publication', name: row.name }
  if (row.by !== 'name' && bound.subject.method === 'copy') {
    const what = row.by === 'schema' ? 'every table of the schema' : 'every table'
    return refused(
      {
        ...told,
        how: `It publishes ${what}: subscribers would be sent the copy, under a name they do not know, and stop.`,
      },
      'List the tables of the publication by name while the conversion runs.',
    )
  }
  const viaRoot = row.viaRoot ? [] : [`alter publication ${row.name} set (publish_via_partition_root = true)`]
  const member = row.by === 'name'
  const given = carried(
    {
      ...told,
      how: `${row.viaRoot ? 'The new table is in it' : 'It publishes by the root, and the new table is in it'}, under the name that subscribers know.`,
    },
    {
      statements: {
        ...(member ? { release: [`alter publication ${row.name} drop table ${bound.self}`] } : {}),
        adopt: [
          ...viaRoot,
          ...(member ? [`alter publication ${row.name} add table ${bound.self}${row.columns}${row.filter}`] : []),
        ],
      },
    },
  )
  if (row.viaRoot) return given
  return withConsent(
    bound.subject.accept,
    {
      ...told,
      consent: 'publish-via-root',
      how: 'It publishes partitions under their own names, which subscribers do not have.',
      wayOut:
        'Accept publish-via-root: it sets publish_via_partition_root, for every partitioned table in the publication.',
    },
    given,
  )
}
