// The rollup that is measured, declared and opened as an application does it.

import { avg, count, openStrata, resolveConfig, sum, type Strata } from 'pgstrata'

const measures = { plays: count(), earnings: sum('amount'), seconds: avg('duration_s') }

export const hourlyBySong = { from: 'plays', time: 'played_at', bucket: '1 hour', by: ['song_id'], measures } as const

const songPlays = {
  ...hourlyBySong,
  levels: ['day'],
  totals: {
    windows: { '1d': '1 day', '7d': '7 days', '30d': '30 days' },
    compute: { trending: 'plays_1d*10 + (plays_7d-plays_1d)*5 + (plays_30d-plays_7d)' },
    index: ['trending desc'],
  },
} as const

export type SongStrata = Strata<{ readonly song_plays: typeof songPlays }>

/** The table of plays, by month from before the oldest of them, with its rollup. */
export function openSongPlays(url: string): SongStrata {
  return openStrata(resolveConfig({ ...tablesOf(url), rollups: { song_plays: songPlays } }, location))
}

/** The table alone. */
export function openPlays(url: string): Strata {
  return openStrata(resolveConfig<unknown>(tablesOf(url), location))
}

const location = { root: '.', name: 'bench' }

function tablesOf(url: string) {
  const from = new Date(Date.now() - 400 * 86_400_000).toISOString().slice(0, 10)
  return { database: { primary: url }, tables: { plays: { time: 'played_at', partition: 'month', from } } } as const
}
