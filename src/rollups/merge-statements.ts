// What merges the deltas of a rollup, as statements that a procedure can hold as well as a session can send them. What must
// hold around them merge.ts says.

import { quoteIdent, quoteLiteral } from '../sql/quote.ts'
import { isStale, lookAgain } from './extremes.ts'
import { deltaOf, mergedOf, totalsOf } from './names.ts'
import { rowCount, type Shape } from './shape.ts'
import { anyLeft, sumOf, upsertMerged } from './statements.ts'
import { areValuesPending, deletePendingValues, mergeValues, valuesIn } from './values-statements.ts'
import { advanceStatement, hasMoved, serverClock, upsertTotals } from './totals.ts'

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
    { table: mergedOf(shape.rollup), name: 'merged', as: 'm', upsert: upsertMerged(shape, 'table pending') },
    ...(shape.totals === undefined
      ? []
      : [
          { table: totalsOf(shape.rollup), name: 'totaled', as: 't', upsert: upsertTotals(shape, { from: 'pending' }) },
        ]),
  ]
  const { extremes = [] } = shape
  const stale = extremes.map((extreme) => `(${isStale(extreme, 'm')})`).join(' or ')
  const written = targets.map(({ name, as, upsert }) => {
    const more = name === 'merged' && stale !== '' ? `, ${stale} as is_stale` : ''
    return `${name} as (\n${upsert}\nreturning ${as}.ctid as place, ${as}.${quoteIdent(rowCount)} as rows_left${more}\n)`
  })
  const emptied = targets.map(
    ({ name }) => `(select pg_catalog.array_agg(${name}.place) from ${name} where ${name}.rows_left = 0)`,
  )
  const look = `(select pg_catalog.array_agg(merged.place) from merged where merged.is_stale and merged.rows_left > 0)`
  const body = `#variable_conflict use_column
<<merging>>
declare
${targets.map(({ name }) => `  gone_${name} pg_catalog.tid[];`).join('\n')}
  stale pg_catalog.tid[];
${valuesIn(shape).length === 0 ? '' : '  gone_values pg_catalog.tid[];\n'}begin
  ${`with pending as materialized (\n${sumOf(shape, { from: delta, having: anyLeft(shape) })}\n), ${written.join(', ')}`.replaceAll('\n', '\n  ')}
  select ${[...emptied, ...(stale === '' ? [] : [look])].join(', ')}
  into ${[...targets.map(({ name }) => `merging.gone_${name}`), ...(stale === '' ? [] : ['merging.stale'])].join(', ')};
${targets
  .map(
    ({ table, name, as }) => `  if merging.gone_${name} is not null then
    delete from ${table} as ${as} where ${as}.ctid = any (merging.gone_${name});
  end if;`,
  )
  .join('\n')}
${stale === '' ? '' : `  if merging.stale is not null then\n    ${lookAgain(shape, extremes, 'merging.stale').replaceAll('\n', '\n    ')};\n  end if;\n`}${mergeValues(
    shape,
    'merging.gone_values',
  )
    .map((statement) => `  ${statement.replaceAll('\n', '\n  ')};\n`)
    .join('')}end`
  return [
    ...(hasWindows(shape) ? [advanceStatement(shape, at)] : []),
    `do ${quoteLiteral(body)}`,
    ...deletePendingValues(shape),
    `delete from ${delta}`,
  ]
}

const hasWindows = ({ totals }: Shape): boolean => totals !== undefined && totals.windows.length > 0
