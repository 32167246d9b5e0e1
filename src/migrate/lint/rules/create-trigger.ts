import { child, tableOf, text } from '../ast.ts'
import { showIdent, showTable } from '../names.ts'
import type { Rule } from '../types.ts'

export const createTrigger: Rule = {
  name: 'create-trigger',
  harm: 'lock-brief',
  summary: 'CREATE TRIGGER on a table that exists.',
  why: 'SHARE ROW EXCLUSIVE waits for every transaction that has written to the table, and new writes wait behind it. The runner bounds the wait; keep the transaction short.',
  bad: 'create index plays_at_idx on plays (at);\ncreate trigger plays_touch before update on plays for each row execute function touch();',
  good: '-- in a migration of its own\ncreate trigger plays_touch before update on plays for each row execute function touch();',
  check: ({ statement: { kind, node }, together }) => {
    const table = kind === 'CreateTrigStmt' ? tableOf(child(node, 'relation')) : undefined
    if (table === undefined) return []
    // Alone in its transaction the lock is gone at once, as in `good`; a function made for it costs nothing.
    if (together().every(({ kind: other }) => quick.has(other))) return []
    return [
      {
        message: `Trigger ${showIdent(text(node, 'trigname') ?? '')} blocks writes to ${showTable(table)} to the end of the transaction`,
        fix: 'Put CREATE TRIGGER (with its function) into a migration of its own.',
        table,
        lock: 'SHARE ROW EXCLUSIVE',
      },
    ]
  },
}

const quick: ReadonlySet<string> = new Set(['CreateFunctionStmt', 'TransactionStmt', 'VariableSetStmt'])
