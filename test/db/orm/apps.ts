// The applications, under one shape, and what each of them sees on the pool of pg itself: what it must see everywhere.

import pg from 'pg'
import type { Db } from '../../../src/db/db.ts'
import { runDrizzleApp } from './drizzle-app.ts'
import { createJournal, type Journal, type JournalOptions, type Outcome } from './journal.ts'
import { runKyselyApp } from './kysely-app.ts'
import { emptyMusic } from './music.ts'
import { runPrismaApp } from './prisma-app.ts'

export interface App {
  readonly name: string
  run(pool: pg.Pool, journal: Journal): Promise<void>
  /** The steps that are to fail, in order. */
  readonly failing: readonly string[]
}

const inTransactions = ['rollback', 'a failed statement', 'a write where only reads may be']

export const apps: readonly App[] = [
  {
    name: 'Kysely',
    run: runKyselyApp,
    failing: ['unique violation', 'check violation', ...inTransactions, 'used after that'],
  },
  {
    name: 'Drizzle',
    run: runDrizzleApp,
    failing: ['unique violation', 'check violation', 'prepared insert that fails', ...inTransactions],
  },
  {
    name: "Prisma's adapter",
    run: runPrismaApp,
    failing: ['unique violation', 'foreign key violation', 'no such table', ...inTransactions.slice(0, 2)],
  },
]

/** What it sees from empty tables on; it ends the pool. */
export async function outcomesOf(
  app: App,
  where: { readonly pool: pg.Pool; readonly db: Db } & JournalOptions,
): Promise<readonly Outcome[]> {
  const journal = createJournal(where)
  await emptyMusic(where.db)
  await app.run(where.pool, journal)
  return journal.outcomes
}

/** On pg.Pool. */
export function referenceOf(
  app: App,
  database: { readonly url: string; readonly db: Db },
): Promise<readonly Outcome[]> {
  return outcomesOf(app, { pool: new pg.Pool({ connectionString: database.url }), db: database.db })
}
