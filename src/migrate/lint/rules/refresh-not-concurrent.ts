import { child, flag, tableOf } from '../ast.ts'
import { showTable } from '../names.ts'
import type { Rule } from '../types.ts'

export const refreshNotConcurrent: Rule = {
  name: 'refresh-not-concurrent',
  harm: 'scan-blocking-all',
  summary: 'REFRESH MATERIALIZED VIEW without CONCURRENTLY.',
  why: 'The refresh holds ACCESS EXCLUSIVE on the view while its query runs: nobody reads it meanwhile.',
  bad: 'refresh materialized view top_tracks;',
  good: 'refresh materialized view concurrently top_tracks; -- needs a unique index on plain columns',
  check: ({ statement, table: factsOf }) => {
    const table = statement.kind === 'RefreshMatViewStmt' ? tableOf(child(statement.node, 'relation')) : undefined
    // WITH NO DATA empties it, which is quick and meant.
    if (table === undefined || flag(statement.node, 'concurrent') || flag(statement.node, 'skipData')) return []
    const facts = factsOf(table)
    const hasUnique = facts === undefined || facts.indexes.some(({ unique, valid }) => unique && valid)
    const refresh = `refresh materialized view concurrently ${showTable(table)};`
    return [
      {
        message: `Refreshing ${showTable(table)} blocks its readers until the query is done`,
        fix: hasUnique ? refresh : `create unique index on ${showTable(table)} (…); -- once\n${refresh}`,
        table,
        lock: 'ACCESS EXCLUSIVE',
      },
    ]
  },
}
