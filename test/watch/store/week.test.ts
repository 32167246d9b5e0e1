// Must stay within what is said of it: the store under a load of days, written through the store itself, with partitions that come
// and go, rollups that are merged, and hours that are forgotten. Time is moved by hand: what is old is written as old.
// Once an hour in the ordinary run; with PGSTRATA_SOAK=1 the whole week, every minute.

import { expect, test } from 'vitest'
import { silentLogger } from '../../../src/base/logger.ts'
import type { Db } from '../../../src/db/db.ts'
import { acquireLease } from '../../../src/db/lease.ts'
import { sql } from '../../../src/sql/sql.ts'
import { forgetGone } from '../../../src/rollups/merge/forget.ts'
import { mergeRollup } from '../../../src/rollups/merge/merge.ts'
import { readInstalled } from '../../../src/rollups/kept/queries.ts'
import { readStoreBytes } from '../../../src/watch/store/read.ts'
import { mostStoreBytes, type StoreLoad } from '../../../src/watch/store/size.ts'
import { StoreWriter } from '../../../src/watch/store/writer.ts'
import type { Taken } from '../../../src/watch/sampler/taken.ts'
import { fakeClock, type FakeClock } from '../../support/fake-clock.ts'
import { testDatabase, versions } from '../../support/postgres.ts'
import { applyWatch, run, strataOf } from '../support.ts'

const isWhole = process.env['PGSTRATA_SOAK'] === '1'
const dayMs = 86_400_000
const days = 9
const kept = { raw: 3, hours: 6 }
const everyMs = isWhole ? 60_000 : 3_600_000
const roundsPerDay = dayMs / everyMs

const counts = { gauges: 150, counters: 50, statements: 51, sessions: 30 }

function roundAt(clock: FakeClock, round: number): Taken {
  const series = (kind: 'gauge' | 'counter', many: number): Taken['series'] =>
    Array.from({ length: many }, (_, index) => ({
      node: 'primary',
      metric: {
        name: `pgstrata_table_${kind}_of_usual_length`,
        help: '',
        kind,
        labels: ['schema', 'table'],
        most: many,
      },
      labels: ['public', `table_of_usual_length_${index}`],
      value: round + index,
      perSecond: kind === 'counter' ? 1 + index : undefined,
      atMs: clock.now(),
    }))
  const statement = {
    calls: 3,
    planMs: 0.1,
    rows: 4,
    blocksHit: 5,
    blocksRead: 6,
    tempBlocks: 0,
    ioMs: 0.7,
    walBytes: 8,
  }
  return {
    state: {
      node: 'primary',
      probe: 'all',
      atMs: clock.now(),
      everyMs,
      tookMs: 1,
      unavailable: undefined,
      failure: undefined,
      detail: undefined,
    },
    series: [...series('gauge', counts.gauges), ...series('counter', counts.counters)],
    reading: {
      points: [],
      statements: Array.from({ length: counts.statements }, (_, index) => ({
        ...statement,
        queryid: String(index === 0 ? 0 : 7_000_000_000_000_000 + index),
        execMs: index + round / 7,
      })),
      sessions: Array.from({ length: counts.sessions }, (_, index) => ({
        waitType: 'LWLock',
        wait: `WaitOfUsualLength${index}`,
        queryid: String(7_000_000_000_000_000 + index),
        samples: index + 1,
      })),
    },
    elapsedSeconds: 60,
  }
}

const load: StoreLoad = {
  rowsPerDay: {
    metric: (counts.gauges + counts.counters) * roundsPerDay,
    statement: counts.statements * roundsPerDay,
    session: counts.sessions * roundsPerDay,
    call: 0,
  },
  keysPerHour: {
    metric: counts.gauges + counts.counters,
    statement: counts.statements,
    session: counts.sessions,
    call: 0,
  },
}

const none = { metric: 0, statement: 0, session: 0, call: 0 }
const nothing: StoreLoad = { rowsPerDay: none, keysPerHour: none }

