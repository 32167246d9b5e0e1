// How many more flights an operation takes in a session than without one, or than with bare pg.Pool: the greatest of all.

import pg from 'pg'
import type { StrataPool } from 'pgstrata'
import type { Variant } from '../../harness/rounds.ts'
import { countFlights, type FlightCounter } from '../../support/flight-counter.ts'
import { withPg, withStrata, type Nodes } from './nodes.ts'

const repeats = 10

interface Operation {
  readonly name: string
  readonly onReplica: boolean
  readonly run: (pool: pg.Pool) => Promise<unknown>
}

const operations: readonly Operation[] = [
  {
    name: 'autocommitted write',
    onReplica: false,
    run: (pool) => pool.query({ name: 'w', text: 'insert into written values ($1)', values: [1] }),
  },
  {
    name: 'transaction',
    onReplica: false,
    run: async (pool) => {
      const client = await pool.connect()
      await client.query('begin')
      await client.query({ name: 'w', text: 'insert into written values ($1)', values: [1] })
      await client.query('commit')
      client.release()
    },
  },
  {
    name: 'read on the primary',
    onReplica: false,
    // Bare pg.Pool does not know `route`, and leaves it alone.
    run: (pool) => pool.query(Object.assign({ name: 'r', text: 'select $1::int4', values: [1] }, { route: 'write' })),
  },
  {
    name: 'read on a replica',
    onReplica: true,
    run: (pool) => pool.query({ name: 'r', text: 'select $1::int4', values: [1] }),
  },
]

export function roundTripVariant(nodes: Nodes, progress: (line: string) => void): Variant {
  return {
    name: 'round trips',
    run: async () => {
      const primary = await countFlights(nodes.primary)
      const replica = await countFlights(nodes.replica)
      try {
        return { token_round_trips: await greatestExtra(nodes, { primary, replica }, progress) }
      } finally {
        await Promise.all([primary.close(), replica.close()])
      }
    },
  }
}

interface Counters {
  readonly primary: FlightCounter
  readonly replica: FlightCounter
}

async function greatestExtra(nodes: Nodes, counters: Counters, progress: (line: string) => void): Promise<number> {
  const proxied: Nodes = { ...nodes, primary: counters.primary.url, replica: counters.replica.url }
  const count = (): number => counters.primary.count() + counters.replica.count()
  return await withStrata(proxied, { max: 1, consistency: 'eventual' }, async (pool) => {
    const extras: number[] = []
    for (const operation of operations) {
      const inSession = await flightsInSession(pool, operation, { count, nodes })
      const without = await flightsOf(() => operation.run(pool), count)
      const url = operation.onReplica ? proxied.replica : proxied.primary
      const bare = await withPg(url, 1, (own) => flightsOf(() => operation.run(own), count))
      progress(`${operation.name}: ${inSession} flights in a session, ${without} without, ${bare} with pg.Pool`)
      extras.push(inSession - Math.min(without, bare))
    }
    return Math.max(...extras)
  })
}

async function flightsInSession(
  pool: StrataPool,
  operation: Operation,
  { count, nodes }: { readonly count: () => number; readonly nodes: Nodes },
): Promise<number> {
  return await pool.scope(undefined, async () => {
    await pool.query('insert into written values (1)')
    await nodes.caughtUp()
    return await flightsOf(() => operation.run(pool), count)
  })
}

/** Of one, by the mean of several: what an operation sends only after its answer is counted too. */
async function flightsOf(run: () => Promise<unknown>, count: () => number): Promise<number> {
  for (let warmUp = 0; warmUp < 2; warmUp++) await run()
  await settle()
  const before = count()
  for (let index = 0; index < repeats; index++) await run()
  await settle()
  return (count() - before) / repeats
}

function settle(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 20))
}
