// Whatever consumers do and suffer: every committed change is delivered, each key in the order of its commits, a repeat
// under the id it had, and nothing that was not committed.

import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { systemClock, type Clock } from '../../../src/base/clock.ts'
import { isStrataError } from '../../../src/base/errors.ts'
import { seededRandom, type Random } from '../../../src/base/random.ts'
import { formatSize } from '../../../src/base/units.ts'
import { ensureInstalled } from '../../../src/catalog/install.ts'
import type { ChangeListener } from '../../../src/changes/feed/change.ts'
import { createFeed, type Feed } from '../../../src/changes/feed/index.ts'
import { onlyRow, type Db, type Session } from '../../../src/db/db.ts'
import { openDb } from '../../../src/db/pg-db.ts'
import { startCluster, type EmbeddedCluster } from '../../../src/embedded/index.ts'
import { sql } from '../../../src/sql/sql.ts'
import { isConnectionLost, sqlstate, sqlstateOf } from '../../../src/sql/sqlstate.ts'
import { versions } from '../../support/postgres.ts'
import { checkProperty, scaled } from '../../support/property.ts'
import { waitUntil } from '../../support/wait.ts'
import { checkVersions, hasSuffered, Ledger, type Fates } from './ledger.ts'

/** Harm comes so often that whoever begins again would wait ten seconds soon. */
const impatient: Clock = { ...systemClock, sleep: (ms, signal) => systemClock.sleep(Math.min(ms, 300), signal) }

/** From each source, on each version: 20,000 in all, 400,000 when soaking. */
const changesWanted = scaled(5_000)
const writers = 4
const keys = 40
const mostBehind = 3_000
const capBytes = 32 * 1024 ** 2
/** The server looks at its cap at checkpoints, and counts in whole files. */
const slackBytes = 32 * 1024 ** 2

function listener(ledger: Ledger, random: Random): ChangeListener {
  const by = {}
  return {
    name: 'ledger',
    onBatch: async (batch) => {
      if (random() < 0.01) throw new Error('not now')
      if (random() < 0.1) await systemClock.sleep(random() * 5)
      ledger.note(by, batch)
      // It was handled, and the one who handled it does not get to say so.
      if (random() >= 0.01) return
      ledger.fates.unsaid++
      throw new Error('handled, and not said')
    },
    onReset: () => Promise.resolve(),
  }
}

interface Writing {
  readonly url: string
  readonly random: Random
  readonly ledger: Ledger
}

/** Transactions that lock rows in ascending order, so that nobody is a deadlock's victim; a tenth is rolled back. */
async function write({ url, random, ledger }: Writing): Promise<void> {
  const db = openDb({ url, max: writers })
  let written = 0
  const transact = async (session: Session): Promise<void> => {
    const isLarge = random() < 0.01
    const isKept = random() > 0.1
    let changed = 0
    await session.query(sql`begin`)
    for (let first = isLarge ? 0 : Math.floor(random() * keys); first < keys;) {
      const size = isLarge ? keys : 1 + Math.floor(random() * 5)
      for (let times = isLarge ? 20 : 1; times > 0; times--) {
        const { rowCount } = await session.query(sql`
          with chosen as materialized (
            select id from item where id between ${first} and ${first + size - 1} order by id for update
          )
          update item i set v = v + 1, body = repeat(md5(random()::text), 10) from chosen where i.id = chosen.id`)
        changed += rowCount
      }
      first += size + Math.floor(random() * keys)
    }
    await session.query(isKept ? sql`commit` : sql`rollback`)
    if (isKept) written += changed
  }
  const one = async (): Promise<void> => {
    while (written < changesWanted || !hasSuffered(ledger.fates)) {
      await outlive(() => db.withSession(transact))
      // Whoever falls behind by more than the cap is told of a new epoch, which is another test.
      while (written - ledger.updates > mostBehind) await systemClock.sleep(5)
    }
  }
  await Promise.all(Array.from({ length: writers }, one))
  await db.close()
}

/** Whatever a server that is killed does to whoever uses it: undefined, after a moment. */
async function outlive<T>(work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work()
  } catch (error) {
    const isAway = isStrataError(error, 'DATABASE_UNREACHABLE') || isStrataError(error, 'DATABASE_LOST')
    if (!isAway && !isConnectionLost(error) && sqlstateOf(error) !== sqlstate.cannotConnectNow) throw error
    await systemClock.sleep(50)
    return undefined
  }
}

interface Play {
  readonly cluster: EmbeddedCluster
  readonly db: Db
  readonly random: Random
  readonly fates: Fates
  readonly feeds: Feed[]
  readonly create: () => Feed
  readonly isOver: () => boolean
}

type Harm = 'terminate' | 'replace' | 'crash'

/** Each once, then as it comes; a crash takes seconds, and is rare. */
async function harm(play: Play): Promise<void> {
  const { random, isOver } = play
  const pending: Harm[] = ['terminate', 'replace', 'crash']
  while (!isOver() || pending.length > 0) {
    await systemClock.sleep(random() * 300)
    const dice = random()
    const next = pending[0] ?? (dice < 0.01 ? 'crash' : dice < 0.5 ? 'terminate' : 'replace')
    if (await outlive(() => befall(play, next))) pending.shift()
  }
}

