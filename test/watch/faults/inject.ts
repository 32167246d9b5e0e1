// Puts the faults into a world, and takes them out again.

import type pg from 'pg'
import { expect } from 'vitest'
import { systemClock } from '../../../src/base/clock.ts'
import { sql } from '../../../src/sql/sql.ts'
import { waitUntil } from '../../support/wait.ts'
import { run } from '../support.ts'
import { config, faults, quickClock, sizes, state, type Fault } from './list.ts'
import { boundMs, isUsual, open } from './support.ts'
import { once, openSession, type World } from './world.ts'

/** When each was put in, and taken out. */
export const beganMs: Map<Fault, number> = new Map()
export const endedMs: Map<Fault, number> = new Map()

type End = () => Promise<unknown>

/** One that was put in, and what is to find it. */
export interface Injected {
  readonly faults: readonly Fault[]
  readonly end: End
}

/** Puts a fault in, and notes when, for all rules that are to find it. */
async function inject(rules: readonly string[], begin: () => Promise<End>): Promise<Injected> {
  const found = faults.filter(({ rule }) => rules.includes(rule))
  if (found.length === 0) return { faults: [], end: () => Promise.resolve() }
  const end = await begin()
  for (const fault of found) beganMs.set(fault, Date.now())
  return {
    faults: found,
    end: async () => {
      await end()
      for (const fault of found) endedMs.set(fault, Date.now())
    },
  }
}

/** Again and again, until it is ended; then what was begun is waited for. */
function repeat(work: () => Promise<unknown>, pauseMs: number): End {
  const ending = new AbortController()
  const looping = (async () => {
    while (!ending.signal.aborted) {
      await work()
      await systemClock.sleep(pauseMs, ending.signal).catch(() => undefined)
    }
  })()
  // Told to whoever ends it.
  looping.catch(() => undefined)
  return async () => {
    ending.abort()
    await looping
  }
}

async function blockSessions(world: World): Promise<End> {
  const lock = 'select from fought_over where id = 1 for update'
  const holder = await openSession(world, 'begin', lock)
  const waiting = await Promise.all(Array.from({ length: sizes.waiting }, () => openSession(world)))
  const ended = waiting.map((one) => one.query(lock).catch(() => undefined))
  return async () => {
    await holder.end()
    await Promise.all(ended)
  }
}

async function keepBusy(world: World): Promise<End> {
  const { db } = world
  const busy = await Promise.all(
    Array.from({ length: sizes.busy }, () => openSession(world, `set application_name to 'busy'`)),
  )
  const ended = busy.map((one) => one.query('select pg_sleep(1800)').catch(() => undefined))
  return async () => {
    await db.query(
      sql`select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'busy' and pid <> pg_backend_pid()`,
    )
    await Promise.all(ended)
  }
}

async function fillConnections(world: World): Promise<End> {
  const { db } = world
  const idle: pg.Client[] = []
  const count = async (): Promise<number> =>
    (
      await db.query<{ n: number }>(
        sql`select count(*)::int as n from pg_stat_activity where backend_type = 'client backend'`,
      )
    ).rows[0]?.n ?? 0
  const fill = async (): Promise<void> => {
    while ((await count()) < sizes.used) idle.push(await openSession(world))
  }
  await fill()
  // Sessions of other faults end meanwhile.
  const stop = repeat(fill, 250)
  return async () => {
    await stop()
    await Promise.all(idle.map((one) => one.end()))
  }
}

async function deadlock(world: World): Promise<void> {
  const lock = (id: number): string => `select from fought_over where id = ${id} for update`
  // The first row is fought over by others.
  const [one, two] = [await openSession(world, 'begin', lock(2)), await openSession(world, 'begin', lock(3))]
  const answers = await Promise.allSettled([one.query(lock(3)), two.query(lock(2))])
  expect(answers.map(({ status }) => status)).toContain('rejected')
  await Promise.all([one.end(), two.end()])
}

/** One, or more than five a minute. */
async function deadlocks(world: World): Promise<End> {
  await deadlock(world)
  return isUsual ? repeat(() => deadlock(world), 6_000) : () => Promise.resolve()
}

