// Whether values can be told apart and counted, as a measure of them needs.

import { messageOf } from '../../base/errors.ts'
import { sql } from '../../sql/sql.ts'
import { sqlstateOf } from '../../sql/sqlstate.ts'
import { refuse } from './check.ts'
import type { Look } from './expressions.ts'
import type { Measure } from '../model/options.ts'
import { summableTypes, type ExpressionFacts } from '../model/shape.ts'
import { valuesKinds } from '../model/values.ts'

export async function requireCountable(look: Look, measure: Measure, of: ExpressionFacts | undefined): Promise<void> {
  const { session, rollup, scratch } = look
  const { name, kind } = measure
  if (of === undefined || !valuesKinds.some((one) => one === kind)) return
  if (kind === 'percentile') {
    if (summableTypes.includes(of.type)) return
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
    await session.query(sql`drop index pg_temp.pgstrata_rollup_value`)
    // In a column of its own type: the first of several arrays would be a part of one.
    if (kind !== 'countDistinct')
      await session.query(sql.raw(`select ${value} = (array_agg(${value}))[1] from ${scratch} group by ${value}`))
  } catch (error) {
    if (sqlstateOf(error)?.startsWith('42') !== true) throw error
    throw refuse(rollup, `measure "${name}" cannot count its values`, {
      got: messageOf(error),
      advice: `Cast it to a type that has an order${kind === 'countDistinct' ? '' : ' and is no array'}, such as text.`,
    })
  }
}
