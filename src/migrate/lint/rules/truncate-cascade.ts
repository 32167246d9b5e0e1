import { members, tableOf, text } from '../ast.ts'
import { showTable } from '../names.ts'
import type { Rule } from '../types.ts'

export const truncateCascade: Rule = {
  name: 'truncate-cascade',
  harm: 'data-loss',
  summary: 'TRUNCATE … CASCADE.',
  why: 'It empties every table that refers to the one named, and those that refer to them, whichever they have become by the time it runs.',
  bad: 'truncate tracks cascade;',
  good: 'truncate tracks, plays; -- all of them by name, each allowed with a reason',
  check: ({ statement: { kind, node } }) => {
    if (kind !== 'TruncateStmt' || text(node, 'behavior') !== 'DROP_CASCADE') return []
    const tables = members(node, 'relations', 'RangeVar').flatMap((range) => tableOf(range) ?? [])
    const shown = tables.map(showTable).join(', ')
    return [
      {
        message: `TRUNCATE of ${shown} with CASCADE empties tables that are not named here`,
        fix: `Name every table that is meant: truncate ${shown}, …;`,
        // No table: what it reaches is not known, so the size of the ones named says nothing.
        lock: 'ACCESS EXCLUSIVE',
      },
    ]
  },
}
