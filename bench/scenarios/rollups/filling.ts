// Filling a rollup of the whole table, and what is stored afterwards.

import type pg from 'pg'
import { measureRounds, timeMs, type Variant } from '../../harness/rounds.ts'
import type { BenchContext } from '../../harness/scenario.ts'
import { peakMemoryMb } from '../../support/peak-memory.ts'
import { openPlays, openSongPlays } from './declaration.ts'
import { figuresOf, type Part } from '../../harness/part.ts'

interface Filling {
  readonly client: pg.Client
  readonly url: string
  readonly rows: number
  readonly rounds: number
}

/** Leaves it filled. */
export async function measureFilling(
  { client, url, rows, rounds }: Filling,
  { signal, progress }: BenchContext,
): Promise<Part> {
  const fill: Variant = {
    name: 'fill',
    run: async () => {
      await dropRollup(url)
      const strata = openSongPlays(url)
      try {
        await strata.apply()
        await client.query('checkpoint')
        let tookMs = 0
        const peakMb = await peakMemoryMb(async () => {
          tookMs = await timeMs(() => strata.rollup.fill('song_plays', { signal }))
        })
        const [status] = await strata.rollup.status('song_plays')
        if (status?.state !== 'live') throw new Error('The rollup is not filled')
        return {
          fill_rows_per_s: (rows / tookMs) * 1_000,
          fill_s: tookMs / 1_000,
          fill_peak_mb: peakMb,
          ...(await sizes(client)),
        }
      } finally {
        await strata.close()
      }
    },
  }
  const samples = await measureRounds([fill], { rounds, signal, progress })
  await client.query('vacuum analyze')
  const figures = figuresOf(samples, {
    fill_s: ['s', 'filling the rollup of the whole table'],
    fill_rows_per_s: ['count', '… rows a second'],
    fill_peak_mb: ['count', '… memory of the client at most, MB'],
    raw_mb: ['count', 'the table with its indexes, MB'],
    rollup_mb: ['count', 'the rollup with its indexes, MB'],
    levels_mb: ['count', '… its level of days, MB'],
    totals_mb: ['count', '… its totals, MB'],
    storage_percent: ['percent', 'all of it, as a share of the table'],
  })
  return { figures, comparisons: {} }
}

/** By declaring it no more; the table stays. */
async function dropRollup(url: string): Promise<void> {
  const strata = openPlays(url)
  try {
    await strata.apply()
  } finally {
    await strata.close()
  }
}

async function sizes(client: pg.Client): Promise<Record<string, number>> {
  const { rows } = await client.query<{ raw: number; rollup: number; levels: number; totals: number }>(
    `select
      (select sum(pg_total_relation_size(relid)) from pg_partition_tree('plays'))::float8 / 1e6 as raw,
      (pg_total_relation_size('song_plays_merged') + pg_total_relation_size('pgstrata.song_plays_delta'))::float8 / 1e6 as rollup,
      pg_total_relation_size('song_plays_day_merged')::float8 / 1e6 as levels,
      pg_total_relation_size('pgstrata.song_plays_totals')::float8 / 1e6 as totals`,
  )
  const { raw, rollup, levels, totals } = rows[0] ?? { raw: 0, rollup: 0, levels: 0, totals: 0 }
  const storagePercent = ((rollup + levels + totals) / raw) * 100
  return { raw_mb: raw, rollup_mb: rollup, levels_mb: levels, totals_mb: totals, storage_percent: storagePercent }
}
