// Questions of all kinds, asked before the first client does; by URLs that no client uses, so nothing is kept for clients by it.

import { sql } from 'pgstrata'
import { warm, type App, type WarmRequest } from 'pgstrata-example-kit'
import type { MycelixStrata } from '../strata.ts'

interface Played {
  readonly artist_address: string
  readonly song_id: string
  readonly listener_address: string
}

interface Warmed {
  readonly strata: MycelixStrata
  readonly log?: ((line: string) => void) | undefined
}

/** Returns the statuses of the answers. */
export async function warmUp(app: App, { strata, log }: Warmed): Promise<readonly number[]> {
  return await warm(app, { read: async () => await readRequests(strata), log })
}

async function readRequests(strata: MycelixStrata): Promise<readonly WarmRequest[]> {
  const { rows } = await strata.query<Played>(sql`
    select p.artist_address, p.song_id, p.listener_address
    from plays as p
    order by p.played_at desc
    limit 1`)
  const { artist_address = 'none', song_id = '1', listener_address = 'none' } = rows[0] ?? {}
  const artist = encodeURIComponent(artist_address)
  const listener = encodeURIComponent(listener_address)
  const urls = [
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
  return urls.map((url) => ({ url }))
}
