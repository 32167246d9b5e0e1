// Servers that die under load. A replica that is killed costs no read. When the primary is killed and a replica promoted,
// writes find the new primary by themselves; what was acknowledged is there, or its token says that it may be lost; nothing
// is there twice. A primary that comes back from the dead is not written to.

import { afterEach, expect, test } from 'vitest'
import { startCluster, type EmbeddedCluster, type EmbeddedReplica } from '../../../src/embedded/index.ts'
import type { TimelineChange } from '../../../src/db/pool/cluster/timeline-history.ts'
import { StrataPool } from '../../../src/db/pool/strata-pool.ts'
import { isStrataError } from '../../../src/base/errors.ts'
import { waitUntil } from '../../support/wait.ts'

let cluster: EmbeddedCluster
let pool: StrataPool

afterEach(async () => {
  await pool.end()
  await cluster.stop()
})

async function open(): Promise<readonly [EmbeddedReplica, EmbeddedReplica]> {
  cluster = await startCluster({ inMemory: true, replicas: 2 })
  pool = new StrataPool({
    connectionString: cluster.primary.url(),
    connectionTimeoutMillis: 10_000,
    replicas: cluster.replicas.map((replica) => ({ connectionString: replica.url() })),
  })
  await pool.query('create table notes (id int4 not null, run text not null)')
  const [first, second] = cluster.replicas
  if (first === undefined || second === undefined) throw new Error('There are two replicas')
  await Promise.all([first.waitFor(), second.waitFor()])
  return [first, second]
}

function usesOf(name: string): number {
  return pool.stats().find(({ node }) => node === name)?.uses ?? 0
}

function stateOf(name: string): string | undefined {
  return pool.nodes().find(({ node }) => node === name)?.state
}

test('a replica that is killed and started again costs no read', async () => {
  const [first] = await open()
  let stop = false
  let reads = 0
  const failures: unknown[] = []
  const read = async (byClient: boolean): Promise<void> => {
    while (!stop) {
      try {
        if (byClient) {
          const client = await pool.connect()
          try {
            await client.query('select count(*) from notes')
          } finally {
            client.release()
          }
        } else {
          await pool.query('select id, run from notes where id = $1', [reads])
        }
        reads++
      } catch (error) {
        failures.push(error)
      }
    }
  }
  const readers = Array.from({ length: 12 }, (_, index) =>
    index % 3 === 0 ? pool.scope(undefined, () => read(index % 2 === 0)) : read(index % 2 === 0),
  )
  for (let round = 0; round < 3; round++) {
    const before = usesOf('replica-1')
    await waitUntil(() => usesOf('replica-1') > before + 50, { what: 'reads on the replica' })
    await first.kill()
    await waitUntil(() => stateOf('replica-1') === 'down', { what: 'the replica to be found dead' })
    const others = reads
    await waitUntil(() => reads > others + 100, { what: 'reads to go on' })
    await first.start()
    const back = usesOf('replica-1')
    await waitUntil(() => usesOf('replica-1') > back + 50, { what: 'the replica to serve again' })
  }
  stop = true
  await Promise.all(readers)
  expect(failures).toEqual([])
})

interface Acknowledged {
  readonly id: number
  readonly token: string
}

/** Writes until told to stop; every write in a session of its own, acknowledged with a token. */
function startWriters(run: string): {
  readonly acknowledged: Acknowledged[]
  readonly attempted: () => number
  stop(): Promise<void>
} {
  const acknowledged: Acknowledged[] = []
  let next = 0
  let stopped = false
  const write = async (): Promise<void> => {
    while (!stopped) {
      const id = next++
      const session = pool.session()
      try {
        if (id % 2 === 0) await session.run(() => pool.query('insert into notes values ($1, $2)', [id, run]))
        else await session.run(() => writeInTransaction(id, run))
        acknowledged.push({ id, token: session.toString() })
      } catch {
        // Not acknowledged: it may be there or not.
      }
    }
  }
  const writers = Array.from({ length: 8 }, () => write())
  return {
    acknowledged,
    attempted: () => next,
    stop: async () => {
      stopped = true
      await Promise.all(writers)
    },
  }
}

async function writeInTransaction(id: number, run: string): Promise<void> {
  const client = await pool.connect()
  try {
    await client.query('begin')
    await client.query('insert into notes values ($1, $2)', [id, run])
    await client.query('commit')
  } finally {
    client.release()
  }
}

