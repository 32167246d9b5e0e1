// Microseconds a statement takes when ten are always under way: StrataPool against bare pg.Pool on the same server, with
// pools that are made anew for each run, so that nothing of one is left running beside another.

import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type pg from 'pg'
import type { StrataPool, StrataPoolConfig } from 'pgstrata'
import { timeMs, type Variant } from '../../harness/rounds.ts'
import { replicaUses, withPg, withStrata, type Nodes } from './nodes.ts'

const concurrency = 10

export interface Sizes {
  readonly trivial: number
  readonly writes: number
  readonly sleeps: number
}

type Work = (pool: pg.Pool, number: number) => Promise<unknown>

const trivial: Work = (pool, number) => pool.query({ name: 'trivial', text: 'select $1::int4 as n', values: [number] })
const sleep: Work = (pool) => pool.query({ name: 'sleep', text: 'select pg_sleep(0.001)' })

/** As ORMs do, for a single statement too. */
const trivialByClient: Work = async (pool, number) => {
  const client = await pool.connect()
  await client.query({ name: 'trivial', text: 'select $1::int4 as n', values: [number] })
  client.release()
}
const writeByClient: Work = async (pool, number) => {
  const client = await pool.connect()
  await client.query({ name: 'write', text: 'insert into written values ($1)', values: [number] })
  client.release()
}

/** `inSession`: each of the ten runs in a session of its own, which has written something before. */
interface Ours {
  readonly config?: StrataPoolConfig
  readonly inSession?: boolean
  readonly onReplica?: boolean
}

export function throughputVariants(nodes: Nodes, sizes: Sizes): readonly Variant[] {
  const theirs = (name: string, url: string, count: number, work: Work): Variant => ({
    name,
    run: () =>
      withPg(url, concurrency, async (pool) => {
        await runAll(pool, count / 10, work)
        return { [name]: (await timeMs(() => runAll(pool, count, work))) / (count / 1_000) }
      }),
  })
  const ours = (name: string, count: number, work: Work, how: Ours = {}): Variant => ({
    name,
    run: () =>
      withStrata(nodes, { max: concurrency, consistency: 'eventual', ...how.config }, async (pool) => {
        const session = how.inSession === true ? await beginSession(pool, nodes) : undefined
        await runAll(pool, count / 10, work, session)
        const before = replicaUses(pool)
        const tookMs = await timeMs(() => runAll(pool, count, work, session))
        const served = replicaUses(pool) - before
        if (how.onReplica === true && served < count * 0.99) {
          throw new Error(`${name}: the replica served ${served} of ${count} statements`)
        }
        return { [name]: tookMs / (count / 1_000) }
      }),
  })
  const { trivial: many, writes, sleeps } = sizes
  const onReplica = true
  const inSession = true
  return [
    theirs('pg_trivial_us', nodes.replica, many, trivial),
    ours('trivial_us', many, trivial, { onReplica }),
    ours('trivial_process_us', many, trivial, { onReplica, config: { consistency: 'process' } }),
    ours('trivial_session_us', many, trivial, { onReplica, inSession }),
    listened(ours('trivial_told_us', many, trivial, { onReplica })),
    theirs('pg_trivial_client_us', nodes.replica, many, trivialByClient),
    ours('trivial_client_us', many, trivialByClient, { onReplica }),
    theirs('pg_single_us', nodes.primary, many, trivial),
    ours('single_us', many, trivial, { config: { replicas: [] } }),
    theirs('pg_write_us', nodes.primary, writes, writeByClient),
    ours('write_us', writes, writeByClient),
    ours('write_token_us', writes, writeByClient, { inSession }),
    theirs('pg_ms_read_us', nodes.replica, sleeps, sleep),
    ours('ms_read_us', sleeps, sleep, { onReplica }),
    ours('ms_read_session_us', sleeps, sleep, { onReplica, inSession }),
  ]
}

/** The token of a write that the replica has replayed. */
async function beginSession(pool: StrataPool, nodes: Nodes): Promise<string> {
  const token = await pool.scope(undefined, async (session) => {
    await pool.query('insert into written values (0)')
    return session.toString()
  })
  if (token === '') throw new Error('A write left no token')
  await nodes.caughtUp()
  return token
}

async function runAll(pool: pg.Pool, count: number, work: Work, token?: string): Promise<void> {
  let next = 0
  const worker = async (): Promise<void> => {
    while (next < count) await work(pool, next++)
  }
  const begin = token === undefined ? worker : () => (pool as StrataPool).scope(token, worker)
  await Promise.all(Array.from({ length: concurrency }, begin))
}

/** With a subscriber on both channels that does nothing. */
function listened(variant: Variant): Variant {
  const hear = (): void => undefined
  const channels = ['pgstrata:query:start', 'pgstrata:query:end']
  return {
    name: variant.name,
    run: async () => {
      for (const channel of channels) subscribe(channel, hear)
      try {
        return await variant.run()
      } finally {
        for (const channel of channels) unsubscribe(channel, hear)
      }
    },
  }
}
