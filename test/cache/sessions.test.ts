// Read-your-writes and monotonic reads through everything at once: sessions write, and read through the cache, over two
// processes' worth of pools, replicas that stand still or fall behind, Redis, and the feed that invalidates. Each session
// remembers the highest version it has written or read, counter by counter; nothing that it reads later may be below. The
// same without sessions breaks that, or the test could not fail.

import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { seededRandom, type Random } from '../../src/base/random.ts'
import { tableTag } from '../../src/cache/index.ts'
import { ensureInstalled } from '../../src/catalog/install.ts'
import { resolveConfig } from '../../src/config/index.ts'
import { startCluster, type EmbeddedCluster, type EmbeddedReplica } from '../../src/embedded/index.ts'
import { sql } from '../../src/sql/sql.ts'
import { openStrata, type Strata } from '../../src/strata.ts'
import { scaled, seed } from '../support/property.ts'
import { useRedis } from '../support/redis.ts'
import { waitUntil } from '../support/wait.ts'

const redis = useRedis()
const keys = 8
const sessions = 16
/** Share of operations: each makes all that is cached of the table a miss. */
const writes = 0.06

let cluster: EmbeddedCluster
beforeAll(async () => {
  cluster = await startCluster({ inMemory: true, replicas: 2, settings: { max_slot_wal_keep_size: '256MB' } })
})
afterAll(() => cluster.stop())

function open(): Strata {
  const strata = openStrata(
    resolveConfig(
      {
        database: {
          primary: cluster.primary.url(),
          replicas: cluster.replicas.map((replica) => ({ url: replica.url(), maxLag: '10s' })),
          readWait: '2ms',
        },
        cache: { redis: redis().url, namespaces: { query: { ttl: '10 min' } } },
        changes: { tables: ['counters'] },
        jobs: { builtIn: { partitions: false, retention: false, drain: false } },
      },
      { root: '/', name: 'test' },
    ),
  )
  onTestFinished(() => strata.close())
  return strata
}

interface Findings {
  reads: number
  writes: number
  readonly stale: string[]
}

class Actor {
  readonly #seen: number[] = Array.from({ length: keys }, () => 0)
  readonly #findings: Findings

  constructor(findings: Findings) {
    this.#findings = findings
  }

  async write(strata: Strata, key: number): Promise<void> {
    const { rows } = await strata.query<{ version: number }>(
      sql`update counters set version = version + 1 where key = ${key} returning version`,
    )
    this.#findings.writes++
    this.#seen[key] = Math.max(this.#seen[key] ?? 0, rows[0]?.version ?? -1)
  }

  async read(strata: Strata, key: number, how: 'query' | 'named' | 'made' | 'past'): Promise<void> {
    const statement = sql`select version from counters where key = ${key}`
    const ask = async (choice: { readonly cache?: object } = {}): Promise<number> =>
      (await strata.query<{ version: number }>(statement, choice)).rows[0]?.version ?? -1
    const made = { namespace: 'query', tags: [tableTag('public', 'counters')] }
    const choices = { query: { cache: {} }, named: { cache: { ...made, key: `named:${key}` } }, past: {} }
    const version = how === 'made' ? await strata.cached(`counter:${key}`, () => ask(), made) : await ask(choices[how])
    const floor = this.#seen[key] ?? 0
    this.#findings.reads++
    if (version < floor) this.#findings.stale.push(`key ${key} was ${floor}, is ${version}`)
    this.#seen[key] = Math.max(floor, version)
  }
}

/** Holds a replica back, or lets it go. */
async function disturb(replica: EmbeddedReplica, random: Random): Promise<void> {
  const dice = random()
  if (dice < 0.4) await replica.pauseReplay()
  else if (dice < 0.6) await replica.setReplayDelay(Math.floor(random() * 60))
  else if (dice < 0.7) await replica.setReplayDelay(0)
  else await replica.resumeReplay()
}

async function runHistory(
  stratas: readonly [Strata, ...Strata[]],
  operations: number,
  inSessions: boolean,
): Promise<Findings> {
  const random = seededRandom(seed)
  const findings: Findings = { reads: 0, writes: 0, stale: [] }
  let left = operations
  function pick<T>(list: readonly [T, ...T[]]): T {
    return list[Math.floor(random() * list.length)] ?? list[0]
  }
  const live = async (): Promise<void> => {
    const actor = new Actor(findings)
    // A session goes from process to process with its token, as a user does from request to request.
    let token: string | undefined
    while (left > 0) {
      const strata = pick(stratas)
      const act = async (): Promise<void> => {
        for (let turn = 0; turn < 5 && left-- > 0; turn++) {
          const key = Math.floor(random() * keys)
          const dice = random()
          if (dice < writes) await actor.write(strata, key)
          else
            await actor.read(strata, key, dice < 0.3 ? 'query' : dice < 0.6 ? 'named' : dice < 0.95 ? 'made' : 'past')
        }
      }
      if (!inSessions) await act()
      else {
        token = await strata.scope(token, async (session) => {
          await act()
          return session.toString()
        })
      }
    }
  }
  const disturbing = (async () => {
    while (left > 0) {
      const [first, ...others] = cluster.replicas
      if (first !== undefined) await disturb(pick([first, ...others]), random)
    }
  })()
  await Promise.all(Array.from({ length: sessions }, live))
  await disturbing
  for (const replica of cluster.replicas) {
    await replica.setReplayDelay(0)
    await replica.resumeReplay()
  }
  return findings
}

test('no read of a session is older than what it has seen, through cache and replicas that lag', async () => {
  const [runner, other] = [open(), open()]
  await runner.db.withSession(async (session) => void (await ensureInstalled(session)))
  await runner.db.query(sql`create table counters (key int4 primary key, version int4 not null)`)
  await runner.db.query(sql`insert into counters select key, 0 from generate_series(0, ${keys - 1}::int4) key`)
  await runner.start({ jobs: true })
  await waitUntil(() => runner.changes.here.handled !== undefined, { what: 'the feed consumes' })
  const stratas = [runner, other] as const
  await Promise.all(stratas.map((strata) => strata.pool.start()))
  // The soak's factor is 20: 50,000 in all.
  const findings = await runHistory(stratas, scaled(2_500), true)
  const hits = stratas.map((strata) => {
    const stats = strata.cache.stats().namespaces['query']
    return { hits: (stats?.localHits ?? 0) + (stats?.sharedHits ?? 0), loads: stats?.loads }
  })
  console.log(`seed ${seed}: ${findings.reads} reads, ${findings.writes} writes, ${findings.stale.length} stale`, hits)
  expect(findings.stale).toEqual([])
  expect(hits.every((one) => one.hits > 0)).toBe(true)
  // One round nearly always does.
  let without: Findings = { reads: 0, writes: 0, stale: [] }
  for (let round = 0; round < 5 && without.stale.length === 0; round++)
    without = await runHistory(stratas, 1_500, false)
  console.log(`without sessions: ${without.stale.length} of ${without.reads} reads are older than what was seen`)
  expect(without.stale.length).toBeGreaterThan(0)
})
