// The promise of sessions, held against random histories: 32 sessions write and read a few counters through one pool while the
// replay of both replicas is paused, delayed and resumed. Each session remembers, counter by counter, the highest version it
// has written, read or been handed with a token; nothing it reads later may be below. The same histories without sessions
// must break that, or the test could not fail. All of it directly, and through a PgBouncer in transaction mode before each
// server.

import { afterAll, beforeAll, expect, test } from 'vitest'
import { startCluster, type EmbeddedCluster, type EmbeddedReplica } from '../../../src/embedded/index.ts'
import { seededRandom, type Random } from '../../../src/base/random.ts'
import type { Session } from '../../../src/db/pool/routing/scopes.ts'
import { StrataPool } from '../../../src/db/pool/strata-pool.ts'
import { startPgBouncer, type PgBouncer } from '../../support/pgbouncer.ts'
import { scaled, seed } from '../../support/property.ts'

const keys = 8
const sessions = 32

let cluster: EmbeddedCluster
let bouncers: PgBouncer[]

beforeAll(async () => {
  cluster = await startCluster({ inMemory: true, replicas: 2 })
  const nodes = [cluster.primary, ...cluster.replicas]
  bouncers = await Promise.all(nodes.map((node) => startPgBouncer(node.url(), 'transaction')))
})

afterAll(async () => {
  await Promise.all(bouncers.map((bouncer) => bouncer.close()))
  await cluster.stop()
})

interface Findings {
  reads: number
  writes: number
  stale: string[]
  replicaReads: number
}

/** What one session knows must be there. */
class Reader {
  readonly seen: number[] = Array.from({ length: keys }, () => 0)
  readonly written: number[] = Array.from({ length: keys }, () => 0)

  learn(key: number, version: number, findings: Findings, how: string): void {
    findings.reads++
    const floor = this.seen[key] ?? 0
    if (version < floor) {
      const kind = version < (this.written[key] ?? 0) ? 'stale' : 'non-monotonic'
      findings.stale.push(`${kind}: key ${key} was ${floor}, is ${version} (${how})`)
    }
    this.seen[key] = Math.max(floor, version)
  }

  wrote(key: number, version: number, findings: Findings): void {
    findings.writes++
    this.seen[key] = Math.max(this.seen[key] ?? 0, version)
    this.written[key] = version
  }

  takeOver(other: Reader): void {
    other.seen.forEach((version, key) => (this.seen[key] = Math.max(this.seen[key] ?? 0, version)))
  }
}

const update = 'update counters set version = version + 1 where key = $1 returning version'
const select = 'select version from counters where key = $1'

interface Actor {
  readonly pool: StrataPool
  readonly reader: Reader
  readonly findings: Findings
  readonly random: Random
}

type Version = { version: number }

async function writeOnce({ pool, reader, findings, random }: Actor): Promise<void> {
  const key = Math.floor(random() * keys)
  const { rows } = await pool.query<Version>(update, [key])
  reader.wrote(key, rows[0]?.version ?? -1, findings)
}

async function writeInTransaction({ pool, reader, findings, random }: Actor): Promise<void> {
  const client = await pool.connect()
  try {
    const keep = random() < 0.8
    // In order, so that two transactions do not wait for each other.
    const chosen = [...new Set([0, 0].map(() => Math.floor(random() * keys)))].toSorted((a, b) => a - b)
    await client.query('begin')
    const written: [number, number][] = []
    for (const key of chosen) {
      const { rows } = await client.query<Version>(update, [key])
      written.push([key, rows[0]?.version ?? -1])
    }
    await client.query(keep ? 'commit' : 'rollback')
    if (keep) for (const [key, version] of written) reader.wrote(key, version, findings)
  } finally {
    client.release()
  }
}

async function readOnce({ pool, reader, findings, random }: Actor): Promise<void> {
  const key = Math.floor(random() * keys)
  const route = random() < 0.2 ? { route: 'analytics' } : {}
  const { rows } = await pool.query<Version>({ text: select, values: [key], ...route })
  reader.learn(key, rows[0]?.version ?? -1, findings, 'pool.query')
}

async function readByClient({ pool, reader, findings, random }: Actor): Promise<void> {
  const client = await pool.connect()
  try {
    const readOnly = random() < 0.4
    if (readOnly) await client.query('begin transaction isolation level repeatable read read only')
    for (let turn = 0; turn < 3; turn++) {
      const key = Math.floor(random() * keys)
      const { rows } = await client.query<Version>(select, [key])
      reader.learn(key, rows[0]?.version ?? -1, findings, readOnly ? 'read only transaction' : 'client.query')
    }
    if (readOnly) await client.query('commit')
  } finally {
    client.release()
  }
}

