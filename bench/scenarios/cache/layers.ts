// One value at a time, beside bentocache with the same layers: from the process's own copies, from Redis, and not cached at
// all. Every process that reads from Redis is fresh, so that each key is one that it has no copy of.

import { BentoCache, bentostore } from 'bentocache'
import { memoryDriver } from 'bentocache/drivers/memory'
import { redisBusDriver, redisDriver } from 'bentocache/drivers/redis'
import { createCache } from 'pgstrata'
import type { Variant } from '../../harness/rounds.ts'
import type { RedisServer } from '../../support/redis-server.ts'

export interface LayerCounts {
  readonly keys: number
  readonly localHits: number
  readonly misses: number
}

interface Subject {
  get(key: string, load: () => Promise<unknown>): Promise<unknown>
  close(): Promise<void>
}

/** Who loads and keeps copies of it, or who finds in Redis what the other one loaded. */
type Who = 'writer' | 'reader'

/** A row as it comes from a database: 260 bytes as JSON. */
function createRow(id: number): object {
  return {
    id,
    address: `0x${id.toString(16).padStart(40, '0')}`,
    name: `User ${id}`,
    email: `user.${id}@mail.example.org`,
    balance: '1043.27000000',
    reputation: 71,
    created_at: '2026-03-01T10:00:00.000Z',
    preferences: { theme: 'dark', language: 'en', notifications: true },
  }
}

/** Distinct in each round: nothing of an earlier one is found. */
let round = 0

/** Both in one variant, by turns of a few milliseconds: a machine that is slow for a second is slow for both. */
export function layersVariant(redis: RedisServer, counts: LayerCounts): Variant {
  return { name: 'layers', run: () => measure(redis, counts) }
}

async function openOurs({ url }: RedisServer): Promise<Subject> {
  const cache = createCache({ redis: url, prefix: 'bench' })
  await cache.start()
  return { get: (key, load) => cache.get(key, load, { ttl: '10 min' }), close: () => cache.close() }
}

/** Copies as objects are quicker than its default, JSON; but what comes from Redis it cannot keep so (1.6.1 throws). */
function openBento({ port }: RedisServer, who: Who): Subject {
  const connection = { host: '127.0.0.1', port }
  const store = bentostore()
    .useL1Layer(memoryDriver({ maxItems: 100_000, serialize: who === 'reader' }))
    .useL2Layer(redisDriver({ connection }))
    .useBus(redisBusDriver({ connection }))
  const bento = new BentoCache({ default: 'bench', stores: { bench: store } })
  return {
    get: (key, load) => bento.getOrSet({ key, ttl: '10m', factory: load }),
    close: () => bento.disconnectAll(),
  }
}

async function measure(
  redis: RedisServer,
  { keys, localHits, misses }: LayerCounts,
): Promise<Readonly<Record<string, number>>> {
  await redis.send('FLUSHALL')
  round++
  const sides = [
    await openSide('ours', () => openOurs(redis)),
    await openSide('bento', (who) => Promise.resolve(openBento(redis, who))),
  ]
  const load = (n: number) => (): Promise<object> => Promise.resolve(createRow(n))
  const hot = Math.min(keys, 500)
  const results: Record<string, number> = {}
  const note = (what: string, factor: number, times: ReadonlyMap<Side, number>): void => {
    for (const [{ name }, ms] of times) results[`${name}_${what}`] = ms * factor
  }
  try {
    note(
      'miss_ms',
      1,
      await timeEach(sides, { count: misses, slice: 50 }, ({ writer, keyOf }, n) =>
        writer.get(keyOf(keys + n), load(n)),
      ),
    )
    await timeEach(sides, { count: keys, slice: 50 }, ({ writer, keyOf }, n) => writer.get(keyOf(n), load(n)))
    // Those that were stored last: of a copy Redis is asked again after 5 s.
    note(
      'l1_hit_us',
      1_000,
      await timeEach(sides, { count: localHits, slice: 2_000 }, ({ writer, keyOf }, n) =>
        writer.get(keyOf(keys - 1 - (n % hot)), refuse),
      ),
    )
    // The first answers of a connection and of code that is not compiled yet are left out.
    await timeEach(sides, { count: 50, slice: 50 }, ({ reader, keyOf }, n) => reader.get(keyOf(keys + n), load(n)))
    note(
      'l2_hit_ms',
      1,
      await timeEach(sides, { count: keys, slice: 50 }, ({ reader, keyOf }, n) => reader.get(keyOf(n), refuse)),
    )
    return results
  } finally {
    await Promise.all(sides.flatMap(({ writer, reader }) => [writer.close(), reader.close()]))
  }
}

interface Side {
  readonly name: 'ours' | 'bento'
  readonly writer: Subject
  readonly reader: Subject
  readonly keyOf: (n: number) => string
}

async function openSide(name: Side['name'], open: (who: Who) => Promise<Subject>): Promise<Side> {
  const prefix = `${name}:${round}`
  return { name, writer: await open('writer'), reader: await open('reader'), keyOf: (n) => `${prefix}:${n}` }
}

function refuse(): Promise<never> {
  return Promise.reject(new Error('It should have been found'))
}

/** One after the other; milliseconds of one. Between slices whatever else is due gets its turn, as in any process. */
async function timeEach(
  sides: readonly Side[],
  { count, slice }: { readonly count: number; readonly slice: number },
  work: (side: Side, n: number) => Promise<unknown>,
): Promise<ReadonlyMap<Side, number>> {
  const spent = new Map(sides.map((side) => [side, 0]))
  for (let from = 0; from < count; from += slice) {
    const turn = (from / slice) % 2 === 0 ? sides : sides.toReversed()
    for (const side of turn) {
      const begun = performance.now()
      for (let n = from; n < Math.min(count, from + slice); n++) await work(side, n)
      spent.set(side, (spent.get(side) ?? 0) + performance.now() - begun)
      await new Promise((resolve) => setImmediate(resolve))
    }
  }
  return new Map([...spent].map(([side, ms]) => [side, ms / count]))
}
