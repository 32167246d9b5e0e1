// Live readers and writers while a migration waits for a lock that somebody holds. The bound is enforced by the server:
// a reader that waits longer than its own lock_timeout fails, and a failed reader fails the test. The same run with a
// plain ALTER TABLE makes readers fail, so the test can.

import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Db, Session } from '../../src/db/db.ts'
import { openDb } from '../../src/db/pg-db.ts'
import { sql } from '../../src/sql/sql.ts'
import { sqlstateOf } from '../../src/sql/sqlstate.ts'
import { openMigrations, type MigrationFolder } from '../support/migrations.ts'
import { testDatabase, versions, type TestDatabase } from '../support/postgres.ts'
import { waitUntil } from '../support/wait.ts'

/** The ladder of these tests waits 100 ms at the most; on a busy machine its end may come much later. */
const ladder = { firstTimeoutMs: 40, lastTimeoutMs: 100, tries: 60, concurrentTimeoutMs: 30_000 }
const readerPatienceMs = 1_000

describe.each(versions)('locks on PostgreSQL %d', (version) => {
  let database: TestDatabase
  let folder: MigrationFolder
  let clients: Db

  beforeEach(async () => {
    database = await testDatabase(version)
    clients = openDb({ url: database.url, max: 8 })
    folder = await openMigrations(database.db, {}, { ladder })
    await database.db.query(
      sql.raw(
        'create table song (id int primary key, title text); insert into song select g, g::text from generate_series(1, 1000) as g',
      ),
    )
  })
  afterEach(async () => {
    await clients.close()
    await folder.close()
    await database.close()
  })

  test('ALTER TABLE under a held lock: no reader waits longer than one step, and it comes through in the end', async () => {
    await folder.write('0001_alter.sql', 'alter table song add column genre text;')
    const holder = await holdLock(clients)
    const readers = startReaders(clients, 3)
    let busy = 0
    const running = folder.migrate.up({ onEvent: (event) => (busy += event.type === 'busy' ? 1 : 0) })
    await waitUntil(() => busy >= 5, { what: 'five tries in vain' })
    const seen = readers.count()
    await waitUntil(() => readers.count() > seen + 50, { what: 'readers going on' })
    await holder.release()
    await running
    expect(await readers.stop()).toEqual([])
    expect(await columns(database.db)).toContain('genre')
  })

  test('the same without short waits makes readers fail: the test can', async () => {
    const holder = await holdLock(clients)
    const readers = startReaders(clients, 3)
    const altering = clients.query(sql`alter table song add column genre text`)
    await waitUntil(() => readers.errors().length > 0, { what: 'a reader that gave up' })
    await holder.release()
    await altering
    expect(new Set(await readers.stop())).toEqual(new Set(['55P03']))
  })

  test('CREATE INDEX CONCURRENTLY waits for an old transaction while readers and writers pass', async () => {
    await folder.write('0001_index.sql', 'create index concurrently song_title_idx on song (title);')
    const holder = await holdLock(clients, sql`update song set title = 'held' where id = 1`)
    const readers = startReaders(clients, 2)
    const writers = startReaders(clients, 1, sql`update song set title = title || '.' where id = 2`)
    const running = folder.migrate.up()
    await waitUntil(() => isWaitingBuild(database.db), { what: 'the build waiting for the old transaction' })
    const [read, written] = [readers.count(), writers.count()]
    await waitUntil(() => readers.count() > read + 50 && writers.count() > written + 50, { what: 'clients going on' })
    await holder.release()
    await running
    expect([...(await readers.stop()), ...(await writers.stop())]).toEqual([])
    const { rows } = await database.db.query(
      sql`select from pg_index where indexrelid = 'song_title_idx'::regclass and indisvalid`,
    )
    expect(rows).toHaveLength(1)
  })

  test('who holds the lock is named when all tries were in vain', async () => {
    await folder.close()
    folder = await openMigrations(database.db, {}, { ladder: { ...ladder, tries: 3 } })
    await folder.write('0001_alter.sql', 'alter table song add column genre text;')
    const holder = await holdLock(clients)
    await expect(folder.migrate.up()).rejects.toMatchObject({
      code: 'LOCK_TIMEOUT',
      notes: expect.arrayContaining([
        expect.stringMatching(new RegExp(`blocked by backend ${holder.pid} .*in a transaction for`)),
      ]),
    })
    await holder.release()
    expect(await columns(database.db)).not.toContain('genre')
    await folder.migrate.up()
  })

  test.each([
    ['VACUUM FULL', 'vacuum full song;', []],
    ['DETACH PARTITION CONCURRENTLY', 'alter table part detach partition part_1 concurrently;', ['unfinished']],
  ])(
    '%s outside a transaction gives up rung by rung, lets readers pass, and says who blocks',
    async (_n, text, left) => {
      const few = { ...ladder, tries: 3 }
      await makePartitions(database.db)
      await folder.close()
      folder = await openMigrations(database.db, { '0001_outside.sql': text }, { ladder: few })
      const holder = await holdLock(clients, sql`select from song, part limit 1`)
      const readers = [
        startReaders(clients, 1),
        startReaders(clients, 1, sql`select count(*) from part`),
        startReaders(clients, 1, sql`select count(*) from part_1`),
      ]
      const tries: number[] = []
      const error: unknown = await folder.migrate
        .up({ onEvent: (event) => event.type === 'busy' && tries.push(event.busy.attempt) })
        .catch((thrown: unknown) => thrown)
      expect(error).toMatchObject({
        code: 'LOCK_TIMEOUT',
        message: expect.stringMatching(/^0001_outside\.sql:1: /),
        notes: expect.arrayContaining([
          expect.stringMatching(`blocked by backend ${holder.pid} .*in a transaction for`),
        ]),
      })
      expect(tries).toEqual([1, 2])
      for (const reader of readers) expect(await reader.stop()).toEqual([])
      expect((await folder.migrate.status()).map(({ state }) => state)).toEqual(left.length > 0 ? left : ['pending'])
      await holder.release()
      await folder.migrate.up()
      expect((await folder.migrate.status()).map(({ state }) => state)).toEqual(['applied'])
    },
  )

  test('DETACH PARTITION CONCURRENTLY that was begun is ended as soon as it can be, in the same run', async () => {
    await makePartitions(database.db)
    await folder.write('0001_detach.sql', 'alter table part detach partition part_1 concurrently;')
    const holder = await holdLock(clients, sql`select from part limit 1`)
    let busy = 0
    const running = folder.migrate.up({ onEvent: (event) => (busy += event.type === 'busy' ? 1 : 0) })
    await waitUntil(() => busy >= 3, { what: 'three tries in vain' })
    const pending = sql`select inhdetachpending as pending from pg_inherits where inhparent = 'part'::regclass`
    expect((await database.db.query(pending)).rows).toEqual([{ pending: true }])
    await holder.release()
    expect((await running).ran).toHaveLength(1)
    expect((await database.db.query(pending)).rows).toEqual([])
  })

  test('a second runner says that the first is at work, and gives up after its patience', async () => {
    await folder.close()
    folder = await openMigrations(database.db, {}, { ladder, waitMs: 50 })
    await folder.write('0001_alter.sql', 'alter table song add column genre text;')
    const holder = await holdLock(clients)
    let busy = 0
    const first = folder.migrate.up({ onEvent: (event) => (busy += event.type === 'busy' ? 1 : 0) })
    await waitUntil(() => busy > 0, { what: 'the first at work' })
    const seen: string[] = []
    await expect(folder.migrate.up({ onEvent: (event) => seen.push(event.type) })).rejects.toMatchObject({
      code: 'LOCK_BUSY',
      message: expect.stringContaining('backend'),
    })
    expect(seen).toEqual(['waiting'])
    await holder.release()
    await first
  })
})

