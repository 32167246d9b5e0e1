// Enumerations, composite types, ranges and shell types. Base types are written in C: unsupported.ts reports them.

import { sql, type Sql } from '../../sql/sql.ts'
import { attributeColumns, renderAttributes, renderComment, type AttributeRow } from './attributes.ts'
import { quoteLiteral } from '../../sql/quote.ts'
import { addressOf, groupBy, type Draft } from './object.ts'
import { inSchemas, named, notOfExtension, readRows, type Reading } from './reading.ts'

interface TypeRow extends AttributeRow {
  readonly oid: number
  readonly relation: number
  readonly typtype: string
  readonly defined: boolean
  readonly name: string
  readonly labels: readonly string[]
  readonly range: readonly string[] | null
}

interface FieldRow {
  readonly relation: number
  readonly name: string
  readonly type: string
  readonly collation: string | null
  readonly comment: string | null
}

export async function readTypes(reading: Reading): Promise<Draft[]> {
  const rows = await readRows<TypeRow>(reading, typeQuery(reading))
  const relations = rows.map((row) => row.relation).filter((oid) => oid !== 0)
  const fields = relations.length === 0 ? [] : await readRows<FieldRow>(reading, fieldQuery(relations))
  const fieldsOf = groupBy(fields, (field) => field.relation)
  return rows.map((row) => render(reading, row, fieldsOf.get(row.relation) ?? []))
}

function typeQuery(reading: Reading): Sql {
  return sql`
    select t.oid, t.typrelid as relation, t.typtype, t.typisdefined as defined,
      format('%I.%I', n.nspname, t.typname) as name,
      array(
        select e.enumlabel::text
        from pg_enum e
        where e.enumtypid = t.oid
        order by e.enumsortorder
      ) as labels,
      ${rangeColumn()} as range,
      ${attributeColumns({ catalog: 'pg_type', oid: 't.oid', owner: 't.typowner', acl: 't.typacl', aclKind: "'T'" })}
    from pg_type t
    join pg_namespace n on n.oid = t.typnamespace
    left join pg_class c on c.oid = t.typrelid
    where ${inSchemas(reading, 't.typnamespace')}
      and ${named(reading, 't.typname')}
      and (t.typtype in ('e', 'r') or (t.typtype = 'c' and c.relkind = 'c') or not t.typisdefined)
      and ${notOfExtension('pg_type', 't.oid')}`
}

/** The parameters of CREATE TYPE … AS RANGE; those that equal the default are left out. */
function rangeColumn(): Sql {
  return sql.raw(`(
        select array_remove(array[
          'subtype = ' || format_type(r.rngsubtype, null),
          case when not o.opcdefault then format('subtype_opclass = %I.%I', opcn.nspname, o.opcname) end,
          case when r.rngcollation <> s.typcollation then format('collation = %I.%I', colln.nspname, co.collname) end,
          case when r.rngcanonical <> 0 then 'canonical = ' || r.rngcanonical::regproc end,
          case when r.rngsubdiff <> 0 then 'subtype_diff = ' || r.rngsubdiff::regproc end,
          'multirange_type_name = ' || format('%I.%I', mn.nspname, m.typname)
        ], null)
        from pg_range r
        join pg_type s on s.oid = r.rngsubtype
        join pg_opclass o on o.oid = r.rngsubopc
        join pg_namespace opcn on opcn.oid = o.opcnamespace
        join pg_type m on m.oid = r.rngmultitypid
        join pg_namespace mn on mn.oid = m.typnamespace
        left join pg_collation co on co.oid = r.rngcollation
        left join pg_namespace colln on colln.oid = co.collnamespace
        where r.rngtypid = t.oid
      )`)
}

function fieldQuery(relations: readonly number[]): Sql {
  return sql`
    select a.attrelid as relation,
      quote_ident(a.attname) as name,
      format_type(a.atttypid, a.atttypmod) as type,
      case when a.attcollation <> t.typcollation then format('%I.%I', n.nspname, co.collname) end as collation,
      col_description(a.attrelid, a.attnum) as comment
    from pg_attribute a
    join pg_type t on t.oid = a.atttypid
    left join pg_collation co on co.oid = a.attcollation
    left join pg_namespace n on n.oid = co.collnamespace
    where a.attrelid = any(${relations}::oid[])
      and a.attnum > 0
      and not a.attisdropped
    order by a.attrelid, a.attnum`
}

function render(reading: Reading, row: TypeRow, fields: readonly FieldRow[]): Draft {
  const attributes = renderAttributes(reading, { noun: 'type', name: row.name }, row)
  const kind = !row.defined || row.typtype === 'c' ? 'type' : row.typtype === 'e' ? 'enum' : 'range'
  return {
    kind,
    identity: `${kind} ${row.name}`,
    statements: [
      `create type ${row.name}${row.defined ? body(row, fields) : ''};`,
      ...fields.flatMap((field) => renderComment(reading, `column ${row.name}.${field.name}`, field.comment)),
      ...attributes.statements,
    ],
    roles: attributes.roles,
    addresses: [addressOf('pg_type', row.oid), ...(row.relation === 0 ? [] : [addressOf('pg_class', row.relation)])],
  }
}

function body(row: TypeRow, fields: readonly FieldRow[]): string {
  if (row.typtype === 'e') return ` as enum (${block(row.labels.map(quoteLiteral))})`
  if (row.typtype === 'r') return ` as range (${block(row.range ?? [])})`
  return ` as (${block(fields.map(({ name, type, collation }) => `${name} ${type}${collation === null ? '' : ` collate ${collation}`}`))})`
}

/** One item a line, so that a difference is one line. */
export function block(items: readonly string[]): string {
  return items.length === 0 ? '' : `\n  ${items.join(',\n  ')}\n`
}
