// The app's database as deployed, its service on a port of its own, and artists, songs and listeners to ask it about.

import { resolveConfig, sql } from 'pgstrata'
import config from '../../../examples/mycelix/pgstrata.config.ts'
import { openService, type Service, type ServiceOptions } from '../../../examples/mycelix/src/service.ts'
import { openMycelix, type MycelixConfig, type MycelixStrata } from '../../../examples/mycelix/src/strata.ts'
import { createTemplates, useServed, type Served } from '../support/served.ts'
import { folder } from './filled.ts'

export { ask } from '../support/ask.ts'

export interface TestConfigOptions {
  readonly url: string
  readonly replicas?: readonly { readonly url: string; readonly maxLag?: string }[]
  readonly manageTokens?: readonly string[]
  /** Of plays, before this one. Default: 2. The generator needs a year. */
  readonly months?: number
}

/** The app's, for a database of a test: it does not watch, and nobody listens to songs by himself. */
export function testConfig({ url, replicas = [], manageTokens = [], months = 2 }: TestConfigOptions): MycelixConfig {
  const { watch: _, alerts: __, expect: ___, jobs: ____, ...rest } = config
  return resolveConfig(
    {
      ...rest,
      database: { ...config.database, primary: url, replicas, consistency: 'eventual' },
      tables: { plays: { ...config.tables.plays, from: monthBefore(months), ahead: 1 } },
      server: manageTokens.length === 0 ? {} : { tokens: { manage: [...manageTokens] } },
    },
    { root: folder, name: 'pgstrata.config.ts' },
  )
}

function monthBefore(months: number): string {
  const now = new Date()
  return new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() - months)).toISOString().slice(0, 10)
}

/** Migrations and everything that is declared. */
export async function deployMycelix(resolved: MycelixConfig): Promise<void> {
  const strata = openMycelix(resolved)
  try {
    await strata.migrate.up({ lint: false })
    await strata.apply()
  } finally {
    await strata.close()
  }
}

const template = createTemplates(({ url }) => deployMycelix(testConfig({ url })))

export const manageToken = 'a token that may manage'.replaceAll(' ', '-')

/** In a file: one database and one service for all its tests. */
export function useService(given: Partial<ServiceOptions> = {}): () => Served<Service> {
  return useServed({
    template,
    open: async ({ url, log }) =>
      await openService({
        config: testConfig({ url, manageTokens: [manageToken] }),
        port: 0,
        background: false,
        log,
        ...given,
      }),
  })
}

export interface Catalogue {
  readonly strata: MycelixStrata
}

export async function addArtist(
  { strata }: Catalogue,
  address: string,
  name: string = `Artist ${address}`,
): Promise<void> {
  await strata.query(sql`insert into artists (artist_address, artist_name) values (${address}, ${name})`)
}

export async function addListener({ strata }: Catalogue, address: string): Promise<void> {
  await strata.query(sql`insert into listeners (listener_address) values (${address})`)
}

export interface SongToAdd {
  readonly title: string
  readonly artist: string
  readonly genre?: string
  readonly strategy?: string
}

export async function addSong({ strata }: Catalogue, song: SongToAdd): Promise<number> {
  const { title, artist, genre = 'Jazz', strategy = 'pay-per-stream' } = song
  const { rows } = await strata.query<{ song_id: string }>(sql`
    insert into songs (title, artist_address, genre, strategy)
    values (${title}, ${artist}, ${genre}, ${strategy})
    returning song_id`)
  return Number(rows[0]?.song_id)
}

export interface PlayToAdd {
  readonly song: number
  readonly listener: string
  readonly amount?: string
  readonly seconds?: number
  readonly minutesAgo?: number
}

export async function addPlay({ strata }: Catalogue, play: PlayToAdd): Promise<void> {
  const { song, listener, amount = '0.5', seconds = 180, minutesAgo = 1 } = play
  await strata.query(sql`
    insert into plays (song_id, artist_address, genre, strategy, listener_address, played_at, duration_s, amount)
    select song_id, artist_address, genre, strategy, ${listener}, now() - ${minutesAgo}::integer * interval '1 minute', ${seconds},
      ${amount}::numeric
    from songs
    where song_id = ${song}`)
}
