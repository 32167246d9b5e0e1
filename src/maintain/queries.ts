// What is known of jobs and their runs: SQL in, rows out. Moments are milliseconds of the server's clock, read as numbers,
// because an application may have told pg to read timestamps in a way of its own.

import { onlyRow, type Queryable } from '../db/db.ts'
import type { Job } from '../db/job.ts'
import { sql, type Sql } from '../sql/sql.ts'
import { describeSchedule } from './schedule.ts'

export const leaseName = (job: string): string => `job:${job}`

export const ms = (moment: Sql): Sql => sql`floor(extract(epoch from ${moment}) * 1000)::float8`
const nowMsSql: Sql = ms(sql`clock_timestamp()`)

/** Leases of jobs last an hour at the most: one that ends later was taken while the clock was ahead. */
const longestLease: Sql = sql.raw(`interval '1 day'`)
/** By how much a tick that was counted may lie ahead before the clock counts as set back: less is NTP at work. */
const clockSlack: Sql = sql.raw(`interval '5 minutes'`)

export interface JobState {
  readonly name: string
  readonly paused: boolean
  readonly era: number
  readonly countedUntilMs: number
  /** Under way, or lost and to be run again. */
  readonly openTickMs: number | null
}

export interface BoardRow extends JobState {
  /** Somebody has its lease. */
  readonly isHeld: boolean
  readonly isAhead: boolean
}

export interface Board {
  readonly nowMs: number
  readonly isReplica: boolean
  readonly jobs: readonly BoardRow[]
}

const stateColumns: Sql = sql`name, paused, era, ${ms(sql`counted_until`)} as "countedUntilMs",
  ${ms(sql`open_tick`)} as "openTickMs"`

export async function readBoard(on: Queryable, names: readonly string[]): Promise<Board> {
  const { nowMs, isReplica } = onlyRow(
    await on.query<{ nowMs: number; isReplica: boolean }>(
      sql`select ${nowMsSql} as "nowMs", pg_is_in_recovery() as "isReplica"`,
    ),
  )
  if (isReplica) return { nowMs, isReplica, jobs: [] }
  const { rows } = await on.query<BoardRow>(sql`
    select ${stateColumns},
      counted_until > clock_timestamp() + ${clockSlack} as "isAhead",
      exists (
        select from pgstrata.lease l
        where l.name = 'job:' || j.name
          and l.expires_at between clock_timestamp() and clock_timestamp() + ${longestLease}
      ) as "isHeld"
    from pgstrata.job j
    where name = any (${[...names]}::text[])`)
  return { nowMs, isReplica, jobs: rows }
}

/** Another schedule counts from now on: its past ticks were not missed. */
export async function registerJobs(
  on: Queryable,
  jobs: readonly Pick<Job, 'name' | 'schedule' | 'atOnce'>[],
): Promise<void> {
  const names = jobs.map(({ name }) => name)
  const schedules = jobs.map(({ schedule }) => describeSchedule(schedule))
  const atOnce = jobs.map((job) => job.atOnce === true)
  await on.query(sql`
    insert into pgstrata.job as j (name, schedule, counted_until)
    select name, schedule, clock_timestamp() - case when at_once then interval '1 day' else interval '0' end
    from unnest(${names}::text[], ${schedules}::text[], ${atOnce}::boolean[]) as declared (name, schedule, at_once)
    -- Everybody locks the rows in the same order.
    order by name
    on conflict (name) do update
    set schedule = excluded.schedule, counted_until = clock_timestamp(), updated_at = clock_timestamp()
    where j.schedule <> excluded.schedule`)
}

/** Where what was counted lies in the future, the clock was ahead then: ticks count from now on, in another era. */
export async function resetAhead(on: Queryable): Promise<readonly string[]> {
  const { rows } = await on.query<{ name: string }>(sql`
    update pgstrata.job
    set era = era + 1, counted_until = clock_timestamp(), open_tick = null, updated_at = clock_timestamp()
    where counted_until > clock_timestamp() + ${clockSlack}
    returning name`)
  return rows.map((row) => row.name)
}

/** In a transaction: the server ends it when its client stands still for that long, and with it what it has locked. */
export async function limitSilence(tx: Queryable, silenceMs: number): Promise<void> {
  await tx.query(sql`select set_config('idle_in_transaction_session_timeout', ${`${Math.ceil(silenceMs)}ms`}, true)`)
}

/** Frees a lease that only a clock that was ahead can have given. */
export async function clearAheadLease(tx: Queryable, job: string): Promise<void> {
  await tx.query(sql`
    update pgstrata.lease
    set expires_at = '-infinity'
    where name = ${leaseName(job)}
      and expires_at > clock_timestamp() + ${longestLease}`)
}

export async function lockJob(tx: Queryable, name: string): Promise<(JobState & { nowMs: number }) | undefined> {
  const { rows } = await tx.query<JobState & { nowMs: number }>(sql`
    select ${stateColumns}, ${nowMsSql} as "nowMs"
    from pgstrata.job
    where name = ${name}
    for no key update`)
  return rows[0]
}

