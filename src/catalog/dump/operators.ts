// Operators and casts. Operator classes and families are reported by unsupported.ts.
// The commutator and the negator may be operators that come later: the server then makes a placeholder for them.

import { sql, type Sql } from '../../sql/sql.ts'
import { attributeColumns, renderAttributes, renderComment, type AttributeRow } from './attributes.ts'
import { addressOf, type Draft } from './object.ts'
import { inSchemas, named, notMadeAlong, notOfExtension, readRows, type Reading } from './reading.ts'

interface OperatorRow extends AttributeRow {
  readonly oid: number
  readonly name: string
  readonly operands: string
  readonly parameters: readonly string[]
}

interface CastRow {
  readonly oid: number
  readonly name: string
  readonly method: string
  readonly context: string
  readonly comment: string | null
}

export async function readOperators(reading: Reading): Promise<Draft[]> {
  const rows = await readRows<OperatorRow>(reading, operatorQuery(reading))
  return rows.map((row) => renderOperator(reading, row))
}

export async function readCasts(reading: Reading): Promise<Draft[]> {
  if (!reading.whole) return []
  const rows = await readRows<CastRow>(reading, castQuery())
  return rows.map((row) => renderCast(reading, row))
}

function operatorQuery(reading: Reading): Sql {
  // A right type of 0 and a function of 0 are a placeholder that nobody defined yet.
  return sql`
    select o.oid,
      format('%I.%s', n.nspname, o.oprname) as name,
      format('%s, %s',
        case when o.oprleft = 0 then 'none' else format_type(o.oprleft, null) end,
        format_type(o.oprright, null)) as operands,
      array_remove(array[
        'function = ' || o.oprcode,
        case when o.oprleft <> 0 then 'leftarg = ' || format_type(o.oprleft, null) end,
        'rightarg = ' || format_type(o.oprright, null),
        case when c.oid is not null then format('commutator = operator(%I.%s)', cn.nspname, c.oprname) end,
        case when g.oid is not null then format('negator = operator(%I.%s)', gn.nspname, g.oprname) end,
        case when o.oprrest <> 0 then 'restrict = ' || o.oprrest end,
        case when o.oprjoin <> 0 then 'join = ' || o.oprjoin end,
        case when o.oprcanhash then 'hashes' end,
        case when o.oprcanmerge then 'merges' end
      ], null) as parameters,
      ${attributeColumns({ catalog: 'pg_operator', oid: 'o.oid', owner: 'o.oprowner' })}
    from pg_operator o
    join pg_namespace n on n.oid = o.oprnamespace
    left join pg_operator c on c.oid = o.oprcom
    left join pg_namespace cn on cn.oid = c.oprnamespace
    left join pg_operator g on g.oid = o.oprnegate
    left join pg_namespace gn on gn.oid = g.oprnamespace
    where ${inSchemas(reading, 'o.oprnamespace')}
      and ${named(reading, 'o.oprname')}
      and o.oprcode <> 0
      and ${notOfExtension('pg_operator', 'o.oid')}`
}

function renderOperator(reading: Reading, row: OperatorRow): Draft {
  const signature = `${row.name}(${row.operands})`
  const attributes = renderAttributes(reading, { noun: 'operator', name: `${row.name} (${row.operands})` }, row)
  return {
    kind: 'operator',
    identity: `operator ${signature}`,
    statements: [`create operator ${row.name} (\n  ${row.parameters.join(',\n  ')}\n);`, ...attributes.statements],
    roles: attributes.roles,
    addresses: [addressOf('pg_operator', row.oid)],
  }
}

function castQuery(): Sql {
  return sql`
    select c.oid,
      format('(%s as %s)', format_type(c.castsource, null), format_type(c.casttarget, null)) as name,
      case c.castmethod
        when 'b' then 'without function'
        when 'i' then 'with inout'
        else format('with function %s', c.castfunc::regprocedure)
      end as method,
      case c.castcontext when 'a' then ' as assignment' when 'i' then ' as implicit' else '' end as context,
      obj_description(c.oid, 'pg_cast') as comment
    from pg_cast c
    where ${notOfExtension('pg_cast', 'c.oid')}
      and ${notMadeAlong('pg_cast', 'c.oid')}`
}

function renderCast(reading: Reading, row: CastRow): Draft {
  return {
    kind: 'cast',
    identity: `cast ${row.name}`,
    statements: [
      `create cast ${row.name} ${row.method}${row.context};`,
      ...renderComment(reading, `cast ${row.name}`, row.comment),
    ],
    addresses: [addressOf('pg_cast', row.oid)],
  }
}
