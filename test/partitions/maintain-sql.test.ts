import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Db } from '../../src/db/db.ts'
import { openDb } from '../../src/db/pg-db.ts'
import { tableLockArguments } from '../../src/partitions/table-lock.ts'
import { quoteIdent } from '../../src/sql/quote.ts'
import { sql } from '../../src/sql/sql.ts'
import { testDatabase, versions, type TestDatabase } from '../support/postgres.ts'
import {
  declareTable,
  install,
  installRoutines,
  keepFor,
  keepNewest,
  layOut,
  noticesOf,
  partitionsOf,
  retiredOf,
  tablesOf,
} from './life-support.ts'

/** Now, two hours and a day after the month began: the same month all through a test. */
const monthName = (offset: number): string => {
  const now = new Date()
  return new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + offset))
    .toISOString()
    .slice(0, 7)
    .replace('-', '_')
}
const bounds = (offset: number): string =>
  `from ('${monthName(offset).replace('_', '-')}-01 00:00+00') to ('${monthName(offset + 1).replace('_', '-')}-01 00:00+00')`

describe.each(versions)('pgstrata.maintain() on PostgreSQL %d', (version) => {
  let database: TestDatabase
  let db: Db

  beforeEach(async () => {
    database = await testDatabase(version)
    db = database.db
    await install(db)
    await installRoutines(db)
  })
  afterEach(() => database.close())

  async function createTable(table: string, months: readonly number[] = []): Promise<void> {
    const name = quoteIdent(table)
    const partitions = months.map(
      (month) =>
        `create table ${quoteIdent(`${table}_${monthName(month)}`)} partition of ${name} for values ${bounds(month)}`,
    )
    await db.query(
      sql.raw(
        [
          `create table ${name} (id int not null, played_at timestamptz not null, primary key (id, played_at)) partition by range (played_at)`,
          ...partitions,
        ].join(';\n'),
      ),
    )
  }

  const call = (): Promise<readonly string[]> =>
    db.withSession((session) => noticesOf(session, 'call pgstrata.maintain()'))
  const named = (table: string, months: readonly number[]): string[] =>
    months.map((month) => `${table}_${monthName(month)}`).toSorted()

  test('makes what is missing, exactly as the daemon does, with names of any kind', async () => {
    const name = 'We"ird $Table'
    await createTable(name)
    await layOut(db, declareTable({ table: name, ahead: 2, storage: { fillfactor: '70' } }))
    expect(await call()).toEqual([])
    expect(await partitionsOf(db, name)).toEqual(named(name, [0, 1, 2]))
    const { rows } = await db.query<{ options: string }>(
      sql`select reloptions::text as options from pg_class where relispartition and relkind = 'r'`,
    )
    expect(new Set(rows.map((row) => row.options))).toEqual(new Set(['{fillfactor=70}']))
    expect(await call()).toEqual([])
  })

  test('closes a gap, and makes partitions of ids', async () => {
    await createTable('plays', [-3, -1])
    await layOut(db, declareTable({ ahead: 1 }))
    await db.query(
      sql.raw(`create table events (id int primary key) partition by range (id);
      create table events_0 partition of events for values from (0) to (100);
      insert into events values (42)`),
    )
    await layOut(
      db,
      declareTable({ table: 'events', layout: { kind: 'id', column: 'id', step: 100n, split: undefined }, ahead: 2 }),
    )
    expect(await call()).toEqual([])
    expect(await partitionsOf(db)).toEqual(named('plays', [-3, -2, -1, 0, 1]))
    expect(await partitionsOf(db, 'events')).toEqual(['events_0', 'events_100', 'events_200'])
  })

  test('takes out what is past retention, and drops it after its grace', async () => {
    await createTable('plays', [-6, -5, -2, -1, 0, 1])
    await layOut(db, declareTable({ ahead: 1, retain: keepFor('70 days', { grace: '1 hour' }) }))
    expect(await call()).toEqual([])
    const gone = named('plays', [-6, -5])
    expect((await partitionsOf(db)).filter((name) => gone.includes(name))).toEqual([])
    expect(await tablesOf(db)).toEqual(expect.arrayContaining(gone))
    expect((await retiredOf(db)).slice(0, 2)).toEqual(gone.map((name) => `${name} detached`))
    await db.query(sql`update pgstrata.retired_partition set drop_after = now()`)
    expect(await call()).toEqual([])
    expect((await tablesOf(db)).filter((name) => gone.includes(name))).toEqual([])
    expect(await retiredOf(db)).toEqual(gone.map((name) => `${name} dropped`))
  })

  test('with an archive hook it takes out, and leaves the rest to the daemon', async () => {
    await createTable('plays', [-3, -2, -1, 0])
    await layOut(db, declareTable({ ahead: 0, retain: keepNewest(2, { grace: '0', archive: async () => {} }) }))
    await call()
    await call()
    expect(await retiredOf(db)).toEqual(named('plays', [-3, -2]).map((name) => `${name} detached`))
    await db.query(sql`update pgstrata.retired_partition set state = 'archived'`)
    await call()
    expect(await retiredOf(db)).toEqual(named('plays', [-3, -2]).map((name) => `${name} dropped`))
  })

  test('ends what a killed daemon left half-way', async () => {
    await createTable('plays', [-3, -2, 0])
    await layOut(db, declareTable({ ahead: 0, retain: keepNewest(2, { grace: '1 day' }) }))
    const oldest = named('plays', [-3])[0] ?? ''
    const other = openDb({ url: database.url })
    await other.withSession(async (reader) => {
      await reader.query(sql`begin; select count(*) from plays`)
      await db
        .withSession(async (session) => {
          await session.query(sql`
            insert into pgstrata.retired_partition (schema_name, table_name, partition_schema, partition_name, partition_oid)
            select 'public', 'plays', 'public', ${oldest}, ${oldest}::regclass`)
          await session.query(sql`set lock_timeout = '50ms'`)
          await session.query(sql`alter table plays detach partition ${sql.ident(oldest)} concurrently`)
        })
        .catch(() => undefined)
      await reader.query(sql`commit`)
    })
    await other.close()
    await call()
    expect((await retiredOf(db))[0]).toBe(`${oldest} detached`)
    expect(await partitionsOf(db)).not.toContain(oldest)
  })

  test('what somebody attached again or renamed is left alone', async () => {
    await createTable('plays', [-3, -2, -1, 0])
    await layOut(db, declareTable({ ahead: 0, retain: keepNewest(1, { grace: '0' }) }))
    await call()
    const [first = '', second = '', third = ''] = named('plays', [-3, -2, -1])
    await db.query(sql`alter table plays attach partition ${sql.ident(first)} for values ${sql.raw(bounds(-3))}`)
    await db.query(sql`alter table ${sql.ident(second)} rename to mine`)
    await call()
    await call()
    expect(await tablesOf(db)).toEqual(['mine', 'plays', `plays_${monthName(0)}`, first].toSorted())
    expect(await retiredOf(db)).toEqual([
      `${first} released somebody else has it now`,
      `${second} released somebody else has it now`,
      `${third} dropped`,
    ])
  })

  test('a lock that is not to be had is left for the next call, and told; other tables are seen to', async () => {
    await createTable('alpha', [-1])
    await createTable('plays', [-1])
    await layOut(db, declareTable({ table: 'alpha', ahead: 1 }))
    await layOut(db, declareTable({ ahead: 1 }))
    const other = openDb({ url: database.url })
    await other.withSession(async (session) => {
      await session.query(sql`begin; lock table alpha in share row exclusive mode`)
      const notices = await call()
      // Once: the rest of that table is not tried.
      expect(notices).toEqual([expect.stringMatching(/^NOTICE: .*alpha_.*was not to be had/)])
      await session.query(sql`rollback`)
    })
    await other.close()
    expect(await partitionsOf(db, 'alpha')).toEqual(named('alpha', [-1]))
    expect(await partitionsOf(db)).toEqual(named('plays', [-1, 0, 1]))
    expect(await call()).toEqual([])
    expect(await partitionsOf(db, 'alpha')).toEqual(named('alpha', [-1, 0, 1]))
  })

  test('beside somebody who works on the same table it steps back', async () => {
    await createTable('plays', [-1])
    await layOut(db, declareTable({ ahead: 0 }))
    const other = openDb({ url: database.url })
    await other.withSession(async (session) => {
      const key = sql.raw(tableLockArguments(`'plays'::regclass`))
      await session.query(sql`select pg_advisory_lock(${key})`)
      expect(await call()).toEqual([expect.stringMatching(/^NOTICE: .*another session works on public.plays/)])
    })
    await other.close()
    expect(await partitionsOf(db)).toEqual(named('plays', [-1]))
  })

  test('two calls at once make everything once', async () => {
    await createTable('plays')
    await layOut(db, declareTable({ ahead: 30 }))
    await Promise.all([call(), call(), call()])
    await call()
    expect(await partitionsOf(db)).toHaveLength(31)
  })

  test('each partition is committed by itself: what was made stands, whatever comes after', async () => {
    await createTable('plays')
    await layOut(db, declareTable({ ahead: 2 }))
    await db.query(sql`create table ${sql.ident(named('plays', [1])[0] ?? '')} ()`)
    const notices = await call()
    expect(notices).toEqual([expect.stringMatching(/^WARNING: .*its name belongs to another relation/)])
    expect(await partitionsOf(db)).toEqual(named('plays', [0, 2]))
  })

  test('inside a transaction it is refused by the server, and changes nothing', async () => {
    await createTable('plays')
    await layOut(db, declareTable({ ahead: 2 }))
    await db.withSession(async (session) => {
      await session.query(sql`begin`)
      await expect(session.query(sql`call pgstrata.maintain()`)).rejects.toMatchObject({ code: '2D000' })
      await session.query(sql`rollback`)
    })
    expect(await partitionsOf(db)).toEqual([])
  })

  test('paused, hash, unknown and no longer partitioned tables are left alone', async () => {
    await createTable('plays')
    await layOut(db, declareTable({ ahead: 2 }))
    await db.query(sql`update pgstrata.layout set paused = true`)
    await db.query(
      sql`insert into pgstrata.layout (schema_name, table_name, kind, column_name, names) values ('public', 'gone', 'hash', 'k', '{table}_{period}')`,
    )
    expect(await call()).toEqual([])
    await db.query(sql`update pgstrata.layout set paused = false`)
    await db.query(sql`drop table plays`)
    expect(await call()).toEqual([])
  })

  test('create_monthly_partitions() makes those of monthly layouts, in pgstrata and where it is asked for', async () => {
    await installRoutines(db, 'public')
    await createTable('plays')
    await createTable('days')
    await layOut(db, declareTable({ ahead: 2 }))
    const layout = { kind: 'time', column: 'played_at', grain: 'day', zone: 'UTC', split: undefined } as const
    await layOut(db, declareTable({ table: 'days', layout, ahead: 2 }))
    await db.query(sql`SELECT create_monthly_partitions();`)
    expect(await partitionsOf(db)).toEqual(named('plays', [0, 1, 2]))
    expect(await partitionsOf(db, 'days')).toEqual([])
    await db.query(sql`select pgstrata.create_monthly_partitions()`)
  })

  test('an owner that is no superuser can call it; others cannot', async () => {
    const owner = `owner_${database.name}`
    const stranger = `stranger_${database.name}`
    await db.query(
      sql.raw(
        `create role ${owner} login; create role ${stranger} login; grant create, usage on schema public to ${owner}; grant usage on schema pgstrata to ${owner}; grant select, insert, update on all tables in schema pgstrata to ${owner}; grant execute on all routines in schema pgstrata to ${owner}; grant usage on schema pgstrata to ${stranger}`,
      ),
    )
    await createTable('plays', [-4, -3, -1])
    await db.query(sql.raw(`alter table plays owner to ${owner}`))
    for (const name of named('plays', [-4, -3, -1])) {
      await db.query(sql`alter table ${sql.ident(name)} owner to ${sql.ident(owner)}`)
    }
    await layOut(db, declareTable({ ahead: 1, retain: keepNewest(2, { grace: '0' }) }))
    const as = (role: string): Promise<readonly string[]> =>
      db.withSession(async (session) => {
        await session.query(sql`set role ${sql.ident(role)}`)
        try {
          return await noticesOf(session, 'call pgstrata.maintain()')
        } finally {
          await session.query(sql`reset role`)
        }
      })
    await expect(as(stranger)).rejects.toMatchObject({ code: '42501' })
    expect(await as(owner)).toEqual([])
    expect(await as(owner)).toEqual([])
    expect(await partitionsOf(db)).toEqual(named('plays', [-1, 0, 1]))
    expect((await tablesOf(db)).filter((name) => name.includes(monthName(-4)))).toEqual([])
    await db.query(sql.raw(`drop owned by ${owner}, ${stranger} cascade; drop role ${owner}, ${stranger}`))
  })
})
