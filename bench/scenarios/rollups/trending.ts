// The 20 songs that trend: read from the totals by their index, and computed from the plays.

import type { SongStrata } from './declaration.ts'

export function readTrending(strata: SongStrata): Promise<readonly object[]> {
  return strata.rollups.song_plays.totals().measures('trending').orderBy('trending', 'desc').limit(20).rows()
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
