// What an application of the kind that the lifetimes were planned for asks, an hour of it in a minute: lifetimes are a sixtieth,
// and requests come sixty times as often. Users, symbols and reports are asked for by Zipf's law; each request reads its user's
// profile, session and balance, a price, and now and then a report, a portfolio or the state of governance. Two processes'
// worth of caches on one Redis, each with copies of its own; every load is a statement on a real server.

import pg from 'pg'
import { createCache, type Cache } from 'pgstrata'
import { createRandom } from '../../support/open-loop.ts'
import type { RedisServer } from '../../support/redis-server.ts'

export interface CacheLoad {
  readonly url: string
  readonly redis: RedisServer
  readonly users: number
  /** Of the hour's; as many are asked before, uncounted, so that nothing begins empty. */
  readonly requests: number
  readonly perSecond: number
  readonly signal: AbortSignal
}

const speed = 60

/** As the plans have them, in seconds. */
const lifetimes = { user: 600, session: 3_600, balance: 30, reports: 300, portfolio: 300, price: 60, governance: 1_800 }
type Kind = keyof typeof lifetimes

/** How many there are of each, beside those of users; and in how many requests of a hundred it is asked for. */
const asked: readonly { readonly kind: Kind; readonly percent: number; readonly count: number | undefined }[] = [
  { kind: 'user', percent: 100, count: undefined },
  { kind: 'session', percent: 100, count: undefined },
  { kind: 'balance', percent: 40, count: undefined },
  { kind: 'price', percent: 60, count: 50 },
  { kind: 'portfolio', percent: 20, count: undefined },
  { kind: 'reports', percent: 10, count: 200 },
  { kind: 'governance', percent: 5, count: 30 },
]

export async function createCachedRows(client: pg.Client): Promise<void> {
  await client.query('create table cached (id int primary key, body jsonb not null)')
  await client.query(`
    insert into cached
    select n, jsonb_build_object('id', n, 'name', 'Name ' || n, 'detail', repeat(md5(n::text), 20))
    from generate_series(0, 9999) n`)
}

export async function runCacheLoad(load: CacheLoad): Promise<Readonly<Record<string, number>>> {
  const { url, redis, requests, signal } = load
  await redis.send('FLUSHALL')
  const pool = new pg.Pool({ connectionString: url, max: 8 })
  const namespaces = Object.fromEntries(
    Object.entries(lifetimes).map(([kind, ttlS]) => [kind, { ttl: `${Math.round((ttlS * 1_000) / speed)}ms` }]),
  )
  const open = (): Cache => createCache({ redis: redis.url, prefix: 'load', namespaces })
  const caches = [open(), open()] as const
  try {
    await Promise.all(caches.map((cache) => cache.start()))
    const count = { gets: 0, loads: 0 }
    const hits = (): number =>
      caches
        .flatMap((cache) => Object.values(cache.stats().namespaces))
        .reduce((sum, { localHits, sharedHits }) => sum + localHits + sharedHits, 0)
    const random = createRandom(7)
    const request = (): Promise<unknown> => ask(caches, pool, { users: load.users, random, count })
    await pace(requests, load.perSecond, request, signal)
    Object.assign(count, { gets: 0, loads: 0 })
    const before = hits()
    await pace(requests, load.perSecond, request, signal)
    return {
      // Answered without a load that anybody waited for: one that was joined is none, one ahead of time takes none away.
      hit_rate: (hits() - before) / count.gets,
      db_load_percent: (100 * count.loads) / count.gets,
      redis_mb: Number(/^used_memory:(\d+)/m.exec(String(await redis.send('INFO', 'memory')))?.[1]) / 1e6,
    }
  } finally {
    await Promise.all(caches.map((cache) => cache.close()))
    await pool.end()
  }
}

interface Asking {
  readonly users: number
  readonly random: () => number
  readonly count: { gets: number; loads: number }
}

async function ask(caches: readonly [Cache, Cache], pool: pg.Pool, { users, random, count }: Asking): Promise<void> {
  const cache = caches[random() < 0.5 ? 0 : 1]
  const user = pickZipf(users, random)
  const reads = asked.flatMap(({ kind, percent, count: there }) =>
    random() * 100 < percent ? [{ kind, id: there === undefined ? user : pickZipf(there, random) }] : [],
  )
  await Promise.all(
    reads.map(async ({ kind, id }) => {
      count.gets++
      await cache.get(
        `${kind}:${id}`,
        async () => {
          count.loads++
          return (await pool.query('select body from cached where id = $1', [id % 10_000])).rows
        },
        { namespace: kind },
      )
    }),
  )
}

/** From 0; the one of rank k is picked about 1/k as often as the first. */
function pickZipf(count: number, random: () => number): number {
  return Math.min(count - 1, Math.floor((count + 1) ** random()) - 1)
}

/** At their times, whether or not those before are answered; resolves when all are. */
async function pace(
  requests: number,
  perSecond: number,
  request: () => Promise<unknown>,
  signal: AbortSignal,
): Promise<void> {
  const begun = performance.now()
  const running: Promise<unknown>[] = []
  for (let n = 0; n < requests; n++) {
    signal.throwIfAborted()
    const aheadMs = (n * 1_000) / perSecond - (performance.now() - begun)
    if (aheadMs > 1) await new Promise((resolve) => setTimeout(resolve, aheadMs))
    running.push(request())
  }
  await Promise.all(running)
}
