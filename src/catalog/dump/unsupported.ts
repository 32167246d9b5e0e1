// What is there and cannot be written as SQL here: things made of C functions, and operator classes. Each one is an
// object whose text says so; nothing is dropped in silence.

import { sql, type Sql } from '../../sql/sql.ts'
import { addressOf, type Catalog, type Draft, type ObjectKind } from './object.ts'
import { inSchemas, notOfExtension, readRows, type Reading } from './reading.ts'

interface UnsupportedRow {
  readonly oid: number
  readonly name: string
}

interface Source {
  readonly kind: ObjectKind
  readonly catalog: Catalog
  readonly what: string
  /** Columns of the catalog: namespace, and an SQL expression for the name. */
  readonly namespace?: string
  readonly name: string
  readonly where?: string
}

const sources: readonly Source[] = [
  { kind: 'language', catalog: 'pg_language', what: 'language', name: 'quote_ident(o.lanname)' },
  { kind: 'access-method', catalog: 'pg_am', what: 'access method', name: 'quote_ident(o.amname)' },
  {
    kind: 'transform',
    catalog: 'pg_transform',
    what: 'transform',
    name: `format('for %s language %I', format_type(o.trftype, null), (select lanname from pg_language l where l.oid = o.trflang))`,
  },
  {
    kind: 'conversion',
    catalog: 'pg_conversion',
    what: 'conversion',
    namespace: 'connamespace',
    name: 'quote_ident(o.conname)',
  },
  {
    kind: 'type',
    catalog: 'pg_type',
    what: 'base type',
    namespace: 'typnamespace',
    name: 'quote_ident(o.typname)',
    // Neither the array nor the multirange that comes with another type.
    where: `o.typtype = 'b' and o.typisdefined and not exists (
        select
        from pg_type element
        where element.oid = o.typelem
          and element.typarray = o.oid
      )`,
  },
  {
    kind: 'text-search-parser',
    catalog: 'pg_ts_parser',
    what: 'text search parser',
    namespace: 'prsnamespace',
    name: 'quote_ident(o.prsname)',
  },
  {
    kind: 'text-search-template',
    catalog: 'pg_ts_template',
    what: 'text search template',
    namespace: 'tmplnamespace',
    name: 'quote_ident(o.tmplname)',
  },
  {
    kind: 'operator-family',
    catalog: 'pg_opfamily',
    what: 'operator family',
    namespace: 'opfnamespace',
    name: `quote_ident(o.opfname) || ' using ' || (select amname from pg_am am where am.oid = o.opfmethod)`,
  },
  {
    kind: 'operator-class',
    catalog: 'pg_opclass',
    what: 'operator class',
    namespace: 'opcnamespace',
    name: `quote_ident(o.opcname) || ' using ' || (select amname from pg_am am where am.oid = o.opcmethod)`,
  },
]

export async function readUnsupported(reading: Reading): Promise<Draft[]> {
  if (reading.names !== undefined) return []
  const drafts: Draft[] = []
  for (const source of sources) {
    if (source.namespace === undefined && !reading.whole) continue
    const rows = await readRows<UnsupportedRow>(reading, query(reading, source))
    drafts.push(...rows.map((row) => render(source, row)))
  }
  return drafts
}

function query(reading: Reading, source: Source): Sql {
  const within = source.namespace === undefined ? sql`true` : inSchemas(reading, `o.${source.namespace}`)
  const prefix =
    source.namespace === undefined
      ? sql``
      : sql.raw(`(select quote_ident(n.nspname) || '.' from pg_namespace n where n.oid = o.${source.namespace}) || `)
  return sql`
    select o.oid, ${prefix}${sql.raw(source.name)} as name
    from ${sql.raw(source.catalog)} o
    where ${within}
      and ${sql.raw(source.where ?? 'true')}
      and ${notOfExtension(source.catalog, 'o.oid')}`
}

function render(source: Source, row: UnsupportedRow): Draft {
  return {
    kind: source.kind,
    identity: `${source.kind} ${row.name}`,
    statements: [`-- not reproduced: ${source.what} ${row.name}`],
    reproduced: false,
    addresses: [addressOf(source.catalog, row.oid)],
  }
}
