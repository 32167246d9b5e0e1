// Three daemons, two of them killed with SIGKILL in the middle of a run: every tick that was begun was carried out exactly
// once, told by the rows that the jobs themselves wrote, and what the killed ones left is taken over. Where the machine is so
// slow that a lease is lost besides, a tick may be given up, but nothing is done twice.

import { spawn } from 'node:child_process'
import { expect, onTestFinished, test } from 'vitest'
import type { Db } from '../../src/db/db.ts'
import type { OwnJob } from '../../src/maintain/index.ts'
import { sql } from '../../src/sql/sql.ts'
import { describeOnEachVersion } from '../support/postgres.ts'
import { waitUntil } from '../support/wait.ts'
import { typescript } from '../support/typescript.ts'
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
const leaseMs = 2_000
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
    ['--import', typescript, 'test/maintain/daemon-process.ts', JSON.stringify(call)],
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

/** A run of that daemon, in the middle of its statements. */
async function findRunOf(db: Db, instance: string): Promise<string> {
  const running = sql`
    select id::text as id
    from pgstrata.job_run
    where job like 'slow-%'
      and state = 'running'
      and split_part(holder, '/', 1) = ${instance}
      and progress > 0`
  return await waitUntil(async () => (await db.query<{ id: string }>(running)).rows[0]?.id, {
    what: 'a run of the victim',
    timeoutMs: 60_000,
  })
}

/** How long after it was begun it was begun again by another, who did it. */
async function untilTakenOver(db: Db, id: string): Promise<number> {
  const takenOver = sql`
    select (extract(epoch from again.started_at - lost.started_at) * 1000)::float8 as "afterMs"
    from pgstrata.job_run lost
    join pgstrata.job_run again using (job, era, tick)
    where lost.id = ${id}::int8
      and lost.state = 'lost'
      and again.attempt > lost.attempt
      and again.state = 'done'`
  return await waitUntil(async () => (await db.query<{ afterMs: number }>(takenOver)).rows[0]?.afterMs, {
    what: 'the run to be taken over and done',
    timeoutMs: 60_000,
  })
}

interface TickRow {
  readonly job: string
  readonly tick: string
  readonly states: readonly string[]
  readonly marks: number
  readonly parts: number
}

async function readTicks(db: Db): Promise<readonly TickRow[]> {
  const { rows } = await db.query<TickRow>(sql`
    select job, tick::text as tick, array_agg(state order by attempt) as states,
      (select count(*)::int4 from mark where (mark.job, mark.tick) = (r.job, r.tick)) as marks,
      (select count(distinct part)::int4 from mark where (mark.job, mark.tick) = (r.job, r.tick)) as parts
    from pgstrata.job_run r
    where state <> 'skipped'
      and (job = 'quick' or job like 'slow-%')
    group by job, tick
    order by job, tick`)
  return rows
}

describeOnEachVersion(
  'three daemons',
  (version, database) => {
    test(`${kills} killed in the middle of a run: each tick is done exactly once`, { timeout: 180_000 }, async () => {
      const { db, url } = database()
      await db.query(sql`create table mark (job text, tick timestamptz, part int)`)
      const victims = Array.from({ length: kills }, () => startDaemon(db, url))
      const staying = startDaemon(db, url)
      const instances = await Promise.all(victims.map((victim) => victim.instance()))
      await staying.instance()
      const lost: string[] = []
      for (const [index, victim] of victims.entries()) {
        lost.push(await findRunOf(db, instances[index] ?? ''))
        await victim.end('SIGKILL')
      }
      for (const id of lost) {
        const afterMs = await untilTakenOver(db, id)
        console.log(`PostgreSQL ${version}: begun again ${Math.round(afterMs)} ms after it began, lease ${leaseMs} ms`)
      }
      expect(await staying.end('SIGTERM')).toBe(0)

      const ticks = await readTicks(db)
      expect(ticks.filter(({ states }) => states.includes('lost')).length).toBeGreaterThanOrEqual(kills)
      for (const row of ticks) {
        const done = row.states.filter((state) => state === 'done').length
        expect({ ...row, done, twice: row.marks - row.parts }).toMatchObject({ twice: 0 })
        // The last may have been under way when all was stopped.
        const isLast = row === ticks.findLast(({ job }) => job === row.job)
        if (done === 0 && (isLast || row.states.length === 3)) continue
        expect({ ...row, done }).toMatchObject({ done: 1, parts: partsOf(row.job) })
        expect(row.states.at(-1)).toBe('done')
      }
    })
  },
  install,
)