async function makePartitions(db: Db): Promise<void> {
  await db.query(
    sql.raw(`create table part (id int) partition by range (id);
    create table part_1 partition of part for values from (0) to (10);
    insert into part values (1)`),
  )
}

interface Holder {
  readonly pid: number
  release(): Promise<void>
}

/** A transaction that reads (or does something else with) the table and then does nothing, until it is released. */
async function holdLock(db: Db, statement = sql`select from song limit 1`): Promise<Holder> {
  let release: () => void = () => undefined
  const released = new Promise<void>((resolve) => (release = resolve))
  let holding: (session: Session) => void = () => undefined
  const held = new Promise<Session>((resolve) => (holding = resolve))
  const done = db.withSession(async (session) => {
    await session.query(sql`begin`)
    await session.query(statement)
    holding(session)
    await released
    await session.query(sql`commit`)
  })
  const { pid } = await held
  return {
    pid,
    release: async () => {
      release()
      await done
    },
  }
}

interface Clients {
  count(): number
  errors(): readonly string[]
  /** SQLSTATEs of all that failed. */
  stop(): Promise<readonly string[]>
}

function startReaders(db: Db, howMany: number, statement = sql`select count(*) from song where id < 50`): Clients {
  let done = 0
  let stopped = false
  const errors: string[] = []
  const working = Array.from({ length: howMany }, () =>
    db.withSession(async (session) => {
      await session.query(sql.raw(`set lock_timeout = '${readerPatienceMs}ms'`))
      while (!stopped) {
        await session.query(statement).then(
          () => done++,
          (error: unknown) => errors.push(sqlstateOf(error) ?? String(error)),
        )
      }
    }),
  )
  return {
    count: () => done,
    errors: () => errors,
    stop: async () => {
      stopped = true
      await Promise.all(working)
      return errors
    },
  }
}

async function columns(db: Db): Promise<string[]> {
  const { rows } = await db.query<{ name: string }>(
    sql`select attname::text as name from pg_attribute where attrelid = 'song'::regclass and attnum > 0`,
  )
  return rows.map((row) => row.name)
}

async function isWaitingBuild(db: Db): Promise<boolean> {
  const { rows } = await db.query(
    sql`select from pg_stat_progress_create_index where phase like 'waiting for %' and lockers_total > 0`,
  )
  return rows.length > 0
}
