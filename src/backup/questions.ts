// Questions that a restored database has to answer as the primary did. They are asked of the primary right before and right after
// the moment that is restored to: where both answers are the same, so must be that of the restored database; where they differ,
// somebody changed what is asked for meanwhile, and it only has to be answered.
//
// In a question current_setting('pgstrata.moment') is a time shortly before the moment, the same each time.
// On failure: BACKUP_UNVERIFIED with the name of the question. Answers are in no message.

import { createHash } from 'node:crypto'
import { messageOf, StrataError } from '../base/errors.ts'
import { onlyRow, type Db } from '../db/db.ts'
import { transaction } from '../db/transaction.ts'
import { sql } from '../sql/sql.ts'
import type { BackupQuestion } from './model/options.ts'
import type { BackupFindings } from './model/record.ts'

/** By name: a hash of what was answered. */
export type Answers = ReadonlyMap<string, string>

export async function askQuestions(
  db: Db,
  questions: readonly BackupQuestion[],
  { moment, signal }: { readonly moment: string; readonly signal: AbortSignal | undefined },
): Promise<Answers> {
  const answers = new Map<string, string>()
  for (const question of questions) answers.set(question.name, await ask(db, question, moment, signal))
  return answers
}

async function ask(
  db: Db,
  { name, sql: text }: BackupQuestion,
  moment: string,
  signal: AbortSignal | undefined,
): Promise<string> {
  try {
    return await transaction(
      db,
      async (tx) => {
        const asked = sql.raw(text.trim().replace(/;$/, ''))
        // As text of the server: what a driver makes of it depends on where it runs.
        const answer = await tx.query<{ answer: string }>(sql`
          select coalesce(json_agg(a)::text, '') as answer from (${asked}) as a`)
        return createHash('sha256').update(onlyRow(answer).answer).digest('hex')
      },
      {
        readOnly: true,
        settings: { 'pgstrata.moment': moment, statement_timeout: '0', timezone: 'UTC' },
        ...(signal === undefined ? {} : { signal }),
      },
    )
  } catch (error) {
    throw new StrataError('BACKUP_UNVERIFIED', {
      message: `Check "${name}" could not be asked (${messageOf(error)})`,
      advice: 'See `backup.verify.checks`: each is one SELECT.',
      cause: error,
    })
  }
}

/** Pure. `now`: of the restored database. */
export function compareAnswers(
  now: Answers,
  around: { readonly before: Answers; readonly after: Answers } | undefined,
): BackupFindings['checks'] {
  const outcomes = [...now].map(([name, answer]) => {
    const expected = around?.before.get(name)
    if (expected === undefined || expected !== around?.after.get(name)) return [name, 'answered'] as const
    if (answer === expected) return [name, 'equal'] as const
    throw new StrataError('BACKUP_UNVERIFIED', {
      message: `Check "${name}" is answered in another way by the restored database than it was by the primary`,
      advice: 'Keep the backups that there are, and look into it: the restored data is not what it was.',
    })
  })
  return Object.fromEntries(outcomes)
}
