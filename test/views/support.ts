// What the tests of views share: a configuration with views, applied to a database of its own, and closed with the test.

import { onTestFinished } from 'vitest'
import { systemClock } from '../../src/base/clock.ts'
import { resolveConfig, type ViewsConfig } from '../../src/config/index.ts'
import type { StrataConfig } from '../../src/config/shape.ts'
import { ensureInstalled } from '../../src/catalog/install.ts'
import type { Db } from '../../src/db/db.ts'
import { transaction } from '../../src/db/transaction.ts'
import type { Contribution } from '../../src/plan/index.ts'
import { sql } from '../../src/sql/sql.ts'
import { openStrata, type Strata } from '../../src/strata.ts'
import { testDatabase, type TestDatabase, type TestedMajor } from '../support/postgres.ts'

export interface Bench {
  readonly db: Db
  readonly url: string
  run(...statements: readonly string[]): Promise<void>
  rows(text: string): Promise<readonly Record<string, unknown>[]>
  strata(views: ViewsConfig, more?: Partial<StrataConfig>): Strata
  /** What the views contribute to the plan of this declaration. */
  plan(views: ViewsConfig): Promise<Contribution>
  /** Its steps, each in a transaction, without the rest of `apply`, which takes seconds to look for drift. */
  apply(views: ViewsConfig): Promise<Strata>
}

export async function openBench(version: TestedMajor): Promise<Bench> {
  const database: TestDatabase = await testDatabase(version)
  const open: Strata[] = []
  onTestFinished(async () => {
    await Promise.all(open.map((strata) => strata.close()))
    await database.close()
  })
  const { db, url } = database
  const strata = (views: ViewsConfig, more: Partial<StrataConfig> = {}): Strata => {
    const written: StrataConfig = { database: { primary: url }, views, ...more }
    const opened = openStrata(resolveConfig<unknown>(written, { root: '/', name: 'pgstrata.config.ts' }), {
      clock: systemClock,
    })
    open.push(opened)
    return opened
  }
  return {
    db,
    url,
    strata,
    run: async (...statements) => {
      for (const statement of statements) await db.query(sql.raw(statement))
    },
    rows: async (text) => (await db.query(sql.raw(text))).rows,
    plan: (views) => db.withSession((session) => strata(views).views.contribute(session)),
    apply: async (views) => {
      const opened = strata(views)
      await db.withSession(async (session) => {
        await ensureInstalled(session)
        const { steps } = await opened.views.contribute(session)
        for (const { statements } of steps) {
          await transaction(session, async (tx) => {
            for (const statement of statements) await tx.query(sql.raw(statement))
          })
        }
      })
      return opened
    },
  }
}

export const plays: readonly string[] = [
  'create table songs (id int primary key, genre text)',
  'create table plays (song_id int, amount numeric)',
  `insert into songs values (1, 'rock'), (2, 'jazz'), (3, 'rock')`,
  'insert into plays values (1, 5), (2, 7), (3, 1), (3, 2)',
]

export const genreStats = {
  sql: 'select genre, count(*)::int as plays from plays join songs on id = song_id group by genre',
  unique: ['genre'],
} as const
