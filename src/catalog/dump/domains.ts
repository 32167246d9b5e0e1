// Domains, with their constraints. A constraint that is not validated is added by a statement of its own, for
// CREATE DOMAIN cannot say so.

import { sql, type Sql } from '../../sql/sql.ts'
import { attributeColumns, renderAttributes, renderComment, type AttributeRow } from './attributes.ts'
import { addressOf, compareText, groupBy, type Draft } from './object.ts'
import { definition, inSchemas, named, notOfExtension, readRows, type Reading } from './reading.ts'

interface DomainRow extends AttributeRow {
  readonly oid: number
  readonly name: string
  readonly base: string
  readonly collation: string | null
  readonly default: string | null
  readonly notNull: boolean
}

interface DomainConstraintRow {
  readonly domain: number
  readonly oid: number
  readonly name: string
  readonly contype: string
  readonly validated: boolean
  readonly definition: string | null
  readonly comment: string | null
}

export async function readDomains(reading: Reading): Promise<Draft[]> {
  const rows = await readRows<DomainRow>(reading, domainQuery(reading))
  if (rows.length === 0) return []
  const constraints = groupBy(
    await readRows<DomainConstraintRow>(reading, constraintQuery(rows.map((row) => row.oid))),
    (constraint) => constraint.domain,
  )
  return rows.map((row) => render(reading, row, constraints.get(row.oid) ?? []))
}

function domainQuery(reading: Reading): Sql {
  return sql`
    select t.oid,
      format('%I.%I', n.nspname, t.typname) as name,
      format_type(t.typbasetype, t.typtypmod) as base,
      case when t.typcollation <> b.typcollation then format('%I.%I', cn.nspname, co.collname) end as collation,
      coalesce(pg_get_expr(t.typdefaultbin, 'pg_type'::regclass), t.typdefault) as default,
      t.typnotnull as "notNull",
      ${attributeColumns({ catalog: 'pg_type', oid: 't.oid', owner: 't.typowner', acl: 't.typacl', aclKind: "'T'" })}
    from pg_type t
    join pg_namespace n on n.oid = t.typnamespace
    join pg_type b on b.oid = t.typbasetype
    left join pg_collation co on co.oid = t.typcollation
    left join pg_namespace cn on cn.oid = co.collnamespace
    where ${inSchemas(reading, 't.typnamespace')}
      and ${named(reading, 't.typname')}
      and t.typtype = 'd'
      and ${notOfExtension('pg_type', 't.oid')}`
}

function constraintQuery(domains: readonly number[]): Sql {
  return sql`
    select c.contypid as domain, c.oid, c.contype,
      quote_ident(c.conname) as name,
      c.convalidated as validated,
      pg_get_constraintdef(c.oid) as definition,
      obj_description(c.oid, 'pg_constraint') as comment
    from pg_constraint c
    where c.contypid = any(${domains}::oid[])`
}

function render(reading: Reading, row: DomainRow, constraints: readonly DomainConstraintRow[]): Draft {
  const sorted = constraints.toSorted((left, right) => compareText(left.name, right.name))
  const written = (constraint: DomainConstraintRow): string =>
    `constraint ${constraint.name} ${definition(constraint.definition, `The constraint ${constraint.name} of ${row.name}`)}`
  // From 17 on NOT NULL is a constraint with a name.
  const bareNotNull = row.notNull && !constraints.some((constraint) => constraint.contype === 'n')
  const clauses = [
    ...(row.collation === null ? [] : [`collate ${row.collation}`]),
    ...(row.default === null ? [] : [`default ${row.default}`]),
    ...(bareNotNull ? ['not null'] : []),
    ...sorted.filter((constraint) => constraint.validated).map(written),
  ]
  const attributes = renderAttributes(reading, { noun: 'domain', name: row.name }, row)
  return {
    kind: 'domain',
    identity: `domain ${row.name}`,
    statements: [
      [`create domain ${row.name} as ${row.base}`, ...clauses].join('\n  ') + ';',
      ...sorted
        .filter((constraint) => !constraint.validated)
        .map((late) => `alter domain ${row.name} add ${written(late)};`),
      ...sorted.flatMap((constraint) =>
        renderComment(reading, `constraint ${constraint.name} on domain ${row.name}`, constraint.comment),
      ),
      ...attributes.statements,
    ],
    roles: attributes.roles,
    addresses: [
      addressOf('pg_type', row.oid),
      ...constraints.map((constraint) => addressOf('pg_constraint', constraint.oid)),
    ],
  }
}
