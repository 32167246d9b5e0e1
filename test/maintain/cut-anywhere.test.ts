// The network is cut at each message that a daemon sends in the course of one run, before it arrives or before its answer
// does: whatever that message was, each statement of the job takes effect once, and its tick is done once.

import { describe, expect, onTestFinished, test } from 'vitest'
import { createOwnJob } from '../../src/maintain/own-job.ts'
import { onlyRow } from '../../src/db/db.ts'
import { sql } from '../../src/sql/sql.ts'
import { useDatabase, versions } from '../support/postgres.ts'
import { startTcpProxy, throughPort } from '../support/tcp-proxy.ts'
import { countUntil, daemon, day, expireLease, install, runsOf } from './support.ts'

const mostMessages = 200

// How the server keeps transactions is the same in each version.
describe.each(versions.slice(0, 1))('a run that is cut at any message, on PostgreSQL %d', (version) => {
  const database = useDatabase(version, install)

  test.each(['cutWhen', 'loseAnswerWhen'] as const)('%s', async (way) => {
    const { db, url } = database()
    await db.query(sql`create table if not exists mark (job text, part int)`)
    const { port } = new URL(url)
    const proxy = await startTcpProxy(() => Number(port))
    onTestFinished(() => proxy.close())
    let message = 0
    for (let isCut = true; isCut && message < mostMessages;) {
      message++
      const name = `${way}-${message}`
      const own = createOwnJob({
        name,
        schedule: { everyMs: day },
        timeoutMs: 60_000,
        overlap: 'skip',
        work: { sql: [1, 2].map((part) => `insert into mark values ('${name}', ${part})`) },
      })
      const other = daemon(url, [own])
      await other.runDue()
      await countUntil(db, name, sql`now() - interval '2 days'`)
      let sent = 0
      proxy[way] = () => ++sent === message
      const jobs = daemon(throughPort(url, proxy.port), [own])
      const [told] = await jobs.runDue().catch(() => [])
      isCut = sent >= message
      proxy[way] = undefined
      await jobs.close()
      await expireLease(db, name)
      for (let look = 0; look < 4 && (await other.runDue()).length > 0; look++);
      await other.close()
      const { parts, marks } = onlyRow(
        await db.query<{ parts: number; marks: number }>(sql`
          select count(distinct part)::int4 as parts, count(*)::int4 as marks from mark where job = ${name}`),
      )
      const states = (await runsOf(db, name)).map(({ state }) => state)
      expect({ message, marks, parts, done: states.filter((state) => state === 'done').length, states }).toMatchObject({
        marks: 2,
        parts: 2,
        done: 1,
      })
      expect(states.at(-1)).toBe('done')
      // What the runner says is what was written down, though it may not have heard so.
      if (told !== undefined) expect({ message, state: told.state }).toEqual({ message, state: states[0] })
    }
    // Less would mean that the run was not seen.
    expect(message).toBeGreaterThan(30)
    expect(message).toBeLessThan(mostMessages)
  })
})
