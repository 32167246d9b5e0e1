// What merges the deltas of a rollup, as statements that a procedure can hold as well as a session can send them. What must
// hold around them merge.ts says.

import { quoteIdent, quoteLiteral } from '../../sql/quote.ts'
import { isStale, lookAgain } from '../model/extremes.ts'
import { distinctIn, isKeptOnce } from '../kept/distinct.ts'
import { followersOf, type Follower } from '../kept/followers.ts'
import { deltaOf, membersDeltaOf, mergedOf } from '../model/names.ts'
import { rowCount, type Shape } from '../model/shape.ts'
import { anyLeft, sumOf, upsertMerged } from '../model/statements.ts'
import { areValuesPending, deletePendingValues, mergeValues, valuesIn } from '../model/values-statements.ts'
import { advanceStatement, hasMoved, serverClock } from '../kept/totals.ts'

/** Whether there is anything to do: a delta, or a window that has moved on. */
export function isMergeDue(shape: Shape, at: string = serverClock): string {
  const due = [
    `exists (select from ${deltaOf(shape.rollup)})`,
    // An update may change values alone.
    ...areValuesPending(shape),
    ...(hasWindows(shape) ? [hasMoved(shape, at)] : []),
  ]
  return due.length === 1 ? due.join('') : `(${due.join(' or ')})`
}

/**
 * Merges what the snapshot sees, and that alone; in one REPEATABLE READ transaction, under the lock of the rollup. The last
 * one deletes what was merged.
 *
 * A key of which no row is left goes by the place of its row: to find it by its values would take the equality of each
 * type, and no index serves `is not distinct from`. The place holds, for nobody else changes the table.
 */
export function mergeStatements(shape: Shape, at: string = serverClock): readonly string[] {
  const delta = deltaOf(shape.rollup)
  const targets = [
    {
      table: mergedOf(shape.rollup),
      name: 'merged',
      as: 'm',
      left: `m.${quoteIdent(rowCount)}`,
      upsert: upsertMerged(shape, 'table pending'),
    },
    ...followersOf(shape).map((one) => {
      const from = one.measure === undefined ? 'pending' : membersDeltaOf(shape.rollup, one.measure)
      return { ...one, upsert: one.upsert({ from }) }
    }),
  ]
  const { extremes = [] } = shape
  const stale = extremes.map((extreme) => `(${isStale(extreme, 'm')})`).join(' or ')
  const written = targets.map(({ name, as, left, upsert, returned = [] }: Target) => {
    const more = [...(name === 'merged' && stale !== '' ? [`${stale} as is_stale`] : []), ...returned]
    const told = [`${as}.ctid as place`, `${left} as rows_left`, ...more]
    return `${name} as (\n${upsert}\nreturning ${told.join(', ')}\n)`
  })
  const emptied = targets.map(
    ({ name }) => `(select pg_catalog.array_agg(${name}.place) from ${name} where ${name}.rows_left = 0)`,
  )
  const look = `(select pg_catalog.array_agg(merged.place) from merged where merged.is_stale and merged.rows_left > 0)`
  const pending = `with pending as materialized (\n${sumOf(shape, { from: delta, having: anyLeft(shape) })}\n)`
  const taking = [
    `${pending}, ${written.join(', ')}
select ${[...emptied, ...(stale === '' ? [] : [look])].join(', ')}
into ${[...targets.map(({ name }) => `merging.gone_${name}`), ...(stale === '' ? [] : ['merging.stale'])].join(', ')};`,
    ...targets.map(
      ({ table, name, as }) => `if merging.gone_${name} is not null then
  delete from ${table} as ${as} where ${as}.ctid = any (merging.gone_${name});
end if;`,
    ),
    ...(stale === ''
      ? []
      : [`if merging.stale is not null then\n  ${lookAgain(shape, extremes, 'merging.stale')};\nend if;`]),
  ].join('\n')
  const [merged, ...followers] = targets.map(({ name, upsert, returned = [] }: Target) => ({
    upsert,
    text: `, ${name} as (\n${upsert}${returned.length === 0 ? '' : `\nreturning ${returned.join(', ')}`}\n)`,
  }))
  // Where all is added nothing goes: what was written need not be looked through, a fifth of a large merge.
  const adding = `${pending}${followers.map(({ text }) => text).join('')}\n${merged?.upsert ?? ''};`
  const folded = stale === '' ? `if ${isAnyTaken(shape)} then\n  ${taking}\nelse\n  ${adding}\nend if;` : taking
  const values = mergeValues(withoutCounted(shape), 'merging.gone_values').map((statement) => `${statement};`)
  const body = `#variable_conflict use_column
<<merging>>
declare
${targets.map(({ name }) => `  gone_${name} pg_catalog.tid[];`).join('\n')}
  stale pg_catalog.tid[];
${values.length === 0 ? '' : '  gone_values pg_catalog.tid[];\n'}begin
  ${[folded, ...values].join('\n')}
end`
  return [
    ...(hasWindows(shape) ? [advanceStatement(shape, at)] : []),
    `do ${quoteLiteral(body)}`,
    ...deletePendingValues(shape),
    `delete from ${delta}`,
  ]
}

/** Values that totals count where they are kept are merged with totals. */
function withoutCounted(shape: Shape): Shape {
  if (!isKeptOnce(shape)) return shape
  const counted = distinctIn(shape)
  return { ...shape, values: valuesIn(shape).filter((measure) => !counted.includes(measure)) }
}

type Target = Omit<Follower, 'upsert' | 'deleteEmptied'> & { readonly upsert: string }

/** An update may take values away and nothing else. */
function isAnyTaken(shape: Shape): string {
  const rows = `exists (select from ${deltaOf(shape.rollup)} where ${quoteIdent(rowCount)} < 0)`
  const values = distinctIn(shape).map(
    ({ name }) => `exists (select from ${membersDeltaOf(shape.rollup, name)} where n < 0)`,
  )
  return [rows, ...values].join(' or ')
}

const hasWindows = ({ totals }: Shape): boolean => totals !== undefined && totals.windows.length > 0
