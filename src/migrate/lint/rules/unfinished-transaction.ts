import { controlOf } from '../transactions.ts'
import type { Rule } from '../types.ts'

export const unfinishedTransaction: Rule = {
  name: 'unfinished-transaction',
  harm: 'fails',
  summary: 'BEGIN without COMMIT.',
  why: 'Nothing of it would be kept.',
  bad: 'begin;\nalter table plays add column country text;',
  good: 'alter table plays add column country text;',
  check: ({ statement, statements, index }) => {
    if (controlOf(statement) !== 'begin') return []
    const closed = statements.slice(index + 1).some((later) => controlOf(later) === 'end')
    return closed
      ? []
      : [{ message: 'The transaction that begins here is never committed', fix: 'Add COMMIT, or leave BEGIN out.' }]
  },
}
