// What sessions are at: each situation is seen when it is there, and not when it is not.

import { expect, test } from 'vitest'
import { onlyRow, type Db, type Session } from '../../../src/db/db.ts'
import { openReplication } from '../../../src/db/replication.ts'
import { sql } from '../../../src/sql/sql.ts'
import { createActivity } from '../../../src/watch/probes/activity.ts'
import { connectionsProbe } from '../../../src/watch/probes/connections.ts'
import { createCpuProbe, countersOf } from '../../../src/watch/probes/cpu.ts'
import { locksProbe, treesOf, type BlockedSession, type LockDetail } from '../../../src/watch/probes/locks.ts'
import { fakeClock } from '../../support/fake-clock.ts'
import { waitUntil } from '../../support/wait.ts'
import { ask, describeOnOwnCluster, run } from '../support.ts'

async function pidOf(session: Session): Promise<number> {
  return (await session.query<{ pid: number }>(sql`select pg_backend_pid() as pid`)).rows[0]?.pid ?? 0
}

describeOnOwnCluster('sessions', (_version, database) => {
  test('connections are counted by what they are at', async () => {
    const { db } = database()
    const before = await ask(db, connectionsProbe)
    await db.withSession(async (session) => {
      await session.query(sql`begin`)
      const during = await ask(db, connectionsProbe)
      expect(during.valueOf('pgstrata_connections', 'idle_in_transaction')).toBe(
        (before.valueOf('pgstrata_connections', 'idle_in_transaction') ?? 0) + 1,
      )
      expect(during.valueOf('pgstrata_idle_in_transaction_seconds')).toBeGreaterThan(0)
      expect(during.valueOf('pgstrata_oldest_transaction_seconds')).toBeGreaterThan(0)
      await session.query(sql`rollback`)
    })
    const after = await ask(db, connectionsProbe)
    expect(after.valueOf('pgstrata_connections_max')).toBe(200)
    const all = after.points.filter(({ metric }) => metric === 'pgstrata_connections')
    expect(after.valueOf('pgstrata_connections_used_ratio')).toBeCloseTo(
      all.reduce((sum, { value }) => sum + value, 0) / 200,
    )
  })

  test('a role that may not see what others run is told how many there are', async () => {
    const { db } = database()
    const { points, valueOf } = await ask(db, connectionsProbe, { seesAll: false })
    expect(points.map(({ metric }) => metric)).toEqual(['pgstrata_connections_max', 'pgstrata_connections_used_ratio'])
    expect(valueOf('pgstrata_connections_used_ratio')).toBeGreaterThan(0)
  })

  test('who waits for a lock is seen behind who holds it, and its statement is not shown', async () => {
    const { db } = database()
    await run(db, 'create table seats (id int primary key, taken_by text)', `insert into seats values (1, null)`)
    await db.withSession(async (holder) => {
      const holding = await pidOf(holder)
      await holder.query(sql`begin`)
      await holder.query(sql`update seats set taken_by = 'a' where id = 1`)
      const waiting = db.withSession(async (waiter) => {
        const pid = await pidOf(waiter)
        await waiter.query(sql`update seats set taken_by = 'the secret' where id = 1`)
        return pid
      })
      const seen = await waitUntil(
        async () => {
          const asked = await ask(db, locksProbe)
          const { roots } = asked.detail as LockDetail
          return roots.some(({ pid, behind }) => pid === holding && behind.length === 1) ? asked : undefined
        },
        { what: 'the blocked session' },
      )
      expect(seen.valueOf('pgstrata_blocked_sessions')).toBeGreaterThanOrEqual(1)
      expect(seen.valueOf('pgstrata_lock_wait_seconds')).toBeGreaterThan(0)
      expect(seen.valueOf('pgstrata_lock_pool_used_ratio')).toBeGreaterThan(0)
      expect(JSON.stringify(seen.detail)).not.toContain('secret')
      await holder.query(sql`rollback`)
      const waited = await waiting
      const root = (seen.detail as LockDetail).roots.find(({ pid }) => pid === holding)
      expect(root?.behind[0]).toMatchObject({ pid: waited, by: [holding] })
      expect(root?.state).toBe('idle in transaction')
    })
    const after = await ask(db, locksProbe)
    expect(JSON.stringify(after.detail)).not.toContain('"behind":[{')
  })

  test('what serializable transactions have read takes no places of other locks', async () => {
    const { db } = database()
    await run(
      db,
      `create table read_rows (id int primary key, text text)`,
      `insert into read_rows select g, repeat('x', 1000) from generate_series(1, 2000) g`,
      'vacuum analyze read_rows',
    )
    const used = async (): Promise<number> =>
      (await ask(db, locksProbe)).valueOf('pgstrata_lock_pool_used_ratio') ?? Number.NaN
    await db.withSession(async (session) => {
      await session.query(sql`begin isolation level serializable`)
      try {
        // Fewer than would be made one lock of the whole table.
        for (let id = 1; id < 2_000; id += 80) await session.query(sql`select text from read_rows where id = ${id}`)
        const { predicates, places } = onlyRow(
          await db.query<{ predicates: number; places: number }>(sql`
            select count(*) filter (where mode = 'SIReadLock')::float8 as predicates,
              current_setting('max_locks_per_transaction')::float8 * current_setting('max_connections')::float8 as places
            from pg_locks`),
        )
        expect(predicates).toBeGreaterThan(20)
        expect(await used()).toBeLessThan(predicates / places)
      } finally {
        await session.query(sql`rollback`)
      }
    })
  })

  test('who sends changes to a subscriber and waits for more is no load', async () => {
    const { db, url } = database()
    await run(db, `create publication all_of_it for all tables`)
    await run(db, `select pg_create_logical_replication_slot('sent', 'pgoutput')`)
    const replication = await openReplication({ url, applicationName: 'subscriber', connectTimeoutMs: 5_000 })
    try {
      await replication.start(
        { slot: 'sent', publications: ['all_of_it'], from: 0n },
        { onMessage: () => undefined, onEnd: () => undefined },
      )
      await waitUntil(
        async () => {
          const { rows } = await db.query(sql`
            select from pg_stat_activity where pid = ${replication.pid} and state = 'active' and wait_event_type = 'Client'`)
          return rows.length === 1
        },
        { what: 'a sender that waits' },
      )
      const clock = fakeClock(60_000_000)
      const { probe } = createActivity(clock)
      await ask(db, probe)
      clock.advance(60_000)
      const { sessions = [], valueOf } = await ask(db, probe)
      expect(sessions.filter(({ wait }) => /WalSender|walsender/.test(wait))).toEqual([])
      expect(valueOf('pgstrata_active_sessions', 'Client') ?? 0).toBe(0)
    } finally {
      replication.close()
      await run(db, `select pg_terminate_backend(${replication.pid}, 5000)`, `select pg_drop_replication_slot('sent')`)
      await run(db, 'drop publication all_of_it')
    }
  })

  test('active sessions are added up by what they wait for; idle ones and who asks are not', async () => {
    const { db } = database()
    const clock = fakeClock(60_000_000)
    const { probe, onCpu } = createActivity(clock)
    const look = async (): Promise<boolean> => {
      clock.advance(1_000)
      return ((await ask(db, probe)).valueOf('pgstrata_active_sessions', 'Timeout') ?? 0) > 0
    }
    expect(onCpu('primary')).toBe(undefined)
    const idle = await ask(db, probe)
    await sleeping(db, async () => {
      await waitUntil(look, { what: 'a session that waits for a timeout' })
      for (let looks = 0; looks < 3; looks++) await look()
      clock.advance(60_000)
      const { sessions = [], valueOf } = await ask(db, probe)
      const row = sessions.find(({ wait, queryid }) => wait === 'PgSleep' && queryid !== '')
      expect(row).toMatchObject({ waitType: 'Timeout' })
      expect(row?.samples).toBeGreaterThanOrEqual(4)
      expect(valueOf('pgstrata_active_sessions', 'Timeout')).toBeGreaterThanOrEqual(1)
    })
    clock.advance(61_000)
    await waitUntil(
      async () => {
        clock.advance(61_000)
        return (
          (await ask(db, probe)).valueOf('pgstrata_active_sessions', 'Timeout') ===
          (idle.valueOf('pgstrata_active_sessions', 'Timeout') ?? 0)
        )
      },
      { what: 'that it is over' },
    )
    expect(onCpu('primary')).toBeGreaterThanOrEqual(0)
  })

  test('where the server is elsewhere, its load is that of sessions on its processors', async () => {
    const { db } = database()
    const activity = { ...createActivity(fakeClock()), onCpu: () => 3 }
    const probe = createCpuProbe({ activity, cores: 4 })
    const { valueOf } = await ask(db, probe, { isLocal: false })
    expect(valueOf('pgstrata_cpu_used_ratio')).toBe(0.75)
    const unknown = createCpuProbe({ activity, cores: undefined })
    expect(unknown.unavailable({ isLocal: false, seesAll: true } as never)).toMatch(
      /^not available because .*watch\.cores/,
    )
    expect(unknown.unavailable({ isLocal: true, seesAll: true } as never)).toBe(undefined)
  })

  test('where it is on this machine, /proc says it', async () => {
    const { db } = database()
    const probe = createCpuProbe({ activity: createActivity(fakeClock()), cores: undefined })
    expect((await ask(db, probe)).points).toEqual([])
    const used = await waitUntil(async () => (await ask(db, probe)).valueOf('pgstrata_cpu_used_ratio'), {
      what: 'ticks',
    })
    expect(used).toBeLessThanOrEqual(1)
  })
})

