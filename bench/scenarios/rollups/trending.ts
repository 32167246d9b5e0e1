// The 20 songs that trend: read from the totals by their index, and computed from the plays.

import type { SongStrata } from './declaration.ts'

export const totals = {
  windows: { '1d': '1 day', '7d': '7 days', '30d': '30 days' },
  compute: { trending: 'plays_1d*10 + (plays_7d-plays_1d)*5 + (plays_30d-plays_7d)' },
  index: ['trending desc'],
} as const

interface TotalsReader {
  totals(): {
    orderBy(
      name: string,
      direction: 'desc',
    ): { limit(rows: number): { rows(): Promise<readonly Readonly<Record<string, unknown>>[]> } }
  }
}

export async function readTrending(strata: SongStrata): Promise<readonly unknown[]> {
  const reader = strata.rollups.song_plays as unknown as TotalsReader
  return await reader.totals().orderBy('trending', 'desc').limit(20).rows()
}

export const rawTrending = `select song_id,
    count(*) filter (where played_at >= now() - interval '1 day') * 10
    + (count(*) filter (where played_at >= now() - interval '7 days')
      - count(*) filter (where played_at >= now() - interval '1 day')) * 5
    + (count(*) - count(*) filter (where played_at >= now() - interval '7 days')) as trending
  from plays
  where played_at >= now() - interval '30 days'
  group by song_id
  order by trending desc
  limit 20`
