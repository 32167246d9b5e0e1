// Two daemons, one of them killed with SIGKILL in the middle of a run, several times over: every tick that was begun was
// carried out exactly once, told by the rows that the jobs themselves wrote, and what a killed daemon left is taken over.

import { spawn } from 'node:child_process'
import { expect, onTestFinished, test } from 'vitest'
import type { Db } from '../../src/db/db.ts'
import type { OwnJob } from '../../src/maintain/index.ts'
import { sql } from '../../src/sql/sql.ts'
import { describeOnEachVersion } from '../support/postgres.ts'
import { waitUntil } from '../support/wait.ts'
import type { DaemonCall } from './daemon-process.ts'
import { install } from './support.ts'

const mark = (job: string, part: number): string =>
  `insert into mark values ('${job}', current_setting('pgstrata.tick')::timestamptz, ${part})`
const ownJob = (name: string, everyMs: number, statements: readonly string[]): OwnJob => ({
  name,
  schedule: { everyMs },
  timeoutMs: 30_000,
  overlap: 'skip',
  work: { sql: statements },
})
const slow = ['slow-1', 'slow-2', 'slow-3']
const own = [
  ownJob('quick', 1_000, [mark('quick', 1)]),
  ...slow.map((name) =>
    ownJob(name, 1_000, [mark(name, 1), 'select pg_sleep(0.4)', mark(name, 2), 'select pg_sleep(0.4)', mark(name, 3)]),
  ),
]
const partsOf = (job: string): number => (job === 'quick' ? 1 : 3)
const leaseMs = 1_500
const kills = 2

interface Daemon {
  /** What its leases are called by, as soon as it has ended a run. */
  readonly instance: () => Promise<string>
  end(signal: NodeJS.Signals): Promise<number | null>
}

function startDaemon(db: Db, url: string): Daemon {
  const call: DaemonCall = { url, own, leaseMs }
  const child = spawn(
    process.execPath,
    ['--import', 'jiti/register', 'test/maintain/daemon-process.ts', JSON.stringify(call)],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  )
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve))
  onTestFinished(() => void child.kill('SIGKILL'))
  const findInstance = async (): Promise<string | undefined> => {
    if (child.exitCode !== null) throw new Error(`the daemon ended: ${stderr}`)
    const line = stdout.split('\n').find((text) => text.endsWith('}'))
    if (line === undefined) return undefined
    const { job, tick, attempt } = JSON.parse(line) as { job: string; tick: string; attempt: number }
    const { rows } = await db.query<{ instance: string }>(sql`
      select split_part(holder, '/', 1) as instance
      from pgstrata.job_run
      where job = ${job}
        and tick = ${tick}::timestamptz
        and attempt = ${attempt}`)
    return rows[0]?.instance
  }
  return {
    instance: () => waitUntil(findInstance, { what: 'the first run of a daemon', timeoutMs: 30_000 }),
    end: (signal) => {
      child.kill(signal)
      return ended
    },
  }
}

describeOnEachVersion(
  'two daemons',
  (version, database) => {
    test(
      `${kills} of them killed in the middle of a run: each tick is done exactly once`,
      { timeout: 120_000 },
      async () => {
        const { db, url } = database()
        await db.query(sql`create table mark (job text, tick timestamptz, part int)`)
        const staying = startDaemon(db, url)
        for (let killed = 0; killed < kills; killed++) {
          const victim = startDaemon(db, url)
          const instance = await victim.instance()
          const running = sql`
          select id::text as id
          from pgstrata.job_run
          where job like 'slow-%'
            and state = 'running'
            and split_part(holder, '/', 1) = ${instance}
            and progress > 0`
          const id = await waitUntil(async () => (await db.query<{ id: string }>(running)).rows[0]?.id, {
            what: 'a run of the victim',
            timeoutMs: 60_000,
          })
          await victim.end('SIGKILL')
          const takenOver = sql`
          select (extract(epoch from again.started_at - lost.started_at) * 1000)::float8 as "afterMs"
          from pgstrata.job_run lost
          join pgstrata.job_run again using (job, era, tick)
          where lost.id = ${id}::int8
            and lost.state = 'lost'
            and again.attempt = 2
            and again.state = 'done'`
          const afterMs = await waitUntil(
            async () => (await db.query<{ afterMs: number }>(takenOver)).rows[0]?.afterMs,
            {
              what: 'the run to be taken over and done',
            },
          )
          console.log(
            `PostgreSQL ${version}: begun again ${Math.round(afterMs)} ms after it began, lease ${leaseMs} ms`,
          )
        }
        expect(await staying.end('SIGTERM')).toBe(0)

        const { rows } = await db.query<{
          job: string
          states: string[]
          marks: number
          parts: number
          tick: string
        }>(sql`
        select job, tick::text as tick, array_agg(state order by attempt) as states,
          (select count(*)::int4 from mark where (mark.job, mark.tick) = (r.job, r.tick)) as marks,
          (select count(distinct part)::int4 from mark where (mark.job, mark.tick) = (r.job, r.tick)) as parts
        from pgstrata.job_run r
        where state <> 'skipped'
          and (job = 'quick' or job like 'slow-%')
        group by job, tick
        order by job, tick`)
        expect(rows.filter(({ job }) => job === 'quick').length).toBeGreaterThan(3)
        expect(rows.filter(({ states }) => states.includes('lost')).length).toBeGreaterThanOrEqual(kills)
        for (const row of rows) {
          // The last may have been under way when all was stopped.
          const done = row.states.filter((state) => state === 'done').length
          const isLast = row === rows.findLast(({ job }) => job === row.job)
          if (done === 0 && isLast) continue
          expect({ ...row, done }).toMatchObject({ done: 1, marks: partsOf(row.job), parts: partsOf(row.job) })
          expect(row.states.at(-1)).toBe('done')
        }
      },
    )
  },
  install,
)
