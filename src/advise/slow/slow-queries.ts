// Step 2: which statements take the time, and what runs for long at this moment.

import { formatDuration } from '../../base/units.ts'
import { sql } from '../../sql/sql.ts'
import { slowStatements } from '../checks/slow-statements.ts'
import { explainCommand } from '../checks/tools/statements.ts'
import { judge, suspect, type SlowStep } from './step.ts'

interface Running {
  readonly pid: number
  readonly queryid: string | null
  readonly seconds: number
  readonly running: number
}

export const slowQueries: SlowStep = {
  name: 'slow-queries',
  question: 'Which statements are slow?',
  look: async ({ ask, check, limitsOf }) => {
    const answer = await check(slowStatements)
    const judged = judge(answer, { well: 'No statement that runs often is slow', weight: 1 })
    const { warn } = limitsOf('slow-queries', { warn: 5, critical: 60, least: 0 })
    const [now] = await ask<Running>(sql`
      select pid, query_id::text as queryid, extract(epoch from clock_timestamp() - query_start)::float8 as seconds,
        (count(*) over ())::float8 as running
      from pg_stat_activity
      where backend_type = 'client backend'
        and state = 'active'
        and datname = current_database()
        and pid <> pg_backend_pid()
        and extract(epoch from clock_timestamp() - query_start) >= ${warn}::float8
      order by query_start
      limit 1`)
    if (now === undefined) return judged
    const evidence = { ...judged.evidence, running: now.running, longestSeconds: now.seconds, longestPid: now.pid }
    if (judged.verdict === 'likely') return { ...judged, evidence }
    return suspect({
      suspicion: 0.5,
      found: `Session ${now.pid} has been at one statement for ${formatDuration(now.seconds * 1_000)}`,
      evidence,
      findings: judged.findings,
      unknown: judged.unknown,
      next: [...(now.queryid === null ? [] : [explainCommand(now.queryid)]), `select pg_cancel_backend(${now.pid})`],
    })
  },
}
