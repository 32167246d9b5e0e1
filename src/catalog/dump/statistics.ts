// Extended statistics.

import { sql, type Sql } from '../../sql/sql.ts'
import { attributeColumns, renderAttributes, type AttributeRow } from './attributes.ts'
import { tableIdentity } from './indexes.ts'
import { addressOf, type Draft } from './object.ts'
import { definition, inSchemas, notOfExtension, ofRelation, readRows, type Reading } from './reading.ts'

interface StatisticsRow extends AttributeRow {
  readonly oid: number
  readonly name: string
  readonly table: string
  readonly relkind: string
  readonly definition: string | null
  readonly target: number
}

export async function readStatistics(reading: Reading): Promise<Draft[]> {
  const rows = await readRows<StatisticsRow>(reading, query(reading))
  return rows.map((row) => render(reading, row))
}

function query(reading: Reading): Sql {
  return sql`
    select s.oid,
      format('%I.%I', sn.nspname, s.stxname) as name,
      format('%I.%I', n.nspname, c.relname) as table,
      c.relkind,
      pg_get_statisticsobjdef(s.oid) as definition,
      coalesce(s.stxstattarget, -1)::int4 as target,
      ${attributeColumns({ catalog: 'pg_statistic_ext', oid: 's.oid', owner: 's.stxowner' })}
    from pg_statistic_ext s
    join pg_namespace sn on sn.oid = s.stxnamespace
    join pg_class c on c.oid = s.stxrelid
    join pg_namespace n on n.oid = c.relnamespace
    where ${inSchemas(reading, 's.stxnamespace')}
      and ${ofRelation(reading, 's.stxrelid')}
      and ${notOfExtension('pg_statistic_ext', 's.oid')}`
}

function render(reading: Reading, row: StatisticsRow): Draft {
  const attributes = renderAttributes(reading, { noun: 'statistics', name: row.name }, row)
  return {
    kind: 'statistics',
    identity: `statistics ${row.name}`,
    parent: tableIdentity(row.relkind, row.table),
    statements: [
      `${definition(row.definition, `The statistics ${row.name}`)};`,
      ...(row.target === -1 ? [] : [`alter statistics ${row.name} set statistics ${row.target};`]),
      ...attributes.statements,
    ],
    roles: attributes.roles,
    addresses: [addressOf('pg_statistic_ext', row.oid)],
  }
}
