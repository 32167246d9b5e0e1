// Whether values can be told apart and counted, as a measure of them needs, and by which operator.

import { messageOf } from '../../base/errors.ts'
import type { Session } from '../../db/db.ts'
import { sql } from '../../sql/sql.ts'
import { sqlstateOf } from '../../sql/sqlstate.ts'
import { refuse } from './check.ts'
import type { Look } from './expressions.ts'
import type { Measure } from '../model/options.ts'
import { summableTypes, type ExpressionFacts } from '../model/shape.ts'
import { valuesKinds } from '../model/values.ts'

/** The operator by which the first column of an index tells what is equal, if it is none of pg_catalog: no search_path of ours finds it. */
export async function readOwnEqual(session: Session, index: string): Promise<string | undefined> {
  const { rows } = await session.query<{ equal: string }>(sql`
    select format('operator(%I.%s)', n.nspname, o.oprname) as equal
    from pg_index i
    join pg_opclass c on c.oid = i.indclass[0]
    join pg_amop a on a.amopfamily = c.opcfamily and a.amoplefttype = c.opcintype and a.amoprighttype = c.opcintype
    join pg_operator o on o.oid = a.amopopr
    join pg_namespace n on n.oid = o.oprnamespace
    where i.indexrelid = ${index}::regclass
      and a.amopstrategy = 3
      and n.nspname <> 'pg_catalog'`)
  return rows[0]?.equal
}

/** Answers with that operator of its values. */
export async function requireCountable(
  look: Look,
  measure: Measure,
  of: ExpressionFacts | undefined,
): Promise<string | undefined> {
  const { session, rollup, scratch } = look
  const { name, kind } = measure
  if (of === undefined || !valuesKinds.some((one) => one === kind)) return undefined
  if (kind === 'percentile') {
    if (summableTypes.includes(of.type)) return undefined
    const detail = {
      expected: `one of ${summableTypes.join(', ')}`,
      got: of.type,
      advice: 'Cast it, as in `x::numeric`.',
    }
    throw refuse(rollup, `measure "${name}" is a percentile of what are no numbers`, detail)
  }
  const value = `(${measure.of ?? 'null'}\n)`
  try {
    await session.query(sql.raw(`create index pgstrata_rollup_value on ${scratch} ((${value}))`))
    const equal = await readOwnEqual(session, 'pg_temp.pgstrata_rollup_value')
    await session.query(sql`drop index pg_temp.pgstrata_rollup_value`)
    // In a column of its own type: the first of several arrays would be a part of one.
    if (kind !== 'countDistinct')
      await session.query(sql.raw(`select ${value} = (array_agg(${value}))[1] from ${scratch} group by ${value}`))
    return equal
  } catch (error) {
    if (sqlstateOf(error)?.startsWith('42') !== true) throw error
    throw refuse(rollup, `measure "${name}" cannot count its values`, {
      got: messageOf(error),
      advice: `Cast it to a type that has an order${kind === 'countDistinct' ? '' : ' and is no array'}, such as text.`,
    })
  }
}
