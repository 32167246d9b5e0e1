// A large table with many keys: filled range by range, stopped on the way and gone on with, in memory that does not grow with
// it. Twenty times as large when soaking: ten million rows, a million keys.

import { expect, test } from 'vitest'
import { resolveConfig } from '../../src/config/index.ts'
import type { StrataConfig } from '../../src/config/shape.ts'
import { openStrata } from '../../src/strata.ts'
import { sql } from '../../src/sql/sql.ts'
import { describeOnEachVersion } from '../support/postgres.ts'
import { scaled } from '../support/property.ts'
import { run } from './support.ts'

const rows = scaled(500_000)
const keys = rows / 10
const days = 60
/** The client's share: the server's follows from its work_mem. */
const mostMb = 150

describeOnEachVersion('a large rollup', (version, database) => {
  test('is filled in bounded memory, and goes on where it was stopped', { timeout: 1_200_000 }, async () => {
    const { db, url } = database()
    await run(
      db,
      'create table plays (song int, at timestamptz not null, amount numeric)',
      `insert into plays select (n::bigint * 7919) % ${keys}, timestamptz '2026-01-01' + n * (${days * 86_400} / ${rows}::float8) * interval '1 second', n % 100 from generate_series(0, ${rows - 1}) n`,
      'create index on plays (at)',
    )
    const written = {
      database: { primary: url },
      rollups: {
        song_plays: {
          from: 'plays',
          time: 'at',
          bucket: '1 day',
          by: ['song'],
          measures: { plays: { kind: 'count' }, earned: { kind: 'sum', of: 'amount' } },
          totals: { windows: { '7d': '7 days' }, index: ['plays_7d desc'] },
        },
      },
    } as const
    const strata = openStrata(
      resolveConfig<unknown>(written as unknown as StrataConfig, { root: '/', name: 'pgstrata.config.ts' }),
    )
    try {
      await strata.apply()
      const beforeMb = memoryMb()
      let peakMb = beforeMb
      const begunMs = performance.now()
      const stop = new AbortController()
      const onProgress = ({ share }: { readonly share: number }): void => {
        peakMb = Math.max(peakMb, memoryMb())
        if (share > 0.5) stop.abort()
      }
      const stopped = strata.rollup.fill('song_plays', { signal: stop.signal, onProgress })
      await expect(stopped).rejects.toMatchObject({ code: 'INTERRUPTED' })
      const [half] = await strata.rollup.status('song_plays')
      expect(half?.state).toBe('filling')
      const shares: number[] = []
      await strata.rollup.fill('song_plays', {
        onProgress: ({ share }) => {
          peakMb = Math.max(peakMb, memoryMb())
          shares.push(share)
        },
      })
      const tookS = (performance.now() - begunMs) / 1_000
      console.log(
        `PostgreSQL ${version}: ${rows.toLocaleString('en-US')} rows, ${keys.toLocaleString('en-US')} keys: ${tookS.toFixed(1)} s, the client's memory grew by ${Math.round(peakMb - beforeMb)} MB`,
      )
      expect(shares[0]).toBeGreaterThan(0.5)
      expect(peakMb - beforeMb).toBeLessThan(mostMb)
      const { rows: found } = await db.query(
        sql`select sum(plays)::int as rows, sum(earned)::int as earned, count(distinct song)::int as keys from song_plays`,
      )
      const { rows: truth } = await db.query(
        sql`select count(*)::int as rows, sum(amount)::int as earned, count(distinct song)::int as keys from plays`,
      )
      expect(found).toEqual(truth)
      expect((await db.query(sql`select count(*)::int as keys from song_plays_totals`)).rows).toEqual([{ keys }])
    } finally {
      await strata.close()
    }
  })
})

const memoryMb = (): number => process.memoryUsage().rss / 1024 / 1024
