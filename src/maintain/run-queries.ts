// What became of the runs of jobs: SQL in, rows out.

import type { Queryable } from '../db/db.ts'
import { sql, type Sql } from '../sql/sql.ts'
import { ms, wasStopped } from './queries.ts'

export interface RunRow {
  readonly id: string
  readonly job: string
  readonly tickMs: number
  readonly attempt: number
  readonly manual: boolean
  readonly state: 'running' | 'done' | 'failed' | 'lost' | 'skipped'
  readonly holder: string
  readonly startedMs: number
  readonly finishedMs: number | null
  readonly did: string | null
  readonly failure: string | null
  readonly details: Readonly<Record<string, unknown>> | null
}

const runColumns: Sql = sql`r.id::text as id, r.job, ${ms(sql`r.tick`)} as "tickMs", r.attempt, r.manual, r.state, r.holder,
  ${ms(sql`r.started_at`)} as "startedMs", ${ms(sql`r.finished_at`)} as "finishedMs", r.did, r.failure, r.details`

/** Newest first. */
export async function readHistory(on: Queryable, job: string | undefined, limit: number): Promise<readonly RunRow[]> {
  const { rows } = await on.query<RunRow>(sql`
    select ${runColumns}
    from pgstrata.job_run r
    where ${job === undefined ? sql`true` : sql`r.job = ${job}`}
    order by r.id desc
    limit ${limit}`)
  return rows
}

export interface Outcome {
  readonly job: string
  /** Null: no run has ended yet. */
  readonly tookMs: number | null
  readonly failures: number
}

/** What the last run that ended took, and how many have failed since one was done; those that ended with their process are none. */
export async function readOutcomes(on: Queryable, names: readonly string[]): Promise<readonly Outcome[]> {
  const { rows } = await on.query<Outcome>(sql`
    select wanted.name as job,
      (
        select extract(epoch from r.finished_at - r.started_at)::float8 * 1000
        from pgstrata.job_run r
        where r.job = wanted.name
          and r.state in ('done', 'failed', 'lost')
        order by r.id desc
        limit 1
      ) as "tookMs",
      (
        select count(*)::int4
        from pgstrata.job_run r
        where r.job = wanted.name
          and r.state in ('failed', 'lost')
          and r.failure is distinct from ${wasStopped}
          and r.id > coalesce((
            select d.id
            from pgstrata.job_run d
            where d.job = wanted.name
              and d.state = 'done'
            order by d.id desc
            limit 1
          ), 0)
      ) as failures
    from unnest(${[...names]}::text[]) as wanted (name)`)
  return rows
}

/** The last run of each, left out ones aside. */
export async function readLastRuns(on: Queryable, names: readonly string[]): Promise<readonly RunRow[]> {
  const { rows } = await on.query<RunRow>(sql`
    select ${runColumns}
    from unnest(${[...names]}::text[]) as wanted (name)
    cross join lateral (
      select *
      from pgstrata.job_run
      where job = wanted.name
        and state <> 'skipped'
      order by id desc
      limit 1
    ) as r`)
  return rows
}
