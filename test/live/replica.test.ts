// An event and a refetch with its id as token, on a replica that stands still: the refetch is never older than the event. All
// of it as the configuration wires it.

import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { ensureInstalled } from '../../src/catalog/install.ts'
import { resolveConfig } from '../../src/config/index.ts'
import { startCluster, type EmbeddedCluster } from '../../src/embedded/index.ts'
import { sql } from '../../src/sql/sql.ts'
import { openStrata } from '../../src/strata.ts'
import { waitUntil } from '../support/wait.ts'
import { testClient } from './support.ts'

let cluster: EmbeddedCluster
beforeAll(async () => {
  cluster = await startCluster({ inMemory: true, replicas: 1, settings: { max_slot_wal_keep_size: '256MB' } })
})
afterAll(() => cluster.stop())

test('a refetch with the id of an event is never older than the event', async () => {
  const strata = openStrata(
    resolveConfig(
      {
        database: {
          primary: cluster.primary.url(),
          replicas: cluster.replicas.map((replica) => ({ url: replica.url(), maxLag: '60s' })),
          readWait: '2ms',
        },
        live: { tables: { item: { columns: ['v'] } }, through: 'process' },
        jobs: { builtIn: { partitions: false, retention: false, drain: false } },
      },
      { root: '/', name: 'test' },
    ),
  )
  onTestFinished(() => strata.close())
  await strata.db.withSession(async (session) => void (await ensureInstalled(session)))
  await strata.db.query(sql`create table item (id int primary key, v int)`)
  await strata.db.query(sql`insert into item values (1, 0)`)
  await strata.pool.start()
  await strata.live.start()
  await strata.start({ jobs: true })
  const client = testClient()
  strata.live.open({ topics: [{ table: 'item' }], address: 'a', sink: client })
  await waitUntil(() => client.told.length > 0, { what: 'it is ready' })
  await waitUntil(() => strata.changes.here.handled !== undefined, { what: 'the feed consumes' })

  const read = async (): Promise<number | undefined> =>
    (await strata.query<{ v: number }>(sql`select v from item where id = 1`)).rows[0]?.v
  const [replica] = cluster.replicas
  let stale = 0
  for (let v = 1; v <= 40; v++) {
    if (v % 4 === 1) await replica?.pauseReplay()
    if (v % 4 === 3) await replica?.resumeReplay()
    // By another way than the pool, which would know its own writes.
    await strata.db.query(sql`update item set v = ${v} where id = 1`)
    const event = await waitUntil(
      () => client.told.find(({ name, data }) => name === 'change' && (data['row'] as { v?: string })?.v === String(v)),
      { what: `event ${v}` },
    )
    if ((await read()) !== v) stale++
    const token = await strata.live.token(String(event.data['id']))
    expect(await strata.scope(token, read)).toBe(v)
  }
  await replica?.resumeReplay()
  console.log(`without a token: ${stale} of 40 refetches were older than their event`)
  expect(stale).toBeGreaterThan(0)
}, 60_000)