test.each(isWhole ? versions : versions.slice(0, 1))(
  'a store of PostgreSQL %i stays within its stated size, and keeps what it says',
  async (version) => {
    const database = await testDatabase(version)
    const { db, url } = database
    try {
      const config = { watch: { store: { raw: `${kept.raw} days`, hours: `${kept.hours} days` } } }
      await applyWatch(url, config)
      const strata = strataOf(url, config)
      const fromMs = Math.floor(Date.now() / dayMs) * dayMs - (days - 1) * dayMs
      // Sessions are told when their minute is over.
      const clock = fakeClock(fromMs + 60_000)
      await makePast(db, fromMs)
      for (const { name } of strata.rollup.declared) await strata.rollup.fill(name)
      const empty = await readStoreBytes(db)
      const lease = await acquireLease(db, { name: 'watch', holder: 'test', durationMs: 3_600_000 })
      const writer = new StoreWriter({ db, lease: () => lease, clock, logger: silentLogger, keptMs: dayMs })
      const merge = (): Promise<void> =>
        db.withSession(async (session) => {
          for (const { shape } of await readInstalled(session))
            await mergeRollup(session, shape, { lockTimeoutMs: 5_000 })
        })
      const rounds = Math.floor((Date.now() - fromMs) / everyMs)
      const forced = isWhole ? 60 : 24
      for (let round = 0; round < rounds; round++) {
        writer.take(roundAt(clock, round))
        clock.advance(everyMs)
        await writer.flush()
        if (round % forced === forced - 1) await merge()
      }
      await merge()
      expect(writer.dropped).toBe(0)
      const before = await readStoreBytes(db)
      // Taken out, and an hour later dropped.
      await strata.jobs.runNow('retention')
      await run(db, `update pgstrata.retired_partition set drop_after = now() - interval '1 second'`)
      await strata.jobs.runNow('retention')
      await db.withSession(async (session) => {
        for (const { shape } of await readInstalled(session)) await forgetGone(session, shape, { lockTimeoutMs: 5_000 })
      })
      await run(db, 'vacuum')
      const after = await readStoreBytes(db)
      expect(after).toBeLessThan(before)
      const stated = { raw: kept.raw, calls: 1, hours: kept.hours }
      expect(after).toBeLessThan(mostStoreBytes(load, stated))
      // What rows take, apart from what there is without any.
      const ofRows = mostStoreBytes(load, stated) - mostStoreBytes(nothing, stated)
      expect(after - empty).toBeLessThan(ofRows)
      if (isWhole) console.log(`${version}: ${after - empty} of ${ofRows} bytes stated for rows`)
      const ageOf = async (table: string, column: string): Promise<number> => {
        const { rows } = await db.query<{ days: number }>(
          sql`select extract(epoch from now() - min(${sql.ident(column)}))::float8 / 86400 as days from ${sql.ident('pgstrata', table)}`,
        )
        return rows[0]?.days ?? 0
      }
      expect(await ageOf('watch_metric', 'at')).toBeGreaterThan(kept.raw - 0.1)
      expect(await ageOf('watch_metric', 'at')).toBeLessThan(kept.raw + 1.1)
      expect(await ageOf('watch_metric_hourly', 'bucket')).toBeGreaterThan(kept.hours - 0.1)
      expect(await ageOf('watch_metric_hourly', 'bucket')).toBeLessThan(kept.hours + 0.1)
      await strata.close()
      if (isWhole) console.log(`${version}: ${await describeSizes(db)}`)
    } finally {
      await database.close()
    }
  },
  isWhole ? 3_600_000 : 120_000,
)

/** Days before today, which nobody needs otherwise. */
async function makePast(db: Db, fromMs: number): Promise<void> {
  for (const table of ['watch_metric', 'watch_statement', 'watch_session']) {
    for (let day = 0; day < days - 1; day++) {
      const [lower, upper] = [fromMs + day * dayMs, fromMs + (day + 1) * dayMs].map((atMs) =>
        new Date(atMs).toISOString(),
      )
      const name = `${table}_${(lower ?? '').slice(0, 10).replaceAll('-', '_')}`
      await run(
        db,
        `create table pgstrata.${name} partition of pgstrata.${table} for values from ('${lower}') to ('${upper}')`,
      )
    }
  }
}

async function describeSizes(db: Db): Promise<string> {
  const { rows } = await db.query<{ name: string; bytes: number }>(sql`
    select regexp_replace(c.relname, '_20.*$', '') as name, sum(pg_total_relation_size(c.oid))::float8 as bytes
    from pg_class c
    where c.relnamespace = 'pgstrata'::regnamespace
      and c.relkind = 'r'
      and c.relname like 'watch%'
    group by 1
    order by 2 desc
    limit 12`)
  return rows.map(({ name, bytes }) => `${name} ${(bytes / 1024 ** 2).toFixed(1)} MB`).join(', ')
}
