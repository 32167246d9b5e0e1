// What the tests of jobs share: a database with the schema, and daemons that work on it.

import { onTestFinished } from 'vitest'
import { seededRandom } from '../../src/base/random.ts'
import { ensureInstalled } from '../../src/catalog/install.ts'
import type { Db } from '../../src/db/db.ts'
import type { Job, JobContext, JobOutcome } from '../../src/db/job.ts'
import { openDb } from '../../src/db/pg-db.ts'
import { createJobs, type Jobs, type JobsTools } from '../../src/maintain/index.ts'
import type { RunContext } from '../../src/maintain/run-context.ts'
import { sql, type Sql } from '../../src/sql/sql.ts'
import type { TestDatabase } from '../support/postgres.ts'
import { seed } from '../support/property.ts'

export const day = 86_400_000

export async function install({ db }: TestDatabase): Promise<void> {
  await db.withSession(async (session) => void (await ensureInstalled(session)))
}

/** Daily, so that it comes due only when a test says so. */
export function job(
  name: string,
  run: (context: RunContext) => Promise<JobOutcome | void>,
  more: Partial<Job> = {},
): Job {
  return {
    name,
    purpose: 'is tested',
    schedule: { everyMs: day },
    timeoutMs: 60_000,
    overlap: 'skip',
    run: async (context: JobContext) => (await run(context as RunContext)) ?? { did: '' },
    ...more,
  }
}

let daemons = 0

/** Closed with the test. */
export function daemon(url: string, jobs: readonly Job[], more: Partial<JobsTools> = {}): Jobs {
  const made = createJobs({
    open: (applicationName) => openDb({ url, applicationName, connectTimeoutMs: 5_000 }),
    jobs,
    leaseMs: 30_000,
    graceMs: 2_000,
    random: seededRandom(seed + daemons++),
    ...more,
  })
  onTestFinished(() => made.close())
  return made
}

/** As if the ticks up to then had been accounted for. */
export async function countUntil(db: Db, name: string, moment: Sql): Promise<void> {
  await db.query(sql`update pgstrata.job set counted_until = ${moment} where name = ${name}`)
}

export interface Row {
  readonly state: string
  readonly attempt: number
  readonly era: number
  readonly did: string | null
  readonly failure: string | null
}

/** The oldest first. */
export async function runsOf(db: Db, name: string): Promise<readonly Row[]> {
  const { rows } = await db.query<Row>(sql`
    select state, attempt, era, did, failure
    from pgstrata.job_run
    where job = ${name}
    order by id`)
  return rows
}

/** The runner of the open run was killed: nobody renews its lease, and it ends. */
export async function expireLease(db: Db, name: string): Promise<void> {
  await db.query(sql`update pgstrata.lease set expires_at = clock_timestamp() where name = ${`job:${name}`}`)
}

export interface Gate {
  readonly opened: Promise<void>
  open(): void
}

export function gate(): Gate {
  let open = (): void => undefined
  const opened = new Promise<void>((resolve) => (open = resolve))
  return { opened, open: () => open() }
}