async function countById(run: string): Promise<ReadonlyMap<number, number>> {
  const { rows } = await pool.query<{ id: number; n: number }>({
    text: 'select id, count(*)::int4 as n from notes where run = $1 group by id',
    values: [run],
    route: 'write',
  })
  return new Map(rows.map(({ id, n }) => [id, n]))
}

test('after a promotion each acknowledged write is found or reported, and none is there twice', async () => {
  const [first, second] = await open()
  const changes: TimelineChange[] = []
  pool.on('timelineChange' as 'error', (change) => changes.push(change as unknown as TimelineChange))
  const writers = startWriters('promotion')
  await waitUntil(() => writers.acknowledged.length > 300, { what: 'writes' })

  // From here on the replica that will be promoted receives nothing: these writes will be lost.
  await first.kill()
  const survivors = writers.acknowledged.length
  await waitUntil(() => writers.acknowledged.length > survivors + 100, { what: 'writes that will be lost' })
  await cluster.primary.kill()
  await first.start()
  // Where the new timeline begins is known of a server that was seen in recovery.
  await waitUntil(() => stateOf('replica-1') === 'up', { what: 'the replica to be seen' })
  await first.promote()
  const after = writers.acknowledged.length
  await waitUntil(() => writers.acknowledged.length > after + 200, { what: 'writes on the new primary' })
  await writers.stop()

  const counts = await countById('promotion')
  expect([...counts.values()].filter((count) => count > 1)).toEqual([])
  const missing = writers.acknowledged.filter(({ id }) => !counts.has(id))
  const unreported = missing.filter(({ token }) => pool.verdictOf(token).verdict === 'kept')
  console.log(
    `${writers.attempted()} writes, ${writers.acknowledged.length} acknowledged, ${missing.length} lost, all of them reported`,
  )
  expect(missing.length).toBeGreaterThan(50)
  expect(unreported).toEqual([])
  // The report is worth something: what was safe before the kill is called safe.
  const early = writers.acknowledged.slice(0, 100).filter(({ token }) => pool.verdictOf(token).verdict !== 'kept')
  expect(early).toEqual([])
  expect(changes).toMatchObject([{ from: 1, to: 2, node: 'replica-1' }])

  // The other replica still follows the dead primary: its world is not ours.
  const { others, node } = pool.explainRouting('select id from notes')
  expect(node).toBe('replica-1')
  expect(others).toContainEqual({ node: 'replica-2', reason: 'it follows another timeline' })
  expect(second.running).toBe(true)
})

test('a token of before the promotion is answered by the new primary', async () => {
  const [first] = await open()
  const token = await pool.scope(undefined, async (session) => {
    await pool.query(`insert into notes values (1, 'old')`)
    return session.toString()
  })
  await first.waitFor()
  await cluster.primary.kill()
  await first.promote()
  const { rows } = await pool.scope(token, () => pool.query('select id from notes'))
  expect(rows).toEqual([{ id: 1 }])
  expect(pool.verdictOf(token).verdict).toBe('kept')
  await pool.scope(token, async (session) => {
    expect(pool.explainRouting('select id from notes').node).toBe('replica-1')
    await pool.query('select id from notes')
    expect(session.token?.timeline).toBe(2)
  })
})

test('an old primary that comes back is a second one, and is not written to', async () => {
  const [first] = await open()
  await cluster.primary.kill()
  await first.promote()
  await pool.query(`insert into notes values (1, 'new primary')`)
  await cluster.primary.start()
  await waitUntil(() => stateOf('primary') === 'refused', { what: 'the old primary to be seen' })
  for (let id = 2; id < 30; id++) await pool.query('insert into notes values ($1, $2)', [id, 'new primary'])
  const { rows } = await pool.query('select count(*)::int4 as n from notes')
  expect(rows).toEqual([{ n: 29 }])
  expect(pool.nodes().find(({ node }) => node === 'primary')?.why).toContain('on timeline 1: a second primary')

  // A process that starts now cannot know which of the two is right, and writes to neither.
  const fresh = new StrataPool({
    connectionString: cluster.primary.url(),
    connectionTimeoutMillis: 300,
    replicas: cluster.replicas.map((replica) => ({ connectionString: replica.url() })),
  })
  const refusal = await fresh.query(`insert into notes values (0, 'nowhere')`).catch((error: unknown) => error)
  await fresh.end()
  expect(isStrataError(refusal, 'NO_PRIMARY')).toBe(true)
  expect(String(refusal)).toContain('several primaries (primary on timeline 1, replica-1 on timeline 2)')
})
