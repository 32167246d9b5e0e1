import { child, flag, tableOf, text } from '../ast.ts'
import { derivedName, showIdent, showTable } from '../names.ts'
import type { Rule } from '../types.ts'

export const indexOnPartitioned: Rule = {
  name: 'index-on-partitioned',
  harm: 'scan-blocking-writes',
  summary: 'CREATE INDEX on a partitioned table, without ONLY. Needs live facts.',
  why: 'On a partitioned table CREATE INDEX takes no CONCURRENTLY: it blocks the writes of all partitions until the last index is built.',
  bad: 'create index events_at_idx on events (at); -- events is partitioned',
  good: `create index events_at_idx on only events (at);
create index concurrently events_2026_01_at_idx on events_2026_01 (at);
alter index events_at_idx attach partition events_2026_01_at_idx;`,
  check: ({ statement, table: factsOf }) => {
    const range = child(statement.node, 'relation')
    const table = statement.kind === 'IndexStmt' ? tableOf(range) : undefined
    if (table === undefined || factsOf(table)?.kind !== 'partitioned') return []
    const concurrent = flag(statement.node, 'concurrent')
    const only = !flag(range, 'inh')
    if (only && !concurrent) return []
    const name = text(statement.node, 'idxname')
    const index = name === undefined ? derivedName(table.name, 'idx') : showIdent(name)
    const recipe = [
      `create index ${index} on only ${showTable(table)} (…);`,
      '-- then for each partition p:',
      'create index concurrently p_idx on p (…);',
      `alter index ${index} attach partition p_idx;`,
    ].join('\n')
    return [
      concurrent
        ? {
            message: `${showTable(table)} is partitioned: CREATE INDEX CONCURRENTLY is refused there`,
            fix: recipe,
            table,
            harm: 'fails',
          }
        : {
            message: `Building an index on all partitions of ${showTable(table)} blocks their writes until the last one is built`,
            fix: recipe,
            table,
            lock: 'SHARE',
          },
    ]
  },
}
