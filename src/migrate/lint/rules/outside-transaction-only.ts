import { runsOutsideTransaction } from '../transactions.ts'
import type { Rule } from '../types.ts'

export const outsideTransactionOnly: Rule = {
  name: 'outside-transaction-only',
  harm: 'fails',
  summary:
    'A statement that PostgreSQL refuses in a transaction (… CONCURRENTLY, VACUUM, CREATE DATABASE) between BEGIN and COMMIT.',
  why: 'PostgreSQL refuses it inside a transaction block. Without BEGIN and COMMIT pgstrata runs it outside by itself.',
  bad: 'begin;\ncreate index concurrently plays_track_idx on plays (track_id);\ncommit;',
  good: 'create index concurrently plays_track_idx on plays (track_id);',
  check: ({ statement, inTransaction }) =>
    inTransaction && runsOutsideTransaction(statement)
      ? [
          {
            message: 'This cannot run between BEGIN and COMMIT',
            fix: 'Leave BEGIN and COMMIT out: what can share a transaction does, the rest runs outside.',
          },
        ]
      : [],
}
