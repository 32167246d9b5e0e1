// The new parent itself: its columns with all that is said of them, its owner, comment and grants. Made in `prepare`;
// nothing of it is valid for one row less or more than the old table's columns, but for what it is divided by, which
// has to be there in every row.
//
// A default privilege would give the new table grants that the old one does not have: they are taken away first.

import { renderAttributes } from '../../../catalog/dump/attributes.ts'
import { renderColumn, renderColumnSettings, type ColumnRow } from '../../../catalog/dump/columns.ts'
import { readRows } from '../../../catalog/dump/reading.ts'
import { renderOptions } from '../../../catalog/dump/storage.ts'
import { sql } from '../../../sql/sql.ts'
import { bare, type Bound } from './context.ts'
import { carried, type BoundItem, type LeafSettings } from './item.ts'
import {
  isNeverNull,
  nameOfNotNull,
  readNotNulls,
  renderNotNulls,
  requiredColumns,
  setNotNull,
  type NotNullRow,
} from './not-nulls.ts'

export async function readTable(bound: Bound): Promise<readonly BoundItem[]> {
  const { reading, row, incoming } = bound
  const required = requiredColumns(bound)
  const notNulls = await readNotNulls(bound)
  const newlyRequired = bound.columns
    .filter((column) => required.includes(column.name) && !isNeverNull(column))
    .map((column) => column.name)
  const attributes = renderAttributes(
    { ...reading, owners: true },
    { noun: 'table', name: incoming, grantNoun: 'table' },
    row,
  )
  const settings = bound.columns.flatMap(
    (column) =>
      renderColumnSettings(column, {
        reading: { ...reading, owners: true },
        table: incoming,
        owner: row.owner,
        inherited: () => [],
      }).statements,
  )
  const leaf = readLeafSettings(bound)
  const table = carried(
    {
      kind: 'table',
      name: bound.self,
      how: `A partitioned table with the same columns, owner, grants and comments takes its place.${describeOptions(leaf)}`,
    },
    {
      statements: {
        prepare: [
          createTable(bound, notNulls),
          ...(await revocations(bound, 'r', incoming)),
          ...[...attributes.statements, ...settings].map(bare),
          // Whoever makes partitions later asks the parent.
          ...(leaf.replicaIdentity === undefined
            ? []
            : [`alter table only ${incoming} replica identity ${leaf.replicaIdentity}`]),
        ],
        // A primary key that takes over an index wants it; the validated check that is there spares the scan.
        ...(bound.subject.method === 'relabel'
          ? { release: newlyRequired.map((name) => setNotNull(bound.self, name, notNulls)) }
          : {}),
        adopt: rowSecurity(bound),
      },
      leaf,
      notNull: newlyRequired,
    },
  )
  return [table, ...renderNotNulls(bound, notNulls)]
}

function readLeafSettings(bound: Bound): LeafSettings {
  const { row } = bound
  return {
    owner: row.owner,
    options: renderOptions(row.options),
    columns: bound.columns.flatMap(leafColumn),
    replicaIdentity: row.replicaIdentity === 'f' ? 'full' : row.replicaIdentity === 'n' ? 'nothing' : undefined,
  }
}

function describeOptions({ options }: LeafSettings): string {
  if (options === '') return ''
  return ` Its storage options (${options}) go to the partitions that are made now; \`storage\` is for those made later.`
}

function createTable(bound: Bound, notNulls: readonly NotNullRow[]): string {
  const { row, subject, reading } = bound
  const required = requiredColumns(bound)
  const columns = bound.columns.map((column) => {
    const named = reading.version >= 180_000
    const needed = required.includes(column.name) && !isNeverNull(column)
    const notNullName = needed ? nameOfNotNull(bound, column, notNulls) : column.notNullName
    return `  ${renderColumn(
      {
        ...column,
        notNull: column.notNull || needed,
        notNullName: named ? notNullName : null,
        notNullPlain: !named,
        notNullNoInherit: false,
      },
      undefined,
    )}`
  })
  const [key] = bound.partitionColumns
  const strategy = subject.layout.kind === 'hash' ? 'hash' : 'range'
  return [
    `create table if not exists ${bound.incoming} (\n${columns.join(',\n')}\n)`,
    `partition by ${strategy} (${key ?? ''})`,
    ...(row.accessMethod === null ? [] : [`using ${row.accessMethod}`]),
    ...(row.tablespace === null ? [] : [`tablespace ${row.tablespace}`]),
  ].join('\n')
}

function leafColumn(column: ColumnRow): string[] {
  return [
    ...(column.statistics === -1 ? [] : [`${column.name} set statistics ${column.statistics}`]),
    ...(column.options === null ? [] : [`${column.name} set (${renderOptions(column.options)})`]),
  ]
}

function rowSecurity(bound: Bound): readonly string[] {
  const alter = `alter table ${bound.self}`
  return [
    ...(bound.row.rowSecurity ? [`${alter} enable row level security`] : []),
    ...(bound.row.forceRowSecurity ? [`${alter} force row level security`] : []),
  ]
}

/** Takes from a new object of the one who makes it what default privileges give. `kind`: 'r' or 'S'. */
export async function revocations(bound: Bound, kind: 'r' | 'S', name: string): Promise<readonly string[]> {
  const { others, makers } = await readDefaultGrants(bound, kind)
  const on = kind === 'r' ? `table ${name}` : `sequence ${name}`
  return [
    ...others.map((grantee) => `revoke all on ${on} from ${grantee}`),
    ...makers.map((maker) => `grant all on ${on} to ${maker}`),
  ]
}

interface DefaultGrants {
  /** As SQL writes them. */
  readonly others: readonly string[]
  readonly makers: readonly string[]
}

async function readDefaultGrants(bound: Bound, kind: 'r' | 'S'): Promise<DefaultGrants> {
  const rows = await readRows<{ grantee: string; maker: string }>(
    bound.reading,
    sql`
    select distinct quote_ident(pg_get_userbyid(d.defaclrole)) as maker,
      case a.grantee when 0 then 'public' else quote_ident(pg_get_userbyid(a.grantee)) end as grantee
    from pg_default_acl d, aclexplode(d.defaclacl) a
    where d.defaclobjtype = ${kind}
      and d.defaclrole in (
        select oid
        from pg_roles
        where rolname = current_user
          or quote_ident(rolname) = ${bound.row.owner}
      )
      and d.defaclnamespace in (0, (
        select relnamespace
        from pg_class
        where oid = ${bound.row.oid}::oid
      ))
    order by grantee`,
  )
  const others = rows.filter((row) => row.grantee !== row.maker).map((row) => row.grantee)
  return { others: [...new Set(others)], makers: [...new Set(rows.map((row) => row.maker))] }
}
