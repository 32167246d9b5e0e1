// The app's database as deployed, its service on a port of its own, and artists, songs and listeners to ask it about.

import { afterAll, beforeAll } from 'vitest'
import { resolveConfig, sql } from 'pgstrata'
import config from '../../../examples/mycelix/pgstrata.config.ts'
import { openService, type Service, type ServiceOptions } from '../../../examples/mycelix/src/service.ts'
import { openMycelix, type MycelixConfig, type MycelixStrata } from '../../../examples/mycelix/src/strata.ts'
import { testDatabase, type TestDatabase } from '../../support/postgres.ts'
import { folder } from './filled.ts'

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

let template: Promise<string> | undefined

/** Deployed once by each process of tests, and copied in milliseconds; it goes with the server. */
async function deployedTemplate(): Promise<string> {
  template ??= (async () => {
    const { db, name, url } = await testDatabase(18)
    await deployMycelix(testConfig({ url }))
    await db.close()
    return name
  })()
  return await template
}

export interface Served extends Service {
  readonly database: TestDatabase
  /** What the log was told. */
  readonly lines: readonly string[]
}

export const manageToken = 'a token that may manage'.replaceAll(' ', '-')

/** In a file: one database and one service for all its tests. */
export function useService(given: Partial<ServiceOptions> = {}): () => Served {
  let served: Served | undefined
  let opened: TestDatabase | undefined
  beforeAll(async () => {
    opened = await testDatabase(18, { template: await deployedTemplate() })
    const lines: string[] = []
    const service = await openService({
      config: testConfig({ url: opened.url, manageTokens: [manageToken] }),
      port: 0,
      background: false,
      log: (line) => void lines.push(line),
      ...given,
    })
    served = { ...service, database: opened, lines }
  })
  afterAll(async () => {
    await served?.close()
    await opened?.close()
  })
  return () => {
    if (served === undefined) throw new Error('The service is there only inside tests and hooks')
    return served
  }
}

export interface Answer {
  readonly status: number
  readonly headers: Headers
  // Each test knows what it asked for.
  readonly body: Record<string, unknown> & { readonly error?: { readonly code: string; readonly message: string } }
}

export interface Asked {
  readonly method?: 'GET' | 'POST'
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
}

export async function ask({ url }: { readonly url: string }, path: string, asked: Asked = {}): Promise<Answer> {
  const { body, method = body === undefined ? 'GET' : 'POST', headers = {} } = asked
  const response = await fetch(`${url}${path}`, {
    method,
    headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  const text = await response.text()
  return {
    status: response.status,
    headers: response.headers,
    body: (text.startsWith('{') ? JSON.parse(text) : { text }) as Answer['body'],
  }
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
