import { child, hasOption, tableOf, text } from '../ast.ts'
import { showIdent, showTable } from '../names.ts'
import type { Rule } from '../types.ts'

const words: Readonly<Record<string, string>> = {
  REINDEX_OBJECT_INDEX: 'index',
  REINDEX_OBJECT_TABLE: 'table',
  REINDEX_OBJECT_SCHEMA: 'schema',
  REINDEX_OBJECT_DATABASE: 'database',
}

export const reindexNotConcurrent: Rule = {
  name: 'reindex-not-concurrent',
  harm: 'scan-blocking-all',
  summary: 'REINDEX without CONCURRENTLY.',
  why: 'REINDEX blocks writes to the table, and every query that would use the index, until it is rebuilt.',
  bad: 'reindex table plays;',
  good: 'reindex table concurrently plays;',
  check: ({ statement, tableOfIndex }) => {
    const kind = text(statement.node, 'kind') ?? ''
    const word = statement.kind === 'ReindexStmt' ? words[kind] : undefined
    if (word === undefined || hasOption(statement.node, 'params', 'concurrently')) return []
    const relation = tableOf(child(statement.node, 'relation'))
    const name = relation === undefined ? showIdent(text(statement.node, 'name') ?? '') : showTable(relation)
    return [
      {
        message: `REINDEX of ${word} ${name} blocks its writes, and reads by index, until it is done`,
        fix: `reindex ${word} concurrently ${name};`,
        lock: 'ACCESS EXCLUSIVE',
        table: word === 'index' && relation !== undefined ? tableOfIndex(relation) : relation,
      },
    ]
  },
}
