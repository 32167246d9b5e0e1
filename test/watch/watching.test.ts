// Watching as a whole: of several processes one measures and stores, the others read what it stored, and one takes over when it is gone.

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { systemClock } from '../../src/base/clock.ts'
import { silentLogger } from '../../src/base/logger.ts'
import { systemRandom } from '../../src/base/random.ts'
import { openDb } from '../../src/db/pg-db.ts'
import type { Db } from '../../src/db/db.ts'
import { sql } from '../../src/sql/sql.ts'
import { createServerProbes, createWatching, type ServerProbe, type Watching } from '../../src/watch/index.ts'
import { createStatementsProbe } from '../../src/watch/probes/statements.ts'
import { waitUntil } from '../support/wait.ts'
import { describeOnWatched, run, strataOf } from './support.ts'
import { checkProperty } from '../support/property.ts'

interface Opened {
  readonly watching: Watching
  readonly db: Db
}

interface OpenOptions {
  readonly probes?: () => readonly ServerProbe[]
  readonly every?: Readonly<Record<string, number>>
}

const serverProbes = (): readonly ServerProbe[] =>
  createServerProbes({ clock: systemClock, cores: undefined, asksReplicas: false })

function open(url: string, { probes = serverProbes, every = {} }: OpenOptions = {}): Opened {
  const db = openDb({ url, max: 2 })
  const watching = createWatching({
    db,
    settings: {
      every,
      raw: '7 days',
      hours: '90 days',
      rawMs: 7 * 86_400_000,
      hoursMs: 90 * 86_400_000,
      pgbouncer: undefined,
      cores: undefined,
    },
    nodes: [{ name: 'primary', open: () => openDb({ url, max: 1, applicationName: 'pgstrata watch' }) }],
    probes,
    others: [],
    leaseMs: 2_000,
    clock: systemClock,
    random: systemRandom,
    logger: silentLogger,
  })
  return { watching, db }
}

const openStatements = (url: string): Opened =>
  open(url, { probes: () => [createStatementsProbe()], every: { statements: 20 } })

/** Of one reading alone, on any server: what is added or shared since the one before comes later. */
const measuredAtOnce = [
  'pgstrata_up',
  'pgstrata_active_sessions',
  'pgstrata_blocked_sessions',
  'pgstrata_lock_wait_seconds',
  'pgstrata_lock_pool_used_ratio',
  'pgstrata_connections',
  'pgstrata_connections_max',
  'pgstrata_connections_used_ratio',
  'pgstrata_oldest_transaction_seconds',
  'pgstrata_idle_in_transaction_seconds',
  'pgstrata_database_size_bytes',
  'pgstrata_tables_size_bytes',
  'pgstrata_freeze_age_ratio',
  'pgstrata_multixact_age_ratio',
  'pgstrata_calls_per_second',
  'pgstrata_rollup_pending_rows',
  'pgstrata_partitions_ahead',
]

describeOnWatched('watching', (_version, database) => {
  test('one of two measures; when it is gone without a word, the other one does', async () => {
    const [one, two] = [open(database().url), open(database().url)]
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
    const { watching, db } = open(database().url)
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
      const isKnown = (name: string): boolean => watch.states().some(({ probe }) => probe === name)
      const isMeasured = (metric: string): boolean => watch.latest.series(metric).length > 0
      await waitUntil(() => watch.probes.every(({ name }) => isKnown(name)) && measuredAtOnce.every(isMeasured), {
        what: 'an answer of every probe',
        timeoutMs: 30_000,
      })
      const failures = watch.states().filter(({ failure }) => failure !== undefined)
      expect(failures).toEqual([])
      expect(watch.states().find(({ probe }) => probe === 'statements')?.unavailable).toMatch(/create extension/)
      await watch.stop()
      const { rows } = await db.query<{ metric: string }>(sql`select distinct metric from pgstrata.watch_metric`)
      expect(rows.map(({ metric }) => metric)).toEqual(expect.arrayContaining([...measuredAtOnce]))
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
})

/** Who measures, and how often the statement is run: while it does, before the next one does, while another one had its lease. */
interface Turn {
  readonly who: 0 | 1
  readonly during: number
  readonly between: number
  /** Undefined: nobody took it. */
  readonly robbed: number | undefined
}

const times = fc.integer({ min: 0, max: 4 })
const turn: fc.Arbitrary<Turn> = fc.record({
  who: fc.constantFrom(0, 1),
  during: times,
  between: times,
  robbed: fc.option(times, { nil: undefined }),
})

describeOnWatched('two that take turns', (_version, database) => {
  test('store what was counted while one of them looked, once; what nobody looked at is in nothing', async () => {
    const { db, url } = database()
    await run(db, 'create extension pg_stat_statements')
    const counted = openDb({ url: `${url}?options=-c%20pg_stat_statements.track%3Dall`, max: 1 })
    const [one, other] = [openStatements(url), openStatements(url)]
    const call = async (often: number): Promise<void> => {
      for (let n = 0; n < often; n++) await counted.query(sql`select 'taken in turns' as "taken in turns"`)
    }
    const stored = async (): Promise<number> => {
      const { rows } = await db.query<{ calls: number }>(sql`
        select coalesce(sum(calls), 0)::float8 as calls from pgstrata.watch_statement`)
      return rows[0]?.calls ?? 0
    }
    const ofServer = async (): Promise<number> => {
      const { rows } = await db.query<{ calls: number }>(sql`
        select coalesce(sum(calls), 0)::float8 as calls
        from pg_stat_statements
        where dbid = (select oid from pg_database where datname = current_database())`)
      return rows[0]?.calls ?? 0
    }
    const takeTurn = async ({ who, during, robbed }: Turn): Promise<void> => {
      const { watching } = who === 0 ? one : other
      const answered = (): number | undefined => watching.latest.states()[0]?.atMs
      /** Two more answers: the second was not asked for before the first was there. */
      const look = async (): Promise<void> => {
        for (let answers = 0; answers < 2; answers++) {
          const before = answered()
          await waitUntil(() => answered() !== undefined && answered() !== before, { what: 'another answer' })
        }
      }
      watching.start()
      await look()
      if (robbed !== undefined) {
        const fence = watching.lease?.fence ?? Number.POSITIVE_INFINITY
        await run(db, `update pgstrata.lease set fence = fence + 5, expires_at = '-infinity' where name = 'watch'`)
        await call(robbed)
        await waitUntil(() => (watching.lease?.fence ?? 0) > fence, { what: 'that it has the lease again' })
        await look()
      }
      await call(during)
      await look()
      await watching.stop()
    }
    try {
      await checkProperty(
        'turns of two that watch',
        fc.array(turn, { minLength: 3, maxLength: 5 }),
        async (turns) => {
          const from = { stored: await stored(), ofServer: await ofServer() }
          const sum = (of: (one: Turn) => number): number => turns.reduce((all, each) => all + of(each), 0)
          for (const next of turns) {
            await takeTurn(next)
            await call(next.between)
          }
          const unseen = sum(({ between, robbed = 0 }) => between + robbed)
          expect((await ofServer()) - from.ofServer).toBe(sum(({ during }) => during) + unseen)
          expect((await stored()) - from.stored).toBe(sum(({ during }) => during))
        },
        { runs: 2 },
      )
    } finally {
      for (const { watching, db: own } of [one, other]) {
        await watching.stop()
        await own.close()
      }
      await counted.close()
    }
  })
})
