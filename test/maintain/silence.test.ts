// A network that swallows everything and tells nobody, and daemons that stand still in the middle of a statement: what
// they hold is freed within a bound, and they end when they are told to.

import { expect, onTestFinished, test } from 'vitest'
import { openDb } from '../../src/db/pg-db.ts'
import type { JobsTools } from '../../src/maintain/index.ts'
import { sql } from '../../src/sql/sql.ts'
import { describeOnEachVersion } from '../support/postgres.ts'
import { startTcpProxy, throughPort, type TcpProxy } from '../support/tcp-proxy.ts'
import { waitUntil } from '../support/wait.ts'
import { countUntil, daemon, gate, install, job, runsOf } from './support.ts'

async function silenceable(url: string): Promise<{ readonly proxy: TcpProxy; readonly by: string }> {
  const { port } = new URL(url)
  const proxy = await startTcpProxy(() => Number(port))
  onTestFinished(() => proxy.close())
  return { proxy, by: throughPort(url, proxy.port) }
}

const brief = { leaseMs: 2_000, graceMs: 500, answerTimeoutMs: 1_000 }
const impatient = (url: string): Partial<JobsTools> => ({
  ...brief,
  open: (applicationName, limits) => openDb({ url, applicationName, connectTimeoutMs: 1_000, ...limits }),
})

describeOnEachVersion(
  'silence',
  (_version, database) => {
    test('a daemon that gets no answer makes new connections, and goes on', async () => {
      const { db, url } = database()
      const { proxy, by } = await silenceable(url)
      const states: string[] = []
      const jobs = daemon(by, [job('heard', async () => undefined, { schedule: { everyMs: 1_000 } })], impatient(by))
      await jobs.start({ onState: ({ kind }) => void states.push(kind) })
      await waitUntil(async () => (await runsOf(db, 'heard')).length > 0, { what: 'a run' })
      proxy.isSilent = true
      await waitUntil(() => states.includes('failing'), { what: 'it to notice', timeoutMs: 30_000 })
      const sofar = (await runsOf(db, 'heard')).length
      proxy.isSilent = false
      await waitUntil(async () => (await runsOf(db, 'heard')).length > sofar, {
        what: 'it to go on',
        timeoutMs: 30_000,
      })
      await jobs.stop()
    })

    test('a run whose connection is silent ends with its time; all ends when it is told to', async () => {
      const { db, url } = database()
      const { proxy, by } = await silenceable(url)
      const asked = gate()
      const mute = job(
        'mute',
        async ({ db: on, attempt }) => {
          if (attempt > 1) return
          await on.withSession(async (session) => {
            await session.query(sql`begin`)
            proxy.isSilent = true
            asked.open()
            await session.query(sql`select 1`)
          })
        },
        { timeoutMs: 500 },
      )
      const jobs = daemon(by, [mute], impatient(by))
      await jobs.runDue()
      await countUntil(db, 'mute', sql`now() - interval '2 days'`)
      const running = jobs.runDue()
      await asked.opened
      expect(await running).toMatchObject([{ state: 'lost' }])
      // Would wait for connections that never say anything again.
      await jobs.close()
      proxy.isSilent = false
      const other = daemon(url, [mute], brief)
      const [again] = await waitUntil(
        async () => {
          const reports = await other.runDue()
          return reports.length > 0 && reports
        },
        { what: 'another to take it over', timeoutMs: 30_000 },
      )
      expect(again).toMatchObject({ state: 'done', attempt: 2 })
    })

    test('one that stands still while it holds a lease row is not waited for longer than its bound', async () => {
      const { db, url } = database()
      const { proxy, by } = await silenceable(url)
      const confirmed = gate()
      const never = gate()
      const standing = job('standing', async ({ db: on, attempt, confirm }) => {
        if (attempt > 1) return
        await on.withSession(async (session) => {
          await session.query(sql`begin`)
          await confirm(session)
          proxy.isSilent = true
          confirmed.open()
          await never.opened
        })
      })
      const first = daemon(by, [standing], impatient(by))
      await first.runDue()
      await countUntil(db, 'standing', sql`now() - interval '2 days'`)
      const running = first.runDue()
      await confirmed.opened
      const other = daemon(url, [standing], brief)
      const [again] = await waitUntil(
        async () => {
          const reports = await other.runDue()
          return reports.length > 0 && reports
        },
        { what: 'another to take it over', timeoutMs: 30_000 },
      )
      expect(again).toMatchObject({ state: 'done', attempt: 2 })
      expect(await running).toMatchObject([{ state: 'lost' }])
    })
  },
  install,
)
