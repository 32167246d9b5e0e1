// Questions of all kinds, asked before the first client does; by URLs that no client uses, so nothing is kept for clients by it.

import { sql } from 'pgstrata'
import { warm, type App } from 'pgstrata-example-kit'
import type { MycelixStrata } from '../strata.ts'

export async function warmUp(app: App, strata: MycelixStrata): Promise<void> {
  await warm(app, async () => {
    const { rows } = await strata.query<{ artist_address: string; song_id: string; listener_address: string }>(sql`
      select p.artist_address, p.song_id, p.listener_address
      from plays as p
      order by p.played_at desc
      limit 1`)
    const { artist_address = 'none', song_id = '1', listener_address = 'none' } = rows[0] ?? {}
    const artist = encodeURIComponent(artist_address)
    const listener = encodeURIComponent(listener_address)
    const kinds = [
      '/platform?',
      '/genres?',
      '/genres/shares?days=7',
      '/songs/trending?limit=20',
      '/songs/trending?limit=20&genre=none',
      '/songs/top?limit=100',
      `/songs?artist=${artist}`,
      `/songs/${song_id}?`,
      '/artists?search=none',
      `/artists/${artist}?`,
      `/artists/${artist}/dashboard?`,
      `/artists/${artist}/earnings?days=30`,
      '/listeners?limit=10',
      `/listeners/${listener}?`,
      `/listeners/${listener}/plays?limit=10`,
    ]
    return kinds.map((url) => ({ url }))
  })
}
