// A cancelling that arrives late: nothing that the connection does afterwards is hit by it.

import { expect, test } from 'vitest'
import type { Db } from '../../src/db/db.ts'
import { cancelOnAbort } from '../../src/plan/interrupt.ts'
import { withWorkSession } from '../../src/plan/index.ts'
import { sql } from '../../src/sql/sql.ts'
import { fakeClock } from '../support/fake-clock.ts'
import { describeOnEachVersion } from '../support/postgres.ts'
import { waitUntil } from '../support/wait.ts'

describeOnEachVersion('a statement that ends before its cancelling arrives', (_version, database) => {
  test('keeps its connection until the server has answered', async () => {
    const { db } = database()
    const held = holdCancelling(db)
    const stop = new AbortController()
    let isOver = false
    const working = withWorkSession({ db: held.db, signal: stop.signal }, async (session) => {
      stop.abort()
      return session.pid
    }).finally(() => (isOver = true))
    // Many times as long as it takes to put a session right and give it back.
    for (let round = 0; round < 20; round++) await db.query(sql`select pg_sleep(0.01)`)
    expect(isOver).toBe(false)
    held.letGo()
    const pid = await working
    // The connection is the pool's again, and what it runs next is nobody's to cancel.
    await db.withSession(async (session) => {
      expect(session.pid).toBe(pid)
      await session.query(sql`select pg_sleep(0.1)`)
    })
  })

  test('loses its connection where the server does not answer in time', async () => {
    const { db } = database()
    const held = holdCancelling(db)
    const clock = fakeClock()
    const pid = await db.withSession(async (session) => {
      const stop = new AbortController()
      const stopListening = cancelOnAbort({ db: held.db, session, signal: stop.signal, clock })
      stop.abort()
      const ended = stopListening()
      clock.advance(60_000)
      await ended
      await expect(session.query(sql`select 1`)).rejects.toMatchObject({ code: 'DATABASE_LOST' })
      return session.pid
    })
    await waitUntil(
      async () => (await db.query(sql`select from pg_stat_activity where pid = ${pid}::int4`)).rowCount === 0,
      { what: 'the end of the connection' },
    )
    held.letGo()
  })
})

/** Where the network takes its time with the request to cancel, and with nothing else. */
function holdCancelling(db: Db): { readonly db: Db; readonly letGo: () => void } {
  let letGo = (): void => undefined
  const gate = new Promise<void>((resolve) => (letGo = resolve))
  const query: Db['query'] = async (statement) => {
    if (statement.text.includes('pg_cancel_backend')) await gate
    return await db.query(statement)
  }
  return { db: { ...db, query }, letGo }
}
