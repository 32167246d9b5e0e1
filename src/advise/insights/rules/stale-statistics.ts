// The planner knows a table as it was, or not at all.

import { quoteQualified } from '../../../sql/quote.ts'
import { count, type Found, type Given, type InsightRule } from '../insight.ts'

/** Smaller ones are read whole anyway. */
const smallBytes = 256 * 1_024

export const staleStatistics: InsightRule = {
  name: 'stale-statistics',
  summary: 'What the planner knows of a table is old',
  speaks:
    'a table of at least 256 kB that was never analyzed, or of which more rows have changed since than autovacuum would let pass',
  why: 'Every estimate begins with these statistics.',
  needsRun: false,
  look: (given) => tablesIn(given).flatMap(([, found]) => found),
}

function tablesIn(given: Given): readonly (readonly [string, Found])[] {
  const found = new Map<string, Found>()
  for (const node of given.nodes) {
    const table = given.tableOf(node)
    if (table === undefined || table.sizeBytes < smallBytes) continue
    const name = quoteQualified(table.schema, table.name)
    const never = table.rows === undefined || table.columns.every(({ stats }) => stats === undefined)
    const changed = table.changedRows ?? 0
    if (!never && changed <= table.analyzeBeyondRows) continue
    found.set(name, {
      node,
      subject: `table ${name}`,
      what: never
        ? `Table ${name} was never analyzed, or its statistics may not be read by this role`
        : `${count(changed)} rows of ${name} changed since it was analyzed; autovacuum would have done it beyond ${count(table.analyzeBeyondRows)}`,
      advice: 'Analyze it now; if this comes back, lower autovacuum_analyze_scale_factor of the table.',
      fix: [`analyze ${name}`],
    })
  }
  return [...found]
}
