// A job that a user declared: SQL, or a function.
//
// What SQL may rely on: each statement and the note that it was carried out commit together, under the lease. A run that
// was lost is gone on with after the last statement that was committed, so each takes effect once a tick; where the SQL was
// changed meanwhile it is other work, and begins at its first statement. What no transaction can hold (VACUUM, a CALL that
// commits) is run outside of one, and again if its runner was lost.

import { createHash } from 'node:crypto'
import { checkpoint } from '../base/clock.ts'
import { plural } from '../base/units.ts'
import type { Session } from '../db/db.ts'
import type { Job, JobOutcome } from '../db/job.ts'
import { transaction } from '../db/transaction.ts'
import { classify, insideRefused, joint } from '../plan/index.ts'
import { parseSql, type ParsedStatement } from '../sql/parse.ts'
import { sql } from '../sql/sql.ts'
import { sqlstateOf } from '../sql/sqlstate.ts'
import type { OwnJob } from './options.ts'
import type { RunContext } from './run-context.ts'

export function createOwnJob(own: OwnJob): Job {
  const { name, schedule, timeoutMs, overlap, work } = own
  const run =
    'run' in work
      ? async (context: RunContext): Promise<JobOutcome> => (await work.run(context)) ?? { did: '' }
      : (context: RunContext): Promise<JobOutcome> => runStatements(name, work.sql, context)
  return {
    name,
    purpose: 'sql' in work ? 'runs SQL of your own' : 'runs a function of your own',
    schedule,
    timeoutMs,
    ...('sql' in work ? { work: digestOf(work.sql) } : {}),
    overlap,
    run,
  }
}

function digestOf(texts: readonly string[]): string {
  return createHash('sha256').update(JSON.stringify(texts)).digest('hex').slice(0, 12)
}

async function runStatements(name: string, texts: readonly string[], context: RunContext): Promise<JobOutcome> {
  const statements = await parseSql(texts.join(joint), { name: `job ${name}` })
  let rows = 0
  for (const [index, statement] of statements.entries()) {
    if (index < context.progress) continue
    checkpoint(context.signal)
    rows += await runStatement(statement, index + 1, context)
  }
  return { did: `${plural(statements.length, 'statement')}, ${plural(rows, 'row')}` }
}

async function runStatement(statement: ParsedStatement, number: number, context: RunContext): Promise<number> {
  const { db, signal, clock, random } = context
  const { where } = await classify(statement)
  if (where === 'mark') return 0
  if (where === 'inside') {
    try {
      return await transaction(db, (tx) => runInside(tx, statement, number, context), { clock, random, signal })
    } catch (error) {
      // A CALL that commits shows only when it is tried; nothing of it took effect.
      if (!insideRefused.has(sqlstateOf(error) ?? '')) throw error
    }
  }
  const rowCount = await runOutside(statement, context)
  await transaction(db, (tx) => context.advance(tx, number), { clock, random, signal })
  return rowCount
}

async function runOutside(statement: ParsedStatement, { db, tick }: RunContext): Promise<number> {
  return await db.withSession(async (session) => {
    await session.query(sql`select set_config('pgstrata.tick', ${tick.toISOString()}, false)`)
    try {
      return (await session.query(sql.raw(statement.text))).rowCount
    } finally {
      // Behind a pooler it may be somebody else's next.
      await session.query(sql`reset pgstrata.tick`).catch(() => undefined)
    }
  })
}

async function runInside(
  tx: Session,
  statement: ParsedStatement,
  number: number,
  context: RunContext,
): Promise<number> {
  await tx.query(sql`select set_config('pgstrata.tick', ${context.tick.toISOString()}, true)`)
  const { rowCount } = await tx.query(sql.raw(statement.text))
  // Last, so that nobody waits for the row of the lease while the statement works.
  await context.advance(tx, number)
  return rowCount
}