/** Blocks of a table and of an index, more of both than there are buffers, are read once a while. */
async function readCold(world: World): Promise<End> {
  const client = await openSession(world, 'set max_parallel_workers_per_gather = 0')
  return repeat(
    () =>
      client.query(
        'set enable_seqscan = on; select count(filler) from plays; set enable_seqscan = off; select count(id) from plays where id > 0',
      ),
    3_000,
  )
}

async function rollBack(world: World): Promise<End> {
  const client = await openSession(world)
  return repeat(
    async () => {
      for (let count = 0; count < 20; count++) await client.query('begin; select from rewritten limit 1; rollback')
    },
    isUsual ? 1_000 : 50,
  )
}

/** What a process saw of its calls is stored when it ends; that a minute goes by is told to the table. */
async function callSlowly(world: World): Promise<End> {
  const { url, db } = world
  const app = open(url, config)
  const sleep = (seconds: number) => () => app.pool.query('select pg_sleep($1)', [seconds])
  const call = (): Promise<unknown> =>
    Promise.all([
      app.monitor.trackQuery(sleep(0.07), 'quick'),
      app.monitor.trackQuery(sleep(0.2), 'slow'),
      app.monitor.trackQuery(sleep(2.2), 'very_slow'),
      app.monitor.trackQuery(sleep(5.3), 'slowest'),
      ...Array.from({ length: 30 }, () => app.pool.query('select 1 / 0').catch(() => undefined)),
    ])
  if (isUsual) {
    const end = repeat(call, 1_000)
    return async () => {
      await end()
      await app.close()
    }
  }
  await call()
  await app.close()
  const age = (seconds: number): Promise<unknown> =>
    db.query(sql`update pgstrata.watch_call set at = at - ${seconds} * interval '1 s'`)
  await age(16)
  return () => age(75)
}

async function fillPool(world: World): Promise<End> {
  const { url, opened } = world
  const app = open(url, { ...config, database: { pool: { max: 2, connectTimeout: '30 min' } } }, { clock: quickClock })
  opened.push(() => app.close())
  // By another pool: a load asks the primary how far it is, and would wait for a connection.
  const reader = open(url, config, { clock: quickClock })
  opened.push(() => reader.close())
  let key = 0
  const miss = async (): Promise<void> => {
    for (const last = key + 200; key < last; key++) await reader.cache.get(`song:${key}`, () => Promise.resolve(key))
  }
  await miss()
  const missing = isUsual ? repeat(miss, 5_000) : undefined
  const held = await Promise.all([app.pool.connect(), app.pool.connect()])
  const waiting = Array.from({ length: 8 }, () => app.pool.connect().catch(() => undefined))
  return async () => {
    await missing?.()
    for (const client of held) client.release()
    for (const client of waiting) (await client)?.release()
    for (let count = 0; count < 1_000; count++) await reader.cache.get('song:1', () => Promise.resolve(1))
  }
}

async function leaveSlot(world: World): Promise<End> {
  const { db } = world
  await db.query(sql`select pg_create_physical_replication_slot('left_alone', true)`)
  // A segment has 16 MB, and 128 MB may be kept.
  for (let segment = 0; segment < 5; segment++) {
    await run(db, `select pg_logical_emit_message(false, 'x', 'x')`, 'select pg_switch_wal()')
  }
  return () => run(db, `select pg_drop_replication_slot('left_alone')`)
}

async function refuseArchive(world: World): Promise<End> {
  const { db } = world
  const set = (value: string): Promise<void> =>
    run(db, `alter system set archive_command = '${value}'`, 'select pg_reload_conf()')
  await set('false')
  await run(db, `select pg_logical_emit_message(false, 'x', 'x')`, 'select pg_switch_wal()')
  return () => set('true')
}

