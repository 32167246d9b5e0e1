import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { onlyRow, type Db } from '../../src/db/db.ts'
import { openDb } from '../../src/db/pg-db.ts'
import { startCluster, type EmbeddedCluster, type EmbeddedReplica } from '../../src/embedded/index.ts'
import { sql } from '../../src/sql/sql.ts'
import { versions } from '../support/postgres.ts'

describe.each(versions)('replicas of PostgreSQL %i', (version) => {
  let cluster: EmbeddedCluster
  let primary: Db
  const opened: Db[] = []

  const open = (node: { url(): string }): Db => {
    const db = openDb({ url: node.url() })
    opened.push(db)
    return db
  }
  const count = async (db: Db): Promise<number> =>
    onlyRow(await db.query<{ count: number }>(sql`select count(*)::int as count from plays`)).count
  const firstReplica = (): EmbeddedReplica => {
    const [replica] = cluster.replicas
    if (replica === undefined) throw new Error('There is no replica')
    return replica
  }

  beforeAll(async () => {
    cluster = await startCluster({ version, replicas: 1, database: 'shop' })
    primary = open(cluster.primary)
    await primary.query(sql`create table plays (id int generated always as identity)`)
  })
  afterAll(async () => {
    await Promise.all(opened.map((db) => db.close()))
    await cluster.stop()
  })

  it('show what the primary wrote, and take no writes', async () => {
    const replica = open(firstReplica())
    await primary.query(sql`insert into plays default values`)
    await firstReplica().waitFor()
    expect(await count(replica)).toBe(await count(primary))
    await expect(replica.query(sql`insert into plays default values`)).rejects.toMatchObject({ code: '25006' })
  })

  it('stand still while paused', async () => {
    const replica = open(firstReplica())
    await firstReplica().waitFor()
    await firstReplica().pauseReplay()
    const before = await count(replica)
    await primary.query(sql`insert into plays default values`)
    await expect(firstReplica().waitFor(undefined, { timeoutMs: 200 })).rejects.toMatchObject({
      code: 'EMBEDDED_FAILED',
    })
    expect(await count(replica)).toBe(before)
    await firstReplica().resumeReplay()
    await firstReplica().waitFor()
    expect(await count(replica)).toBe(before + 1)
  })

  it('lag as long as they are told', async () => {
    await firstReplica().waitFor()
    await firstReplica().setReplayDelay(600)
    const begun = performance.now()
    await primary.query(sql`insert into plays default values`)
    await firstReplica().waitFor()
    const lagMs = performance.now() - begun
    expect(lagMs).toBeGreaterThan(550)
    await firstReplica().setReplayDelay(0)
    await primary.query(sql`insert into plays default values`)
    await firstReplica().waitFor(undefined, { timeoutMs: 5_000 })
  })

  it('can be paused while they sit out a delay', async () => {
    const replica = open(firstReplica())
    const before = await count(replica)
    await firstReplica().setReplayDelay(300)
    await primary.query(sql`insert into plays default values`)
    await firstReplica().pauseReplay()
    await expect(firstReplica().waitFor(undefined, { timeoutMs: 700 })).rejects.toMatchObject({
      code: 'EMBEDDED_FAILED',
    })
    expect(await count(replica)).toBe(before)
    await firstReplica().setReplayDelay(0)
    await firstReplica().resumeReplay()
    await firstReplica().waitFor()
    expect(await count(replica)).toBe(before + 1)
  })

  it('catch up after they were killed, and after the primary was', async () => {
    await firstReplica().kill()
    await primary.query(sql`insert into plays default values`)
    await firstReplica().start()
    await firstReplica().waitFor()
    await cluster.primary.kill()
    await cluster.primary.start()
    await primary.query(sql`insert into plays default values`)
    await firstReplica().waitFor()
    expect(await count(open(firstReplica()))).toBe(await count(primary))
  })

  it('can be added to a running cluster that is being written to', async () => {
    const enough = new AbortController()
    const writer = (async () => {
      while (!enough.signal.aborted) await primary.query(sql`insert into plays select from generate_series(1, 100)`)
    })()
    const added = await Promise.all([cluster.addReplica(), cluster.addReplica()])
    enough.abort()
    await writer
    expect(added.map(({ name }) => name)).toEqual(['replica-2', 'replica-3'])
    expect(cluster.replicas).toEqual([firstReplica(), ...added])
    for (const replica of added) {
      await replica.waitFor()
      expect(await count(open(replica))).toBe(await count(primary))
    }
    const { rows } = await primary.query(sql`select application_name as name from pg_stat_replication order by 1`)
    expect(rows).toEqual([{ name: 'replica-1' }, { name: 'replica-2' }, { name: 'replica-3' }])
  })

  it('take writes once they are promoted, and the primary keeps no more WAL for them', async () => {
    const promoted = cluster.replicas[2]
    if (promoted === undefined) throw new Error('There is no third replica')
    await promoted.waitFor()
    await promoted.promote()
    const db = open(promoted)
    const before = await count(primary)
    await db.query(sql`insert into plays default values`)
    expect(await count(db)).toBe(before + 1)
    expect(await count(primary)).toBe(before)
    const { rows } = await primary.query(sql`select slot_name as name from pg_replication_slots order by 1`)
    expect(rows).toEqual([{ name: 'replica_1' }, { name: 'replica_2' }])
  })
})

it('refuses more than eight', async () => {
  await expect(startCluster({ replicas: 9 })).rejects.toMatchObject({ code: 'VALUE_INVALID' })
})
