// Whether the table still is what a rollup was declared of. Triggers are text to the server: a column or a value that was given
// another name, or dropped with CASCADE, makes every write fail; row security that was switched on hides from readers what
// the rollup shows. Nobody is told of that but here.

import { isStrataError, messageOf } from '../../base/errors.ts'
import { onlyRow, type Queryable } from '../../db/db.ts'
import { quoteQualified } from '../../sql/quote.ts'
import { sql } from '../../sql/sql.ts'
import { isConnectionLost, sqlstate, sqlstateOf } from '../../sql/sqlstate.ts'
import { bucketTypeOf, requireColumns } from './inspect.ts'
import type { Shape } from '../model/shape.ts'
import { inspectTable } from './source.ts'
import { contributionOf } from '../model/statements.ts'
import { countValues, valuesIn } from '../model/values-statements.ts'

export interface Misfit {
  readonly why: string
  readonly todo: string
}

const dropFirst =
  'declare it without what is gone, or no more, and apply, so that writes go on; then declare it as its table is now'

/** Undefined: it is. Reads the catalog alone, in no transaction of its own. */
export async function findMisfit(on: Queryable, shape: Shape): Promise<Misfit | undefined> {
  const { rollup } = shape
  const name = quoteQualified(rollup.schema, rollup.table)
  const { there } = onlyRow(await on.query<{ there: boolean }>(sql`select to_regclass(${name}) is not null as there`))
  if (!there) {
    return {
      why: `there is no table ${name} any more`,
      todo: 'declare it no more and apply; then declare it of the table that took its place, if there is one',
    }
  }
  try {
    const columns = await inspectTable(on, rollup, { asOwner: false })
    requireColumns(rollup, columns)
    bucketTypeOf(rollup, columns)
  } catch (error) {
    if (!isStrataError(error, 'ROLLUP_IMPOSSIBLE')) throw error
    return { why: messageOf(error), todo: error.advice ?? 'declare it as its table is now, or no more, and apply' }
  }
  const rows = { from: name, sign: 1 } as const
  try {
    const counted = [
      contributionOf(shape, rows),
      ...valuesIn(shape).map((measure) => countValues(shape, measure, rows)),
    ]
    for (const text of counted) await on.query(sql.raw(`explain ${text}`))
  } catch (error) {
    const state = sqlstateOf(error)
    // Whoever may not read the table is not told.
    if (state === sqlstate.insufficientPrivilege) return undefined
    if (state === undefined || isConnectionLost(error)) throw error
    return {
      why: `its table is not what it was declared of any more (${messageOf(error)}): whoever writes to it is refused`,
      todo: dropFirst,
    }
  }
  return undefined
}
