import { child, flag, list, members, tableOf, text } from '../ast.ts'
import { showIdent, showTable } from '../names.ts'
import type { Rule } from '../types.ts'

const mostColumns = 3

export const wideIndex: Rule = {
  name: 'wide-index',
  harm: 'style',
  summary: `A B-tree index, not unique, on more than ${mostColumns} columns.`,
  why: 'Columns after the first few seldom narrow a search, and each write pays for them. INCLUDE serves index-only scans for less.',
  bad: 'create index concurrently plays_idx on plays (track_id, country, device, at);',
  good: 'create index concurrently plays_idx on plays (track_id, at);',
  check: ({ statement: { kind, node } }) => {
    const table = kind === 'IndexStmt' ? tableOf(child(node, 'relation')) : undefined
    const columns = list(node, 'indexParams').length
    const unused = flag(node, 'unique') || !['btree', undefined].includes(text(node, 'accessMethod'))
    if (table === undefined || unused || columns <= mostColumns) return []
    const last = text(members(node, 'indexParams', 'IndexElem').at(-1), 'name')
    const include = last === undefined ? '' : `; one that is only read can go to: include (${showIdent(last)})`
    return [
      {
        message: `An index of ${columns} columns on ${showTable(table)}`,
        fix: `Keep the columns that queries search by${include}.`,
        table,
      },
    ]
  },
}