async function sleeping(db: Db, work: () => Promise<void>): Promise<void> {
  await db.withSession(async (session) => {
    const pid = await pidOf(session)
    const asleep = session.query(sql`select pg_sleep(60)`).catch(() => undefined)
    try {
      await work()
    } finally {
      await db.query(sql`select pg_cancel_backend(${pid})`)
      await asleep
    }
  })
}

test('waiting for a disk is no work, and what a neighbour took is', () => {
  const stat = 'cpu  100 10 20 500 60 3 7 40 0 0\ncpu0 1 1 1 1 1 1 1 1 0 0\n'
  expect(countersOf(stat)).toEqual({ busy: 180, all: 740 })
})

test('a queue for one lock is a tree that grows with the queue, and a circle has no root', () => {
  const session = (pid: number, by: readonly number[]): BlockedSession => ({
    pid,
    by,
    user: null,
    application: '',
    state: null,
    queryid: null,
    waitedSeconds: null,
    openSeconds: null,
  })
  const queue = Array.from({ length: 50 }, (_, index) =>
    session(
      index,
      Array.from({ length: index }, (_none, one) => one),
    ),
  )
  const [root, ...others] = treesOf(queue)
  expect(others).toEqual([])
  expect(root?.behind).toHaveLength(49)
  expect(treesOf([session(1, [2]), session(2, [1])])).toEqual([])
})
