// The app's database as deployed, its service on a port of its own, and people, streams and nodes to ask it about.

import type { Kysely } from 'kysely'
import type { Database } from '../../../examples/streamr/src/database.ts'
import { resolveConfig } from 'pgstrata'
import { openService, type Service, type ServiceOptions } from '../../../examples/streamr/src/service.ts'
import { openStreamr, type StreamrConfig } from '../../../examples/streamr/src/strata.ts'
import { ask as askAnybody, type Answer, type Asked } from '../support/ask.ts'
import { createTemplates, useServed, type Served } from '../support/served.ts'
import { configOf, folder } from './support.ts'

export type { Answer } from '../support/ask.ts'

/** The app's, for a database of a test. */
export function testConfig(url: string): StreamrConfig {
  return resolveConfig<unknown>(configOf(url), { root: folder, name: 'pgstrata.config.ts' }) as unknown as StreamrConfig
}

/** Migrations and everything that is declared. */
export async function deployStreamr({ url }: { readonly url: string }): Promise<void> {
  const strata = openStreamr(testConfig(url))
  try {
    await strata.migrate.up({ lint: false })
    await strata.apply()
  } finally {
    await strata.close()
  }
}

const template = createTemplates(deployStreamr)

export const operatorWallet = '0xoperator'

/** In a file: one database and one service for all its tests. */
export function useService(
  given: Partial<ServiceOptions> = {},
  configure: (config: StreamrConfig) => StreamrConfig = (config) => config,
): () => Served<Service> {
  return useServed({
    template,
    open: async ({ url, log }) =>
      await openService({
        config: configure(testConfig(url)),
        port: 0,
        operators: [operatorWallet],
        background: false,
        log,
        ...given,
      }),
  })
}

export interface AskedBy extends Asked {
  /** A user's id or wallet address. */
  readonly as?: string | undefined
}

export async function ask(on: { readonly url: string }, path: string, asked: AskedBy = {}): Promise<Answer> {
  const { as, headers, ...rest } = asked
  return await askAnybody(on, path, {
    ...rest,
    headers: { ...(as === undefined ? {} : { 'x-user-id': as }), ...headers },
  })
}

type Row = Readonly<Record<string, unknown>>

export interface Walk {
  /** The name of the list in the answer. */
  readonly list: string
  readonly as?: string | undefined
  /** After each page. */
  readonly between?: (page: number) => Promise<unknown>
}

/** The rows of every page, one after the other. */
export async function walk(on: { readonly url: string }, path: string, { list, as, between }: Walk): Promise<Row[]> {
  const rows: Row[] = []
  let next: string | null = ''
  for (let page = 0; next !== null; page++) {
    const cursor = next === '' ? '' : `${path.includes('?') ? '&' : '?'}cursor=${next}`
    const answer = await ask(on, `${path}${cursor}`, { as })
    if (answer.status !== 200) throw new Error(`Expected a page, got ${answer.status} ${JSON.stringify(answer.body)}`)
    rows.push(...(answer.body[list] as readonly Row[]))
    next = answer.body['next'] as string | null
    await between?.(page)
  }
  return rows
}

export async function addUser(db: Kysely<Database>, name: string, wallet: string = `0x${name}`): Promise<string> {
  const { user_id } = await db
    .insertInto('users')
    .values({ wallet_address: wallet, display_name: name })
    .returning('user_id')
    .executeTakeFirstOrThrow()
  return user_id
}

export async function addStream(
  db: Kysely<Database>,
  id: string,
  more: {
    readonly viewers?: number
    readonly sponsor?: string
    readonly reward?: string
    readonly balance?: string
  } = {},
): Promise<string> {
  const { viewers = 10, sponsor = '0xsponsor', reward = '1000', balance = '1000000' } = more
  await db
    .insertInto('streams')
    .values({
      stream_id: id,
      sponsor_address: sponsor,
      token_balance: balance,
      rtmp_url: `rtmp://ingest.example/${id}`,
      reward_per_hour: reward,
      viewers,
    })
    .execute()
  return id
}

export interface NodeToAdd {
  readonly stream: string
  readonly owner?: string | null
  readonly lat?: number | null
  readonly lon?: number | null
}

export async function addNode(
  db: Kysely<Database>,
  id: string,
  { stream, owner = null, lat = null, lon = null }: NodeToAdd,
): Promise<string> {
  await db
    .insertInto('nodes')
    .values({
      node_id: id,
      stream_id: stream,
      stats_url: `http://node.example/${id}`,
      status: 'ACTIVE',
      user_id: owner,
      display_name: `node ${id}`,
      location_lat: lat,
      location_lon: lon,
    })
    .execute()
  return id
}

export async function befriend(db: Kysely<Database>, one: string, other: string): Promise<void> {
  await db.insertInto('friendships').values({ user_id: one, friend_id: other, status: 'ACCEPTED' }).execute()
}
