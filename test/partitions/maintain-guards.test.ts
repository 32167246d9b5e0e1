// pgstrata.maintain() and create_monthly_partitions() where something stands against them: other settings, other schemas
// in the path, somebody's locks, rows far from all others. What they do is what the daemon's jobs do, and no more.

import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { silentLogger } from '../../src/base/logger.ts'
import { systemClock } from '../../src/base/clock.ts'
import type { Db, Session } from '../../src/db/db.ts'
import { openDb } from '../../src/db/pg-db.ts'
import { partitionsJob } from '../../src/partitions/jobs.ts'
import type { PartitionedTable } from '../../src/partitions/options.ts'
import { sql } from '../../src/sql/sql.ts'
import { testDatabase, versions, type TestDatabase } from '../support/postgres.ts'
import {
  createPlays,
  declareTable,
  install,
  installRoutines,
  keepFor,
  keepNewest,
  layOut,
  noticesOf,
  partitionsOf,
} from './life-support.ts'

describe.each(versions)('upkeep from SQL on PostgreSQL %d', (version) => {
  let database: TestDatabase
  let db: Db
  let other: Db
  const run = async (text: string): Promise<void> => void (await db.query(sql.raw(text)))
  const call = (statement: string, settings = ''): Promise<readonly string[]> =>
    db.withSession(async (session) => {
      await session.query(sql.raw(`set statement_timeout = '30s'; ${settings}`))
      try {
        return await noticesOf(session, statement)
      } finally {
        await session.query(sql`discard all`)
      }
    })
  const holding = async (statement: string, work: () => Promise<void>): Promise<void> =>
    await other.withSession(async (session: Session) => {
      await session.query(sql.raw(`begin; ${statement}`))
      await work()
      await session.query(sql`rollback`)
    })
  const boundsOf = async (table: string): Promise<readonly unknown[]> => {
    const { rows } = await db.query<{ name: string; bound: string }>(sql`
      select replace(c.relname, ${table}, 'it') as name, pg_get_expr(c.relpartbound, c.oid) as bound
      from pg_inherits i
      join pg_class c on c.oid = i.inhrelid
      where i.inhparent = ${`"${table.replaceAll('"', '""')}"`}::regclass
      order by 1`)
    return rows
  }
  const runJob = async (tables: readonly PartitionedTable[]): Promise<void> => {
    const ladder = { firstTimeoutMs: 40, lastTimeoutMs: 100, tries: 5, concurrentTimeoutMs: 1_000 }
    await partitionsJob({ tables, ladder }).run({
      db,
      tick: new Date(),
      attempt: 1,
      fence: 1,
      signal: new AbortController().signal,
      clock: systemClock,
      random: () => 0.5,
      logger: silentLogger,
      confirm: () => Promise.resolve(),
    })
  }

  beforeEach(async () => {
    database = await testDatabase(version)
    db = database.db
    other = openDb({ url: database.url })
    await install(db)
    await installRoutines(db)
  })
  afterEach(async () => {
    await other.close()
    await database.close()
  })

  const ids = { kind: 'id', column: 'id', step: 10n, split: undefined } as const
  const createEvents = async (name: string): Promise<void> =>
    run(`create table ${name} (id bigint primary key) partition by range (id);
      ${[0, 1, 2].map((n) => `create table ${name}_${n * 10} partition of ${name} for values from (${n * 10}) to (${n * 10 + 10})`).join(';')};
      create table ${name}_default partition of ${name} default;
      insert into ${name} select generate_series(0, 25)`)

  test('an id in the default partition is not the present: neither for making nor for taking out', async () => {
    const retain = keepNewest(2)
    for (const table of ['events', 'others']) {
      await createEvents(table)
      await run(`insert into ${table} values (1000000)`)
      await layOut(db, declareTable({ table, layout: ids, ahead: 2, retain, outside: 'default' }))
    }
    await runJob([declareTable({ table: 'others', layout: ids, ahead: 2, retain, outside: 'default' })])
    await run(`update pgstrata.layout set paused = true where table_name = 'others'`)
    await call('call pgstrata.maintain()')
    const expected = ['events_10', 'events_20', 'events_30', 'events_40', 'events_default']
    expect(await partitionsOf(db, 'events')).toEqual(expected)
    // The job makes, and takes nothing out.
    const made = (await partitionsOf(db, 'others')).filter((name) => name !== 'others_0')
    expect(made).toEqual(expected.map((name) => name.replace('events', 'others')))
  })

  test('where there is no id yet, partitions begin as the daemon makes them begin', async () => {
    for (const table of ['events', 'others']) {
      await run(`create table ${table} (id bigint primary key) partition by range (id);
        create table ${table}_0 partition of ${table} for values from (0) to (10)`)
      await layOut(db, declareTable({ table, layout: ids, ahead: 2 }))
    }
    await runJob([declareTable({ table: 'others', layout: ids, ahead: 2 })])
    await run(`update pgstrata.layout set paused = true where table_name = 'others'`)
    await call('call pgstrata.maintain()')
    expect(await boundsOf('events')).toEqual(await boundsOf('others'))
    expect(await partitionsOf(db, 'events')).toEqual(['events_0', 'events_10', 'events_20'])
  })

  test('somebody who holds the table is waited for once, however many partitions are missing', async () => {
    await run('create table plays (id int, played_at timestamptz not null) partition by range (played_at)')
    await layOut(db, declareTable({ ahead: 4 }))
    await holding('lock table plays in access exclusive mode', async () => {
      for (const statement of ['call pgstrata.maintain()', 'select pgstrata.create_monthly_partitions()']) {
        expect(await call(statement)).toEqual([expect.stringMatching(/^NOTICE: .* was not to be had/)])
      }
    })
    await call('select pgstrata.create_monthly_partitions()')
    expect(await partitionsOf(db)).toHaveLength(5)
  })

  test('nor for looking at the ids; the other tables are seen to', async () => {
    await createEvents('events')
    await run('create table plays (id int, played_at timestamptz not null) partition by range (played_at)')
    await layOut(db, declareTable({ table: 'events', layout: ids, ahead: 2 }))
    await layOut(db, declareTable({ ahead: 1 }))
    await holding('lock table events in access exclusive mode', async () => {
      expect(await call('call pgstrata.maintain()')).toEqual([expect.stringMatching(/^WARNING: .*events is left out/)])
    })
    expect(await partitionsOf(db)).toHaveLength(2)
  })

  test.each(['done', 'busy'])('the lock_timeout of who calls is as it was (%s)', async (how) => {
    await run('create table plays (id int, played_at timestamptz not null) partition by range (played_at)')
    await layOut(db, declareTable())
    const lockTimeout = db.withSession(async (session) => {
      await session.query(sql`set lock_timeout = '77s'`)
      if (how === 'busy') {
        await holding('lock table plays in access exclusive mode', async () => {
          await session.query(sql`call pgstrata.maintain()`)
        })
      } else await session.query(sql`call pgstrata.maintain()`)
      const { rows } = await session.query(sql`show lock_timeout`)
      await session.query(sql`reset lock_timeout`)
      return rows
    })
    expect(await lockTimeout).toEqual([{ lock_timeout: '77s' }])
  })

  test('a foreign table is dropped when its grace is over', async () => {
    await createPlays(db)
    await run(`create foreign data wrapper nowhere; create server far foreign data wrapper nowhere;
      create foreign table plays_2025 (id int not null, played_at timestamptz not null, note text) server far;
      alter table plays drop constraint plays_pkey;
      alter table plays attach partition plays_2025 for values from ('2025-01-01') to ('2026-01-01')`)
    await layOut(db, declareTable({ ahead: 0, from: '2026-01-01', retain: keepFor('100 years', { grace: '0' }) }))
    await run(`insert into pgstrata.retired_partition (schema_name, table_name, partition_schema, partition_name, partition_oid)
      values ('public', 'plays', 'public', 'plays_2025', 'plays_2025'::regclass);
      alter table plays detach partition plays_2025`)
    await call('call pgstrata.maintain()')
    expect(await call('call pgstrata.maintain()')).toEqual([])
    expect(await db.query(sql`select from pg_class where relname = 'plays_2025'`)).toMatchObject({ rowCount: 0 })
  })

  const settings: readonly string[] = [
    `set timezone = 'Pacific/Apia'; set datestyle = 'German, DMY'; set intervalstyle = 'sql_standard'; set extra_float_digits = -15`,
    `set standard_conforming_strings = off; set escape_string_warning = off; set backslash_quote = on; set datestyle = 'SQL, MDY'`,
    `set timezone = 'Asia/Kolkata'; set datestyle = 'Postgres, DMY'; set default_transaction_isolation = 'serializable'`,
    `set search_path = evil, pg_catalog`,
  ]
  test.each(settings)('makes what the daemon makes under %s', async (text) => {
    // Whoever lets these be found before those of the server must not run them.
    await run(`create schema evil; create table evil.called (what text);
      create function evil.wrong(text, text) returns boolean language plpgsql as $$ begin insert into evil.called values ($1); return true; end $$;
      create operator evil.= (leftarg = text, rightarg = text, function = evil.wrong);
      create function evil.wrong(oid, oid) returns boolean language plpgsql as $$ begin insert into evil.called values ('oid'); return true; end $$;
      create operator evil.= (leftarg = oid, rightarg = oid, function = evil.wrong);
      create function evil.wrong(name, text) returns boolean language plpgsql as $$ begin insert into evil.called values ('name'); return true; end $$;
      create operator evil.= (leftarg = name, rightarg = text, function = evil.wrong);
      create function evil.replace(text, text, text) returns text language plpgsql as $$ begin insert into evil.called values ('replace'); return $1; end $$`)
    const layout = {
      kind: 'time',
      column: 'played_at',
      grain: 'month',
      zone: 'Europe/Berlin',
      split: undefined,
    } as const
    const retain = keepFor('2 months')
    const names = [`it's \\ "odd" $1`, 'plain']
    for (const name of names) {
      await run(
        `create table "${name.replaceAll('"', '""')}" (id int, played_at timestamptz not null) partition by range (played_at)`,
      )
      await layOut(db, declareTable({ table: name, layout, ahead: 2, retain }))
    }
    const [odd = '', plain = ''] = names
    await run(`update pgstrata.layout set paused = table_name = 'plain'`)
    await call('call pgstrata.maintain()', text)
    await runJob([declareTable({ table: plain, layout, ahead: 2, retain })])
    expect(await boundsOf(odd)).toHaveLength(3)
    expect(await boundsOf(odd)).toEqual(await boundsOf(plain))
    await run(`update pgstrata.layout set paused = false`)
    await call('select pgstrata.create_monthly_partitions()', text)
    expect((await db.query(sql`select what from evil.called`)).rows).toEqual([])
  })
})
