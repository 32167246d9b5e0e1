// Watching as a whole: of several processes one measures and stores, the others read what it stored, and one takes over when it is gone.

import { expect, test } from 'vitest'
import { systemClock } from '../../src/base/clock.ts'
import { silentLogger } from '../../src/base/logger.ts'
import { systemRandom } from '../../src/base/random.ts'
import { openDb } from '../../src/db/pg-db.ts'
import type { Db } from '../../src/db/db.ts'
import { sql } from '../../src/sql/sql.ts'
import { createServerProbes, createWatching, type Watching } from '../../src/watch/index.ts'
import { describeOnEachVersion } from '../support/postgres.ts'
import { waitUntil } from '../support/wait.ts'
import { applyWatch, run, strataOf } from './support.ts'

describeOnEachVersion(
  'watching',
  (_version, database) => {
    function open(leaseMs = 600): { readonly watching: Watching; readonly db: Db } {
      const { url } = database()
      const db = openDb({ url, max: 2 })
      const watching = createWatching({
        db,
        settings: {
          every: {},
          raw: '7 days',
          hours: '90 days',
          rawMs: 7 * 86_400_000,
          hoursMs: 90 * 86_400_000,
          pgbouncer: undefined,
          cores: undefined,
        },
        nodes: [{ name: 'primary', open: () => openDb({ url, max: 1, applicationName: 'pgstrata watch' }) }],
        probes: createServerProbes({ clock: systemClock, cores: undefined, asksReplicas: false }),
        others: [],
        leaseMs,
        clock: systemClock,
        random: systemRandom,
        logger: silentLogger,
      })
      return { watching, db }
    }

    test('one of two measures; when it is gone without a word, the other one does', async () => {
      const [one, two] = [open(), open()]
      expect(one.watching.role).toBe('off')
      one.watching.start()
      await waitUntil(() => one.watching.role === 'measuring', { what: 'the first' })
      two.watching.start()
      await waitUntil(() => one.watching.latest.series('pgstrata_up').length === 1, { what: 'a first reading' })
      expect(two.watching.role).toBe('waiting')
      expect(two.watching.latest.series()).toEqual([])
      expect(two.watching.lease).toBe(undefined)
      // Its connections are gone, as those of a process that was killed.
      await one.db.close({ now: true })
      await waitUntil(() => two.watching.role === 'measuring', { what: 'that the second takes over' })
      await waitUntil(() => two.watching.latest.series('pgstrata_up').length === 1, { what: 'its first reading' })
      const { rows } = await two.db.query<{ fence: number }>(
        sql`select fence::int as fence from pgstrata.lease where name = 'watch'`,
      )
      expect(rows[0]?.fence).toBeGreaterThan(1)
      await one.watching.stop()
      await two.watching.stop()
      expect(two.watching.role).toBe('off')
      expect(two.watching.latest.series()).toEqual([])
      await two.db.close()
    })

    test('one that lost its lease ends, and gives it back when it is stopped', async () => {
      const { watching, db } = open()
      watching.start()
      await waitUntil(() => watching.role === 'measuring', { what: 'that it measures' })
      await run(
        database().db,
        `update pgstrata.lease set holder = 'somebody else', fence = fence + 1, expires_at = now() + interval '1 hour' where name = 'watch'`,
      )
      await waitUntil(() => watching.role === 'waiting', { what: 'that it has ended' })
      expect(watching.latest.states()).toEqual([])
      await run(database().db, `update pgstrata.lease set expires_at = '-infinity' where name = 'watch'`)
      await waitUntil(() => watching.role === 'measuring', { what: 'that it measures again' })
      await watching.stop()
      const { rows } = await database().db.query<{ free: boolean }>(
        sql`select expires_at <= now() as free from pgstrata.lease where name = 'watch'`,
      )
      expect(rows[0]?.free).toBe(true)
      await db.close()
    })

    test('what was measured is stored when it ends, and read by who does not measure', async () => {
      const { db } = database()
      const strata = strataOf(database().url)
      try {
        expect.assert(strata.watch !== undefined)
        expect(strata.watch.role).toBe('off')
        strata.watch.start()
        const { watch } = strata
        await waitUntil(
          () => watch.states().length >= 20 && watch.latest.series('pgstrata_tables_size_bytes').length > 0,
          {
            what: 'an answer of every probe',
          },
        )
        const failures = watch.states().filter(({ failure }) => failure !== undefined)
        expect(failures).toEqual([])
        expect(watch.states().find(({ probe }) => probe === 'statements')?.unavailable).toMatch(/create extension/)
        await watch.stop()
        const { rows } = await db.query<{ n: number }>(
          sql`select count(distinct metric)::int as n from pgstrata.watch_metric`,
        )
        expect(rows[0]?.n).toBeGreaterThan(20)
        const stored = await watch.series('pgstrata_connections_max')
        expect(stored).toMatchObject([{ node: 'primary', value: 200, labels: [] }])
        const to = new Date(Date.now() + 60_000)
        const series = await watch.store.series({
          metric: 'pgstrata_connections',
          from: new Date(Date.now() - 600_000),
          to,
        })
        expect(series.map(({ labels }) => labels[0]).toSorted()).toEqual([
          'active',
          'idle',
          'idle_in_transaction',
          'other',
        ])
        expect(await watch.store.bytes()).toBeGreaterThan(0)
        expect(watch.store.dropped).toBe(0)
      } finally {
        await strata.close()
      }
    })
  },
  async ({ url }) => {
    await applyWatch(url)
  },
)
