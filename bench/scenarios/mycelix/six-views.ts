// The six views: the question that is asked of each, and what the original design published of it, before and after.

import { readFile } from 'node:fs/promises'

export interface AskedView {
  /** In the names of figures. */
  readonly key: 'artist' | 'trending' | 'platform' | 'top_week' | 'listener' | 'genre'
  readonly view: string
  /** In schema materialized. */
  readonly materialized: string
  /** What follows the view's name. `$1`: whom it is about. */
  readonly clause: string
  readonly about: 'artist' | 'listener' | undefined
  readonly title: string
}

export const sixViews: readonly AskedView[] = [
  {
    key: 'artist',
    view: 'mv_artist_analytics',
    materialized: 'materialized.artist_analytics',
    clause: 'where artist_address = $1',
    about: 'artist',
    title: 'Artist Analytics, one artist; published: 2.5 s → 45 ms',
  },
  {
    key: 'trending',
    view: 'mv_song_analytics',
    materialized: 'materialized.song_analytics',
    clause: 'order by trending_score desc limit 20',
    about: undefined,
    title: 'Song Trending, the first 20; published: 1.8 s → 30 ms',
  },
  {
    key: 'platform',
    view: 'mv_platform_stats',
    materialized: 'materialized.platform_stats',
    clause: '',
    about: undefined,
    title: 'Platform Stats; published: 3.2 s → 20 ms',
  },
  {
    key: 'top_week',
    view: 'mv_top_songs_week',
    materialized: 'materialized.top_songs_week',
    clause: 'order by rank',
    about: undefined,
    title: 'Top Songs Week, all 100; published: 1.2 s → 25 ms',
  },
  {
    key: 'listener',
    view: 'mv_listener_activity',
    materialized: 'materialized.listener_activity',
    clause: 'where listener_address = $1',
    about: 'listener',
    title: 'Listener Activity, one listener; published: 1.5 s → 35 ms',
  },
  {
    key: 'genre',
    view: 'mv_genre_stats',
    materialized: 'materialized.genre_stats',
    clause: 'order by popularity_rank',
    about: undefined,
    title: 'Genre Stats, all; published: 900 ms → 35 ms',
  },
]

export type Way = 'ours' | 'materialized' | 'raw'

/** The same question each way. */
export async function questionOf({ view, materialized, clause }: AskedView, way: Way): Promise<string> {
  const source = way === 'ours' ? view : way === 'materialized' ? materialized : `(\n${await rawText(view)}\n) as raw`
  return `select * from ${source} ${clause}`
}

/** The view's text that adds up plays. */
async function rawText(view: string): Promise<string> {
  const path = `../../../examples/mycelix/views/materialized/${view}.sql`
  return await readFile(new URL(path, import.meta.url), 'utf8')
}
