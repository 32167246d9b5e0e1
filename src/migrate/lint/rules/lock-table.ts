import { members, tableOf } from '../ast.ts'
import { showTable } from '../names.ts'
import type { LockMode } from '../../../plan/index.ts'
import type { Rule } from '../types.ts'

/** By number, as lockdefs.h has them; those weaker than SHARE block no writes. */
const strong: Readonly<Record<number, LockMode>> = {
  5: 'SHARE',
  6: 'SHARE ROW EXCLUSIVE',
  7: 'EXCLUSIVE',
  8: 'ACCESS EXCLUSIVE',
}

export const lockTable: Rule = {
  name: 'lock-table',
  harm: 'lock-brief',
  summary: 'LOCK TABLE in SHARE mode or stronger.',
  why: 'The lock is held to the end of the transaction: whatever else the migration does, writes (or all queries) wait for it.',
  bad: 'lock table plays in exclusive mode;',
  good: '-- leave it out: each statement takes the lock it needs, and the runner bounds how long it waits for it',
  check: ({ statement: { kind, node } }) => {
    const mode = kind === 'LockStmt' ? strong[Number(node['mode'])] : undefined
    if (mode === undefined) return []
    return members(node, 'relations', 'RangeVar').flatMap((range) => {
      const table = tableOf(range)
      if (table === undefined) return []
      return {
        message: `LOCK TABLE holds ${mode} on ${showTable(table)} to the end of the transaction`,
        fix: 'Leave it out, or keep what follows it in the transaction short.',
        table,
        lock: mode,
      }
    })
  },
}
