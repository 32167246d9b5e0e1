// A change of one hundredth of the table, merged into the rollup and, of the same change, the materialized view of the same
// aggregate refreshed CONCURRENTLY. Plays of the last day, as they come; merged alone, also plays of any time.

import type pg from 'pg'
import { measureRounds, timeMs, type Variant } from '../../harness/rounds.ts'
import type { BenchContext } from '../../harness/scenario.ts'
import type { SongStrata } from './declaration.ts'
import { figuresOf, type Part } from '../../harness/part.ts'
import { createBatches, insertBatch } from './plays.ts'

interface Changes {
  readonly client: pg.Client
  readonly strata: SongStrata
  readonly rounds: number
  /** Plays of one change. */
  readonly changed: number
}

const rowsOfBatch = 1_000
const daySeconds = 86_400

export async function measureChanges(changes: Changes, { signal, progress }: BenchContext): Promise<Part> {
  const { client, strata, rounds, changed } = changes
  await client.query(`create materialized view song_hours as
    select date_trunc('hour', played_at, 'UTC') as bucket, song_id, count(*) as plays, sum(amount) as earnings,
      avg(duration_s) as seconds
    from plays
    group by 1, 2`)
  await client.query('create unique index on song_hours (song_id, bucket)')
  await client.query('vacuum analyze song_hours')
  let round = 0
  let refreshesFirst = true
  const settle = async (overSeconds: number): Promise<void> => {
    round++
    await client.query(
      'vacuum song_plays_merged, song_plays_day_merged, pgstrata.song_plays_totals, pgstrata.song_plays_delta',
    )
    for (const batch of createBatches(1_000 + round, changed / rowsOfBatch, rowsOfBatch)) {
      await insertBatch(client, 'plays', { batch, overSeconds })
    }
    await client.query('checkpoint')
  }
  const merge = (): Promise<number> => timeMs(() => strata.rollup.merge('song_plays'))
  const refresh = (): Promise<number> => timeMs(() => client.query('refresh materialized view concurrently song_hours'))
  const recent: Variant = {
    name: 'of the last day',
    run: async () => {
      await client.query('vacuum song_hours')
      await settle(daySeconds)
      refreshesFirst = !refreshesFirst
      if (!refreshesFirst) return { merge_ms: await merge(), refresh_ms: await refresh() }
      const refreshMs = await refresh()
      return { merge_ms: await merge(), refresh_ms: refreshMs }
    },
  }
  const scattered: Variant = {
    name: 'of any time',
    run: async () => {
      await settle(365 * daySeconds)
      return { merge_scattered_ms: await merge() }
    },
  }
  // One after the other: the view would have to take in what the other changed as well.
  const compared = await measureRounds([recent], { rounds, signal, progress })
  await client.query('drop materialized view song_hours')
  const alone = await measureRounds([scattered], { rounds, signal, progress })
  const shown = changed.toLocaleString('en-US')
  const title = `a change of ${shown} plays of the last day: merged beside REFRESH MATERIALIZED VIEW CONCURRENTLY`
  return {
    figures: figuresOf(new Map([...compared, ...alone]), {
      merge_ms: ['ms', title],
      refresh_ms: ['ms', title],
      merge_scattered_ms: ['ms', `merging ${shown} plays of any time of the year`],
    }),
    comparisons: { merge_vs_refresh: { title, ours: 'merge_ms', theirs: 'refresh_ms' } },
  }
}