async function act(actor: Actor): Promise<void> {
  const dice = actor.random()
  if (dice < 0.15) return await writeOnce(actor)
  if (dice < 0.25) return await writeInTransaction(actor)
  if (dice < 0.8) return await readOnce(actor)
  return await readByClient(actor)
}

/** Holds a replica back, or lets it go. */
async function disturb(replica: EmbeddedReplica, random: Random): Promise<void> {
  const dice = random()
  if (dice < 0.35) await replica.pauseReplay()
  else if (dice < 0.5) await replica.setReplayDelay(Math.floor(random() * 60))
  else if (dice < 0.65) await replica.setReplayDelay(0)
  else await replica.resumeReplay()
}

async function runHistory(pool: StrataPool, operations: number, inSessions: boolean): Promise<Findings> {
  const random = seededRandom(seed)
  const findings: Findings = { reads: 0, writes: 0, stale: [], replicaReads: 0 }
  await pool.query('drop table if exists counters')
  await pool.query('create table counters (key int4 primary key, version int4 not null)')
  await pool.query('insert into counters select key, 0 from generate_series(0, $1::int4 - 1) key', [keys])
  for (const replica of cluster.replicas) {
    await replica.setReplayDelay(0)
    await replica.resumeReplay()
    await replica.waitFor()
  }
  let left = operations
  let disturbing: Promise<void> | undefined
  const handed: { token: string; reader: Reader }[] = []

  const live = async (number: number): Promise<void> => {
    const own = seededRandom(seed + number)
    const reader = new Reader()
    let session: Session = pool.session()
    while (left-- > 0) {
      if (left % 25 === 0) {
        const replica = cluster.replicas[Math.floor(random() * 2)]
        if (replica !== undefined) disturbing ??= disturb(replica, random).finally(() => (disturbing = undefined))
      }
      const actor = { pool, reader, findings, random: own }
      if (!inSessions) {
        await act(actor)
        continue
      }
      await session.run(() => act(actor))
      const dice = own()
      if (dice < 0.05) {
        const copy = new Reader()
        copy.takeOver(reader)
        handed.push({ token: session.toString(), reader: copy })
      } else if (dice < 0.1 && handed.length > 0) {
        const other = handed[Math.floor(own() * handed.length)]
        if (other !== undefined && other.token !== '') {
          session.join(other.token)
          reader.takeOver(other.reader)
        }
      } else if (dice > 0.95) {
        // As from a cookie, in another process.
        session = pool.session(session.toString() === '' ? undefined : session.toString())
      }
    }
  }
  await Promise.all(Array.from({ length: sessions }, (_, number) => live(number)))
  await disturbing
  for (const stats of pool.stats()) if (stats.node !== 'primary') findings.replicaReads += stats.uses
  return findings
}

type Way = 'directly' | 'through PgBouncer'

function openPool(way: Way, consistency: 'process' | 'eventual'): StrataPool {
  const direct = [cluster.primary, ...cluster.replicas].map((node) => node.url())
  const [primary = '', ...replicas] = way === 'directly' ? direct : bouncers.map(({ url }) => url)
  return new StrataPool({
    connectionString: primary,
    max: 20,
    consistency,
    // However late: it is the sessions that keep late replicas away, not their lag.
    replicas: replicas.map((connectionString, index) => ({
      connectionString,
      routes: index === 0 ? ['read'] : ['read', 'analytics'],
      maxLag: '1 hour',
    })),
  })
}

test.each(['directly', 'through PgBouncer'] as const)(
  'no session ever reads less than it has seen, %s',
  async (way) => {
    console.log(`seed ${seed}`)
    const pool = openPool(way, 'process')
    const findings = await runHistory(pool, scaled(5_000), true)
    await pool.end()
    console.log(
      `${findings.reads} reads, ${findings.writes} writes, ${findings.replicaReads} statements on replicas, ${findings.stale.length} stale`,
    )
    expect(findings.stale).toEqual([])
    expect(findings.replicaReads).toBeGreaterThan(findings.reads / 50)
  },
  600_000,
)

test('the same without sessions does, so that the test above can fail', async () => {
  const pool = openPool('directly', 'eventual')
  const findings = await runHistory(pool, 2_000, false)
  await pool.end()
  console.log(`${findings.reads} reads, ${findings.stale.length} stale`)
  expect(findings.stale.some((text) => text.startsWith('stale'))).toBe(true)
  expect(findings.stale.some((text) => text.startsWith('non-monotonic'))).toBe(true)
}, 600_000)
