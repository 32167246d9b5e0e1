import { child, flag, tableOf } from '../ast.ts'
import { showTable } from '../names.ts'
import type { Rule } from '../types.ts'

export const indexNotConcurrent: Rule = {
  name: 'index-not-concurrent',
  harm: 'scan-blocking-writes',
  summary: 'CREATE INDEX without CONCURRENTLY.',
  why: 'CREATE INDEX holds a SHARE lock while it reads and sorts the table: every write waits until it is done.',
  bad: 'create index plays_track_idx on plays (track_id);',
  good: 'create index concurrently if not exists plays_track_idx on plays (track_id);',
  check: ({ statement, table: factsOf }) => {
    if (statement.kind !== 'IndexStmt' || flag(statement.node, 'concurrent')) return []
    const table = tableOf(child(statement.node, 'relation'))
    // A partitioned parent has a rule of its own: it cannot be done CONCURRENTLY.
    if (table === undefined || factsOf(table)?.kind === 'partitioned') return []
    const safe = statement.text.replace(/^(\s*create\s+(?:unique\s+)?index)\b/i, '$1 concurrently')
    return [
      {
        message: `Building an index on ${showTable(table)} blocks its writes until it is built`,
        fix: `${safe}; -- pgstrata runs it outside a transaction, and clears away and repeats a build that failed`,
        table,
        lock: 'SHARE',
      },
    ]
  },
}