/** Under a lease just taken, whatever is still marked as running is not. Gives back the fences of their runners. */
export async function markLost(tx: Queryable, job: string, fence: number): Promise<readonly number[]> {
  const { rows } = await tx.query<{ fence: number }>(sql`
    update pgstrata.job_run
    set state = 'lost', finished_at = clock_timestamp(), failure = 'its runner was lost'
    where job = ${job}
      and state = 'running'
      and fence < ${fence}
    returning fence::float8 as fence`)
  return rows.map((row) => row.fence)
}

export interface TickId {
  readonly job: string
  readonly era: number
  readonly tickMs: number
}

/** What a run that ended with its process says. It tells nothing of the job: it counts neither as a failure nor against the tick. */
export const wasStopped = 'its process was stopped'

export interface Attempts {
  readonly last: number
  /** Those that count: not ended with their process. */
  readonly spent: number
  /** That of the same work alone. */
  readonly progress: number
}

export async function readAttempts(tx: Queryable, id: TickId, work: string): Promise<Attempts> {
  return onlyRow(
    await tx.query<Attempts>(sql`
      select coalesce(max(attempt), 0)::int4 as last,
        (count(*) filter (where failure is distinct from ${wasStopped}))::int4 as spent,
        coalesce(max(progress) filter (where work = ${work}), 0)::float8 as progress
      from pgstrata.job_run
      where job = ${id.job}
        and era = ${id.era}
        and tick = ${new Date(id.tickMs)}::timestamptz`),
  )
}

export interface NewRun extends TickId {
  readonly attempt: number
  readonly manual: boolean
  readonly holder: string
  readonly fence: number
  readonly work: string
  readonly progress: number
}

/** undefined: that tick was begun before. */
export async function insertRun(
  tx: Queryable,
  run: NewRun,
): Promise<{ readonly id: string; readonly startedMs: number } | undefined> {
  const { rows } = await tx.query<{ id: string; startedMs: number }>(sql`
    insert into pgstrata.job_run (job, era, tick, attempt, manual, holder, fence, work, progress)
    values (${run.job}, ${run.era}, ${new Date(run.tickMs)}::timestamptz, ${run.attempt}, ${run.manual}, ${run.holder},
      ${run.fence}, ${run.work}, ${run.progress})
    on conflict (job, era, tick, attempt) do nothing
    returning id::text as id, ${ms(sql`started_at`)} as "startedMs"`)
  return rows[0]
}

export async function insertSkipped(
  tx: Queryable,
  run: Omit<NewRun, 'attempt' | 'manual' | 'work' | 'progress'>,
): Promise<void> {
  await tx.query(sql`
    insert into pgstrata.job_run (job, era, tick, state, holder, fence, finished_at, failure)
    values (${run.job}, ${run.era}, ${new Date(run.tickMs)}::timestamptz, 'skipped', ${run.holder}, ${run.fence},
      clock_timestamp(), 'the run before it was still under way')
    on conflict (job, era, tick, attempt) do nothing`)
}

/** `countedUntilMs` only ever grows here. */
export async function updateJob(
  tx: Queryable,
  name: string,
  change: { readonly countedUntilMs: number; readonly openTickMs: number | null },
): Promise<void> {
  await tx.query(sql`
    update pgstrata.job
    set counted_until = greatest(counted_until, ${new Date(change.countedUntilMs)}::timestamptz),
      open_tick = ${change.openTickMs === null ? null : new Date(change.openTickMs)}::timestamptz,
      updated_at = clock_timestamp()
    where name = ${name}`)
}

export interface RunEnd {
  readonly state: 'done' | 'failed' | 'lost'
  readonly did: string | null
  readonly failure: string | null
  /** As JSON. */
  readonly details: string | null
}

/** False: somebody else took it for lost. */
export async function endRun(tx: Queryable, id: string, fence: number, end: RunEnd): Promise<boolean> {
  const { rowCount } = await tx.query(sql`
    update pgstrata.job_run
    set state = ${end.state}, finished_at = clock_timestamp(), did = ${end.did}, failure = ${end.failure},
      details = ${end.details}::jsonb
    where id = ${id}::int8
      and fence = ${fence}
      and state = 'running'`)
  return rowCount === 1
}

/** Whether it was this that `endRun` wrote: the answer to the COMMIT may have been lost. */
export async function isEnded(tx: Queryable, id: string, state: RunEnd['state']): Promise<boolean> {
  const { rows } = await tx.query(sql`
    select from pgstrata.job_run
    where id = ${id}::int8
      and state = ${state}`)
  return rows.length > 0
}

export async function noteProgress(tx: Queryable, id: string, progress: number): Promise<void> {
  await tx.query(sql`update pgstrata.job_run set progress = ${progress} where id = ${id}::int8`)
}

/** Resumed, it counts from now on. */
export async function setPaused(on: Queryable, name: string, paused: boolean): Promise<void> {
  await on.query(sql`
    update pgstrata.job
    set paused = ${paused},
      counted_until = case when paused and not ${paused} then greatest(counted_until, clock_timestamp()) else counted_until end,
      updated_at = clock_timestamp()
    where name = ${name}`)
}
