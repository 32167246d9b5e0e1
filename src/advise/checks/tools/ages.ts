// What the two kinds of numbers that run out (of transactions, of multixacts) have in common: each database has an age, made
// by its oldest table.

import { quoteQualified } from '../../../sql/quote.ts'
import type { Sql } from '../../../sql/sql.ts'
import { findEach, gravityOf, type Draft, type FindTools } from './define.ts'
import { showName } from './relations.ts'

export interface AgeQuestion {
  /** name, age */
  readonly databases: Sql
  readonly what: string
  /** Of this database, the oldest first: schema, table, usedRatio, and what else is evidence. */
  readonly tables: Sql
}

/** All but its name is evidence. */
interface OldTable {
  readonly schema: string
  readonly table: string
  readonly usedRatio: number
  readonly sizeBytes: number
}

const numbers = 2_147_483_648

export async function ageFindings(
  { on, limits }: FindTools,
  { databases, what, tables }: AgeQuestion,
): Promise<readonly Draft[]> {
  const ofDatabases = await findEach<{ name: string; age: number }>(on, databases, ({ name, age }) => {
    const gravity = gravityOf(age / numbers, limits)
    if (gravity === undefined) return undefined
    return {
      gravity,
      subject: `database ${name}`,
      what: `Database ${name} has used ${Math.round((age / numbers) * 100)} % of its ${what}`,
      evidence: { age, usedRatio: age / numbers },
      advice: 'Freeze its oldest tables; if the age stays, look for what holds back vacuum (xmin-horizon).',
    }
  })
  const ofTables = await findEach<OldTable>(on, tables, ({ schema, table, ...evidence }) => {
    const subject = `table ${showName(schema, table)}`
    return {
      gravity: gravityOf(evidence.usedRatio, limits) ?? 'warn',
      subject,
      what: `${subject} has used ${Math.round(evidence.usedRatio * 100)} % of its ${what}`,
      evidence,
      fix: [`vacuum (freeze) ${quoteQualified(schema, table)}`],
    }
  })
  return [...ofDatabases, ...ofTables]
}
