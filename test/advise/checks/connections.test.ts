// Each check on connections and locks finds its situation, says who is behind it, and what it says mends it.

import { expect, test } from 'vitest'
import { openDb } from '../../../src/db/pg-db.ts'
import type { Session } from '../../../src/db/db.ts'
import { sql } from '../../../src/sql/sql.ts'
import { describeOnEachVersion, type TestDatabase } from '../../support/postgres.ts'
import { waitUntil } from '../../support/wait.ts'
import { about, ask, everything, run, subjects } from './support.ts'

/** Sessions of the situation, on a pool of their own: some of them are ended. */
async function withSessions(database: TestDatabase, work: (open: () => Promise<Open>) => Promise<void>): Promise<void> {
  const db = openDb({ url: database.url, max: 4 })
  const ends: (() => void)[] = []
  const running: Promise<unknown>[] = []
  try {
    await work(
      () =>
        new Promise((resolve, reject) => {
          const held = db.withSession(async (session) => {
            const ended = new Promise<void>((end) => void ends.push(end))
            resolve({ session, pid: session.pid })
            await ended
          })
          held.catch(reject)
          running.push(held)
        }),
    )
  } finally {
    for (const end of ends) end()
    await Promise.allSettled(running)
    await db.close({ now: true })
  }
}

interface Open {
  readonly session: Session
  readonly pid: number
}

async function isIn(database: TestDatabase, pid: number, condition: string): Promise<boolean> {
  const { rows } = await database.db.query(
    sql`select from pg_stat_activity where pid = ${pid} and ${sql.raw(condition)}`,
  )
  return rows.length > 0
}

describeOnEachVersion('checks on connections', (_version, database) => {
  test('connections-used: counts what is in use against what ordinary roles may have', async () => {
    expect(await ask(database().db, 'connections-used')).toEqual([])
    const [found] = await ask(database().db, 'connections-used', { limits: { warn: 0, critical: 0.999, least: 0 } })
    const { rows } = await database().db.query<{ used: number }>(
      sql`select count(*)::float8 as used from pg_stat_activity where datname = current_database()`,
    )
    expect(found?.evidence['used']).toBeGreaterThanOrEqual(rows[0]?.used ?? 1)
    expect(found?.evidence['most']).toBeLessThan(200)
    expect(found?.gravity).toBe('warn')
  })

  test('idle-in-transaction: names the session, and ends it', async () => {
    await withSessions(database(), async (open) => {
      const { session, pid } = await open()
      await session.query(sql`begin`)
      await waitUntil(() => isIn(database(), pid, `state = 'idle in transaction'`), { what: 'idle in transaction' })
      expect(await ask(database().db, 'idle-in-transaction')).toEqual([])
      const found = about(await ask(database().db, 'idle-in-transaction', { limits: everything }), `session ${pid}`)
      await run(database().db, found.fix)
      await waitUntil(async () => !(await isIn(database(), pid, 'true')), { what: 'the session is gone' })
      expect(subjects(await ask(database().db, 'idle-in-transaction', { limits: everything }))).toEqual([])
    })
  })

  test('long-transaction: names the session that works, not the one that idles, and cancels it', async () => {
    await withSessions(database(), async (open) => {
      const [busy, idle] = [await open(), await open()]
      await idle.session.query(sql`begin`)
      const asleep = busy.session.query(sql`select pg_sleep(60)`).then(
        () => 'slept',
        (error: { code?: string }) => error.code,
      )
      await waitUntil(() => isIn(database(), busy.pid, `wait_event = 'PgSleep'`), { what: 'it sleeps' })
      expect(subjects(await ask(database().db, 'long-transaction'))).not.toContain(`session ${busy.pid}`)
      const findings = await ask(database().db, 'long-transaction', { limits: everything })
      expect(subjects(findings)).not.toContain(`session ${idle.pid}`)
      await run(database().db, about(findings, `session ${busy.pid}`).fix)
      expect(await asleep).toBe('57014')
      expect(subjects(await ask(database().db, 'long-transaction', { limits: everything }))).not.toContain(
        `session ${busy.pid}`,
      )
    })
  })

  test('blocked-sessions: names the root of the waiting, counts all behind it, and frees them', async () => {
    await database().db.query(sql`create table wanted (id int)`)
    await withSessions(database(), async (open) => {
      const [root, second, third] = [await open(), await open(), await open()]
      await root.session.query(sql`begin`)
      await root.session.query(sql`lock table wanted in share row exclusive mode`)
      // The third waits behind the second, which waits for the first.
      const waits = async (
        { session, pid }: Open,
        statement: string,
      ): Promise<{ readonly outcome: Promise<string> }> => {
        const outcome = session.query(sql.raw(statement)).then(
          () => 'came through',
          () => 'failed',
        )
        await waitUntil(() => isIn(database(), pid, `wait_event_type = 'Lock'`), { what: 'it waits' })
        return { outcome }
      }
      const behind = await waits(second, 'lock table wanted; select 1')
      const further = await waits(third, 'select from wanted')
      expect(subjects(await ask(database().db, 'blocked-sessions'))).not.toContain(`session ${root.pid}`)
      const limits = { warn: 0, critical: 60, least: 0 }
      const found = about(await ask(database().db, 'blocked-sessions', { limits }), `session ${root.pid}`)
      expect(found).toMatchObject({ gravity: 'warn', evidence: { state: 'idle in transaction', blocked: 2 } })
      await run(database().db, found.fix)
      expect(await Promise.all([behind.outcome, further.outcome])).toEqual(['came through', 'came through'])
      expect(subjects(await ask(database().db, 'blocked-sessions', { limits }))).not.toContain(`session ${root.pid}`)
    })
  })

  test('lock-pool: counts the places that are taken', async () => {
    expect(await ask(database().db, 'lock-pool')).toEqual([])
    await withSessions(database(), async (open) => {
      const { session } = await open()
      await session.query(sql`begin`)
      await session.query(sql.raw(`create temp table many (id int) partition by list (id)`))
      for (let id = 0; id < 40; id += 1)
        await session.query(sql.raw(`create temp table many_${id} partition of many for values in (${id})`))
      const [found] = await ask(database().db, 'lock-pool', { limits: { warn: 0.0001, critical: 2, least: 0 } })
      expect(found?.evidence['held']).toBeGreaterThanOrEqual(40)
      // There is room: nothing would be gained by more.
      expect(found?.fix).toEqual([])
    })
  })
})