async function failJobs(world: World): Promise<End> {
  const { daemon } = world
  state.isBroken = state.isSleepy = true
  const failures = (): number | undefined =>
    daemon.watch?.latest.series('pgstrata_job_failures').find(({ labels }) => labels[0] === 'broken')?.value
  const fail = (): Promise<unknown> => daemon.jobs.runNow('broken').catch(() => undefined)
  // Those are counted that are the last one at a reading.
  const failing = isUsual ? repeat(fail, 20_000) : undefined
  for (let run = 1; run <= 3 && !isUsual; run++) {
    await fail()
    await waitUntil(() => failures() === run, { what: `failure ${run} of the job is seen` })
  }
  await daemon.jobs.runNow('sleepy')
  return async () => {
    await failing?.()
    state.isBroken = state.isSleepy = false
    await daemon.jobs.runNow('broken')
    await daemon.jobs.runNow('sleepy')
  }
}

/** Of what is asked once in a quarter of an hour: there is no time to look at it twice before. */
export async function injectBefore(world: World): Promise<readonly Injected[]> {
  return isUsual ? [await useUpSequences(world)] : []
}

function useUpSequences({ db }: World): Promise<Injected> {
  return inject(['SequenceNearlyUsed', 'SequenceExhausted'], async () => {
    await run(db, `select setval('few_numbers', 80), setval('fewer_numbers', 95)`)
    return () => run(db, `select setval('few_numbers', 1), setval('fewer_numbers', 1)`)
  })
}

export async function injectAll(world: World): Promise<readonly Injected[]> {
  const { cluster, url, db, daemon } = world
  const [replica] = cluster.replicas
  const ends = [
    await inject(['UnusedIndex'], async () => {
      await run(db, 'create index plays_unused_idx on plays (filler)')
      return () => once(url, 'set enable_seqscan = off', 'select count(*) from plays where filler = 5')
    }),
    await inject(['ExpectedIndexUnused'], async () => {
      await run(db, 'drop index plays_song_idx')
      return () => run(db, 'create index plays_song_idx on plays (song_id)')
    }),
    await inject(
      ['BlockedSessions', 'BlockedSessionsMany', 'LockWaitLong', 'IdleInTransaction', 'LongTransaction'],
      () => blockSessions(world),
    ),
    await inject(['HighConnectionCount'], () => keepBusy(world)),
    await inject(['PoolBusy', 'PoolWaiting', 'PoolExhausted', 'CacheHitRatioLow'], () => fillPool(world)),
    await inject(['ReplicaLagging', 'ReplicationLag', 'ReplicationLagCritical'], async () => {
      await replica?.pauseReplay()
      return async () => await replica?.resumeReplay()
    }),
    await inject(['SlotInactive', 'SlotRetention'], () => leaveSlot(world)),
    await inject(['ArchiveFailing'], () => refuseArchive(world)),
    await inject(['DeadRowsMany'], async () => {
      await once(url, 'update rewritten set id = id')
      // Rows that a transaction of another fault may still see stay until that is over.
      return () =>
        waitUntil(
          async () => {
            await once(url, 'vacuum rewritten')
            const { rows } = await db.query<{ dead: number }>(
              sql`select n_dead_tup::int as dead from pg_stat_user_tables where relname = 'rewritten'`,
            )
            return rows[0]?.dead === 0
          },
          { what: 'that dead rows are gone', timeoutMs: 3 * boundMs },
        )
    }),
    ...(isUsual ? [] : [await useUpSequences(world)]),
    ...(isUsual ? [await inject(['BufferHitRatioLow', 'IndexScanEfficiency'], () => readCold(world))] : []),
    await inject(['ViewStale'], async () => {
      await run(db, `update pgstrata.view set last_refreshed = now() - interval '2 hours'`)
      return () => daemon.views.refresh({ names: ['songs'] })
    }),
    await inject(['RollbacksMany'], () => rollBack(world)),
  ]
  const slower = await Promise.all([
    inject(['JobSlow', 'JobFailing', 'JobFailingAgain'], () => failJobs(world)),
    inject(['ErrorRateHigh', 'QueryNoticeable', 'QuerySlow', 'QueryVerySlow', 'SlowQueryDetected'], () =>
      callSlowly(world),
    ),
  ])
  return [
    ...ends,
    ...slower,
    await inject(['Deadlocks', 'DeadlocksMany'], () => deadlocks(world)),
    await inject(['ConnectionsHigh', 'ConnectionsExhausted'], () => fillConnections(world)),
  ]
}
