import { controlOf } from '../transactions.ts'
import type { Rule } from '../types.ts'

export const nestedTransaction: Rule = {
  name: 'nested-transaction',
  harm: 'fails',
  summary: 'BEGIN inside a transaction, or COMMIT outside one.',
  why: 'PostgreSQL only warns and goes on, and the transaction ends somewhere else than the file says.',
  bad: 'begin;\nbegin;\nalter table plays add column country text;\ncommit;\ncommit;',
  good: 'begin;\nalter table plays add column country text;\ncommit;',
  check: ({ statement, statements, index }) => {
    const control = controlOf(statement)
    if (control === undefined) return []
    const before = statements.slice(0, index).flatMap((earlier) => controlOf(earlier) ?? [])
    const isOpen = before.at(-1) === 'begin'
    if (isOpen === (control === 'end')) return []
    return [
      {
        message: isOpen
          ? 'BEGIN in a transaction that is already open'
          : 'COMMIT or ROLLBACK where no transaction is open',
        fix: 'Leave BEGIN and COMMIT out: what can share a transaction does.',
      },
    ]
  },
}
