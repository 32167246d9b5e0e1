// The rollup that is measured, declared and opened as an application does it.

import { avg, count, openStrata, resolveConfig, sum, type RollupsConfig, type Strata } from 'pgstrata'

export const measures = { plays: count(), earnings: sum('amount'), seconds: avg('duration_s') }

export const hourlyBySong = { from: 'plays', time: 'played_at', bucket: '1 hour', by: ['song_id'], measures } as const

/** A table of plays by month, from before the oldest of them. */
export const byMonth = { time: 'played_at', partition: 'month' } as const

type Declared = { readonly song_plays: typeof hourlyBySong }
export type SongStrata = Strata<Declared>

/** The rollup `song_plays`, whatever else is declared of it. */
export function openSongPlays(url: string, declared: object = hourlyBySong): SongStrata {
  return openPlays(url, { song_plays: declared } as RollupsConfig) as unknown as SongStrata
}

export function openPlays(url: string, rollups: RollupsConfig): Strata {
  const from = new Date(Date.now() - 400 * 86_400_000).toISOString().slice(0, 10)
  return openStrata(
    resolveConfig<unknown>(
      { database: { primary: url }, tables: { plays: { ...byMonth, from } }, rollups },
      { root: '.', name: 'bench' },
    ),
  )
}
