// What the server says of the columns that totals compute: their types, and what they are over the states that are kept.
//
// A merge writes them, so none may fail there: each is tried on a key whose windows are empty, as every key's are one day.

import { messageOf } from '../../base/errors.ts'
import type { Session } from '../../db/db.ts'
import { replaceColumns } from '../../sql/columns.ts'
import { quoteIdent } from '../../sql/quote.ts'
import { sql } from '../../sql/sql.ts'
import { refuse } from './check.ts'
import { lookAt, type Look } from './expressions.ts'
import type { Rollup } from '../model/options.ts'
import { shapeOf, totalsShapeOf, type ComputedFacts, type SourceFacts } from '../model/shape.ts'

const scratch = 'pg_temp.pgstrata_rollup_totals'

/** In the transaction whose temporary objects are taken back. */
export async function inspectTotals(
  session: Session,
  rollup: Rollup,
  facts: SourceFacts,
): Promise<ReadonlyMap<string, ComputedFacts>> {
  const computed = new Map<string, ComputedFacts>()
  const totals = totalsShapeOf(rollup, facts)
  if (totals === undefined || rollup.totals === undefined || rollup.totals.compute.length === 0) return computed
  const { states } = shapeOf(rollup, facts)
  const all = [
    ...states.map(({ name, type }) => ({ name, type })),
    ...totals.windows.flatMap((window) => window.states.map(({ name, of }) => ({ name, type: of.type }))),
    ...(totals.distinct ?? []).flatMap(({ columns }) => columns.map((name) => ({ name, type: 'bigint' }))),
  ]
  const zeros = all.map(({ name, type }) => `0::${type} as ${quoteIdent(name)}`).join(', ')
  const columns = totals.outputs.map(({ name, value }) => `${value} as ${quoteIdent(name)}`).join(', ')
  const nothing = `select ${columns} from (select ${zeros}) as states`
  await session.query(sql.raw(`create temporary table ${scratch} on commit drop as ${nothing} limit 0`))
  const look: Look = {
    session,
    rollup,
    scratch,
    virtual: [],
    advice: `Use measures, of all time and of windows: ${totals.outputs.map(({ name }) => name).join(', ')}.`,
  }
  const values = new Map(totals.outputs.map(({ name, value }) => [name, value]))
  for (const { name, value } of rollup.totals.compute) {
    const { text, written } = await lookAt(look, name, value)
    const overStates = await replaceColumns(text, (column) => `(${values.get(column) ?? quoteIdent(column)})`)
    computed.set(name, { value: overStates, type: written })
  }
  // Sums of nothing are null, of which nothing fails: a key may as well have added up to 0.
  const zero = totals.outputs.map(() => '0').join(', ')
  await session.query(sql.raw(`insert into ${scratch} ${nothing} union all select ${zero}`))
  for (const { name, value } of rollup.totals.compute) {
    await session.query(sql.raw(`select (${value}\n) from ${scratch}`)).catch((error: unknown) => {
      throw refuse(rollup, `"${name}" fails for a key whose windows are empty`, {
        got: messageOf(error),
        advice: 'Divide by `nullif(…, 0)`.',
      })
    })
  }
  return computed
}