/** false: there was nobody it could have befallen. */
async function befall({ cluster, db, random, fates, feeds, create }: Play, what: Harm): Promise<boolean> {
  switch (what) {
    case 'terminate': {
      const { rows } = await db.query(sql`
        select pg_terminate_backend(pid)
        from pg_stat_activity
        where application_name = 'pgstrata feed'`)
      fates.terminated += rows.length
      return rows.length > 0
    }
    case 'replace': {
      const consuming = feeds.findIndex((feed) => feed.status().role === 'consuming')
      const place = random() < 0.5 && consuming >= 0 ? consuming : Math.floor(random() * feeds.length)
      await feeds[place]?.stop()
      const feed = create()
      feeds[place] = feed
      while ((await outlive(() => feed.start().then(() => true))) !== true);
      fates.replaced++
      return true
    }
    case 'crash':
      await cluster.primary.kill()
      await cluster.primary.start()
      fates.crashed++
      return true
  }
}

/** How much WAL the server keeps for the slot, all the time. */
async function watchRetained({ db, fates, isOver }: Play): Promise<void> {
  while (!isOver()) {
    await outlive(async () => {
      const { rows } = await db.query<{ bytes: number }>(sql`
        select pg_wal_lsn_diff(pg_current_wal_insert_lsn(), restart_lsn)::float8 as bytes
        from pg_replication_slots
        where restart_lsn is not null`)
      for (const { bytes } of rows) fates.mostRetainedBytes = Math.max(fates.mostRetainedBytes, bytes)
    })
    await systemClock.sleep(50)
  }
}

async function play(cluster: EmbeddedCluster, source: 'wal' | 'outbox', seed: number): Promise<void> {
  const url = cluster.primary.url()
  const db = openDb({ url })
  const random = seededRandom(seed)
  const ledger = new Ledger()
  await db.withSession(async (session) => void (await ensureInstalled(session)))
  await db.query(sql`drop table if exists item`)
  await db.query(sql`create table item (id int primary key, v int not null default 0, body text)`)
  await db.query(sql`insert into item select generate_series(0, ${keys - 1}::int4)`)
  const create = (): Feed => {
    const feed = createFeed({
      db,
      url,
      source,
      tables: [{ schema: 'public', table: 'item' }],
      leaseMs: 1_000,
      limits: { bufferBytes: 400_000, partChanges: 50, heartbeatMs: 100 },
      clock: impatient,
    })
    feed.subscribe(listener(ledger, random))
    return feed
  }
  const feeds: Feed[] = [create(), create()]
  await Promise.all(feeds.map((feed) => feed.start()))
  await waitUntil(() => feeds.some((feed) => feed.status().handled !== undefined), { what: 'the feed has begun' })
  const walBefore = await readWalBytes(db)
  let isOver = false
  const { fates } = ledger
  const staged: Play = { cluster, db, random, fates, feeds, create, isOver: () => isOver }
  const besides = Promise.all([harm(staged), watchRetained(staged)])
  await write({ url, random, ledger }).finally(() => (isOver = true))
  await besides
  const walBytes = (await readWalBytes(db)) - walBefore
  const { rows } = await db.query<{ total: number }>(sql`select sum(v)::int4 as total from item`)
  const total = rows[0]?.total ?? 0
  await waitUntil(() => ledger.updates >= total, { what: `${total} changes`, timeoutMs: 60_000 })
  await Promise.all(feeds.map((feed) => feed.stop()))
  await db.close()
  console.log(`${source}: ${total} changes, ${formatSize(walBytes)} of WAL; ${JSON.stringify(fates)}`)
  expect(ledger.complaints).toEqual([])
  expect(ledger.epochs.size).toBe(1)
  expect(ledger.updates).toBe(total)
  expect(total).toBeGreaterThanOrEqual(changesWanted)
  if (source === 'wal') checkVersions(ledger)
  checkFates(source, fates)
}

async function readWalBytes(db: Db): Promise<number> {
  const answer = await db.query<{ bytes: number }>(
    sql`select (pg_current_wal_insert_lsn() - '0/0'::pg_lsn)::float8 as bytes`,
  )
  return onlyRow(answer).bytes
}

function checkFates(source: 'wal' | 'outbox', fates: Fates): void {
  const { mostRetainedBytes } = fates
  expect(fates).toSatisfy(hasSuffered)
  if (source === 'wal') expect(mostRetainedBytes).toBeGreaterThan(0)
  expect(mostRetainedBytes).toBeLessThan(capBytes + slackBytes)
}

describe.each(versions)('the feed under kills and takeovers on PostgreSQL %d', (version) => {
  let cluster: EmbeddedCluster
  beforeAll(async () => {
    cluster = await startCluster({
      version,
      inMemory: true,
      settings: {
        wal_level: 'logical',
        synchronous_commit: 'on',
        max_slot_wal_keep_size: `${capBytes / 1024 ** 2}MB`,
        max_wal_size: '64MB',
      },
    })
  })
  afterAll(() => cluster.stop())

  test.each(['wal', 'outbox'] as const)(
    'delivers every committed change in order, from the %s',
    async (source) => {
      await checkProperty(
        `the feed from the ${source}`,
        fc.integer({ min: 1, max: 2 ** 31 }),
        (seed) => play(cluster, source, seed),
        // One, however much it is soaked: a longer one is worth more than more of them.
        { runs: 1 / scaled(1) },
      )
    },
    scaled(60_000),
  )
})
