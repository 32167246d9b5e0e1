// One check asked of a test's database, as `doctor --deep` asks it; and carrying out what a finding says.

import { askOnce } from '../../../src/advise/ask-node.ts'
import { checks } from '../../../src/advise/checks/index.ts'
import type { Finding, Limits, OtherNode } from '../../../src/advise/model.ts'
import type { Db } from '../../../src/db/db.ts'
import { openDb } from '../../../src/db/pg-db.ts'
import { sql } from '../../../src/sql/sql.ts'
import { readNodeFacts } from '../../../src/watch/index.ts'
import type { TestDatabase } from '../../support/postgres.ts'

export interface Asking {
  readonly limits?: Limits
  readonly others?: readonly OtherNode[]
}

/** A check that cannot be asked, or does not answer, fails the test. */
export async function ask(db: Db, name: string, { limits, others = [] }: Asking = {}): Promise<readonly Finding[]> {
  const check = checks.find((one) => one.name === name)
  if (check === undefined) throw new Error(`There is no check "${name}"`)
  return await db.withSession(async (session) => {
    const facts = await readNodeFacts(session, 'primary')
    const unavailable = check.unavailable(facts)
    if (unavailable !== undefined) throw new Error(unavailable)
    const found = await askOnce(session, (on) =>
      check.run({ on, facts, others, ...(limits === undefined ? {} : { limits }) }),
    )
    if ('notKnown' in found) throw new Error(found.notKnown)
    return found
  })
}

/** The finding about that, and no other of the check. */
export function about(findings: readonly Finding[], subject: string): Finding {
  const [found, ...rest] = findings.filter((finding) => finding.subject === subject)
  if (found === undefined || rest.length > 0)
    throw new Error(
      `${subject} is found ${rest.length + (found === undefined ? 0 : 1)} times: ${subjects(findings).join('; ')}`,
    )
  return found
}

export function subjects(findings: readonly Finding[]): readonly string[] {
  return findings.map(({ subject }) => subject)
}

/** As a person would, one after the other, each on its own: what they say may not stand in a transaction. */
export async function run(db: Db, statements: readonly string[]): Promise<void> {
  for (const statement of statements) await db.query(sql.raw(statement))
}

/** Counters that this connection holds back are written, so that the next one reads them. */
export async function script(db: Db, text: string): Promise<void> {
  await db.withSession(async (session) => {
    await session.query(sql.raw(text))
    await session.query(sql`discard all`)
    await session.query(sql`select pg_stat_force_next_flush()`)
    // Written at the end of the next statement, if that has looked at a relation.
    await session.query(sql`select from pg_class limit 1`)
  })
}

/** Undone, the finding is there; done, it is gone; taken back, it is there again. */
export async function mendAndBack(db: Db, name: string, subject: string, asking: Asking = {}): Promise<Finding> {
  const found = about(await ask(db, name, asking), subject)
  if (found.fix.length === 0) throw new Error(`${subject} has no fix`)
  await run(db, found.fix)
  const after = subjects(await ask(db, name, asking))
  if (after.includes(subject)) throw new Error(`${subject} is still found after ${found.fix.join('; ')}`)
  if (found.undo.length === 0) return found
  await run(db, found.undo)
  about(await ask(db, name, asking), subject)
  return found
}

/** Everything, however little, and however short the counting has been. */
export const everything: Limits = { warn: 0, critical: Infinity, least: 0, leastHours: 0 }

/** As an ordinary role that may log in and nothing else. */
export async function withRole(database: TestDatabase, work: (role: string, db: Db) => Promise<void>): Promise<void> {
  const role = `plain_${database.name}`
  await database.db.query(sql`create role ${sql.ident(role)} login password 'x'`)
  const db = openDb({ url: Object.assign(new URL(database.url), { username: role, password: 'x' }).href, max: 1 })
  try {
    await work(role, db)
  } finally {
    await db.close()
    await run(database.db, [`drop owned by "${role}"`, `drop role "${role}"`])
  }
}
