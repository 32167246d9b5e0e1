// Aggregates, put together from pg_aggregate: the server has no function that writes one. A parameter is written
// where it differs from what CREATE AGGREGATE takes by itself.

import { quoteLiteral } from '../../sql/quote.ts'
import { sql, type Sql } from '../../sql/sql.ts'
import { attributeColumns, renderAttributes, type AttributeRow } from './attributes.ts'
import { addressOf, type Draft } from './object.ts'
import { definition, inSchemas, named, notOfExtension, readRows, type Reading } from './reading.ts'

interface AggregateRow extends AttributeRow {
  readonly oid: number
  readonly qualified: string
  readonly types: string
  readonly arguments: string | null
  readonly parameters: readonly string[]
  readonly initialValue: string | null
  readonly movingInitialValue: string | null
}

export async function readAggregates(reading: Reading): Promise<Draft[]> {
  const rows = await readRows<AggregateRow>(reading, query(reading))
  return rows.map((row) => render(reading, row))
}

function query(reading: Reading): Sql {
  return sql`
    select p.oid,
      format('%I.%I', n.nspname, p.proname) as qualified,
      oidvectortypes(p.proargtypes) as types,
      pg_get_function_arguments(p.oid) as arguments,
      ${parameterColumn()} as parameters,
      a.agginitval as "initialValue",
      a.aggminitval as "movingInitialValue",
      ${attributeColumns({ catalog: 'pg_proc', oid: 'p.oid', owner: 'p.proowner', acl: 'p.proacl', aclKind: "'f'" })}
    from pg_proc p
    join pg_aggregate a on a.aggfnoid = p.oid
    join pg_namespace n on n.oid = p.pronamespace
    left join pg_operator o on o.oid = a.aggsortop
    left join pg_namespace opn on opn.oid = o.oprnamespace
    where ${inSchemas(reading, 'p.pronamespace')}
      and ${named(reading, 'p.proname')}
      and ${notOfExtension('pg_proc', 'p.oid')}`
}

function parameterColumn(): Sql {
  const routine = (name: string, column: string): string =>
    `case when ${column} <> 0 then '${name} = ' || ${column} end`
  const modify = (name: string, column: string): string => `case ${column}
          when 'r' then '${name} = read_only'
          when 's' then '${name} = shareable'
          when 'w' then '${name} = read_write'
        end`
  // The default of finalfunc_modify is read_only, except for ordered-set aggregates; so it is always written.
  return sql.raw(`array_remove(array[
        'sfunc = ' || a.aggtransfn,
        'stype = ' || format_type(a.aggtranstype, null),
        case when a.aggtransspace <> 0 then 'sspace = ' || a.aggtransspace end,
        ${routine('finalfunc', 'a.aggfinalfn')},
        case when a.aggfinalextra then 'finalfunc_extra' end,
        case when a.aggfinalfn <> 0 then ${modify('finalfunc_modify', 'a.aggfinalmodify')} end,
        ${routine('combinefunc', 'a.aggcombinefn')},
        ${routine('serialfunc', 'a.aggserialfn')},
        ${routine('deserialfunc', 'a.aggdeserialfn')},
        ${routine('msfunc', 'a.aggmtransfn')},
        ${routine('minvfunc', 'a.aggminvtransfn')},
        case when a.aggmtranstype <> 0 then 'mstype = ' || format_type(a.aggmtranstype, null) end,
        case when a.aggmtransspace <> 0 then 'msspace = ' || a.aggmtransspace end,
        ${routine('mfinalfunc', 'a.aggmfinalfn')},
        case when a.aggmfinalextra then 'mfinalfunc_extra' end,
        case when a.aggmfinalfn <> 0 then ${modify('mfinalfunc_modify', 'a.aggmfinalmodify')} end,
        case when o.oid is not null then format('sortop = operator(%I.%s)', opn.nspname, o.oprname) end,
        case p.proparallel when 's' then 'parallel = safe' when 'r' then 'parallel = restricted' end,
        case a.aggkind when 'h' then 'hypothetical' end
      ], null)`)
}

function render(reading: Reading, row: AggregateRow): Draft {
  const signature = `${row.qualified}(${row.types})`
  const written = definition(row.arguments, `The aggregate ${signature}`)
  const parameters = [
    ...row.parameters,
    ...(row.initialValue === null ? [] : [`initcond = ${quoteLiteral(row.initialValue)}`]),
    ...(row.movingInitialValue === null ? [] : [`minitcond = ${quoteLiteral(row.movingInitialValue)}`]),
  ]
  // ROUTINE takes the plain types of the arguments; AGGREGATE would want (*) and ORDER BY.
  const attributes = renderAttributes(reading, { noun: 'routine', name: signature }, row)
  return {
    kind: 'aggregate',
    identity: `aggregate ${signature}`,
    statements: [
      `create aggregate ${row.qualified}(${written === '' ? '*' : written}) (\n  ${parameters.join(',\n  ')}\n);`,
      ...attributes.statements,
    ],
    roles: attributes.roles,
    addresses: [addressOf('pg_proc', row.oid)],
  }
}
