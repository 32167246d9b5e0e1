// Forgets runs: those older than the retention, and of each job all but the newest thousand. The newest of each stays.
// Deletes at most a thousand rows at a time.

import { checkpoint } from '../../base/clock.ts'
import { plural } from '../../base/units.ts'
import type { Queryable } from '../../db/db.ts'
import type { Job } from '../../db/job.ts'
import { sql, type Sql } from '../../sql/sql.ts'
import { forgetMarks } from '../marks.ts'

const keptRuns = 1_000
const batchRows = 1_000

export function historyJob({ historyMs }: { readonly historyMs: number }): Job {
  return {
    name: 'history',
    purpose: 'forgets old runs of jobs',
    schedule: { everyMs: 10 * 60_000 },
    timeoutMs: 5 * 60_000,
    overlap: 'skip',
    run: async ({ db, signal }) => {
      let forgotten = 0
      for (const old of [olderThan(historyMs), beyondNewest]) {
        for (let deleted = batchRows; deleted === batchRows; forgotten += deleted) {
          checkpoint(signal)
          deleted = await deleteBatch(db, old)
        }
      }
      await forgetMarks(db)
      return { did: forgotten === 0 ? '' : `${plural(forgotten, 'run')} forgotten`, details: { runs: forgotten } }
    },
  }
}

function olderThan(historyMs: number): Sql {
  return sql`
    select r.id
    from pgstrata.job_run r
    where r.started_at < clock_timestamp() - ${historyMs} * interval '1 ms'
      and r.state <> 'running'
      and exists (select from pgstrata.job_run newer where newer.job = r.job and newer.id > r.id)`
}

const beyondNewest: Sql = sql`
    select r.id
    from (select distinct job from pgstrata.job_run) as jobs
    cross join lateral (
      select id, state
      from pgstrata.job_run
      where job = jobs.job
      order by id desc
      offset ${keptRuns}
    ) as r
    where r.state <> 'running'`

async function deleteBatch(on: Queryable, old: Sql): Promise<number> {
  const { rowCount } = await on.query(sql`
    delete from pgstrata.job_run
    where id in (${old} limit ${batchRows})`)
  return rowCount
}
