// A cap on rows per second, and waiting while the server is busy; on a clock that does not wait.

import { expect, test } from 'vitest'
import { seededRandom } from '../../src/base/random.ts'
import { awaitCalm, setPace } from '../../src/plan/index.ts'
import { sql } from '../../src/sql/sql.ts'
import { fakeClock } from '../support/fake-clock.ts'
import { describeOnEachVersion } from '../support/postgres.ts'
import { waitUntil } from '../support/wait.ts'

test('a pace lets no more rows through than it says', async () => {
  const clock = fakeClock()
  const pace = setPace({ rowsPerSecond: 1_000, clock })
  for (let batch = 0; batch < 10; batch++) await pace.spend(500)
  expect(clock.monotonic()).toBe(5_000)
})

test('a pace does not make up for more than a second that was lost', async () => {
  const clock = fakeClock()
  const pace = setPace({ rowsPerSecond: 1_000, clock })
  clock.advance(60_000)
  for (let batch = 0; batch < 10; batch++) await pace.spend(500)
  expect(clock.monotonic()).toBe(64_000)
})

test('without a cap nobody waits', async () => {
  const clock = fakeClock()
  await setPace({ rowsPerSecond: undefined, clock }).spend(1_000_000)
  expect(clock.slept).toEqual([])
})

describeOnEachVersion('waiting for a calm server', (_version, database) => {
  const how = { code: 'CONVERT_FAILED', patienceMs: 10_000, random: seededRandom(1) } as const

  test('goes on when the others have ended, and gives up when they do not', async () => {
    const { db } = database()
    const notes: string[] = []
    // Held at work by a lock of ours; backends of other tests only make it busier.
    await db.withSession(async (holder) => {
      await holder.query(sql`select pg_advisory_lock(7)`)
      const working = db.query(sql`select pg_advisory_lock(7), pg_advisory_unlock(7)`)
      await waitUntil(
        async () =>
          (await db.query(sql`select from pg_locks where locktype = 'advisory' and not granted`)).rows.length > 0,
        { what: 'the other to be at work' },
      )
      const calm = { ...how, clock: fakeClock(), maxActive: 0, onWait: (note: string) => void notes.push(note) }
      await expect(awaitCalm(holder, calm)).rejects.toMatchObject({ code: 'CONVERT_FAILED' })
      expect(notes.length).toBeGreaterThan(10)
      await awaitCalm(holder, { ...calm, maxActive: 1_000 })
      await holder.query(sql`select pg_advisory_unlock(7)`)
      await working
    })
  })
})
