import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { systemClock } from '../../src/base/clock.ts'
import { ensureInstalled } from '../../src/catalog/install.ts'
import { onlyRow, type Db } from '../../src/db/db.ts'
import { openDb } from '../../src/db/pg-db.ts'
import { startCluster } from '../../src/embedded/index.ts'
import { runBackfill, type BackfillReport, type BackfillSpec, type BackfillTools } from '../../src/migrate/backfill.ts'
import { sql } from '../../src/sql/sql.ts'
import { isConnectionLost } from '../../src/sql/sqlstate.ts'
import { openMigrations, type MigrationFolder } from '../support/migrations.ts'
import { testDatabase, versions, type TestDatabase } from '../support/postgres.ts'
import { waitUntil } from '../support/wait.ts'

const run = (db: Db, spec: BackfillSpec, tools: Partial<BackfillTools> = {}): Promise<BackfillReport> =>
  db.withSession((session) =>
    runBackfill(session, spec, { name: 'test', clock: systemClock, random: () => 0.5, ...tools }),
  )

describe.each(versions)('backfill on PostgreSQL %d', (version) => {
  let database: TestDatabase
  let db: Db
  const spec: BackfillSpec = {
    table: ['song'],
    set: sql`name = title || ${'!'}`,
    where: sql`name is null`,
    batchRows: 100,
  }
  const left = async (): Promise<number> =>
    onlyRow(await db.query<{ left: number }>(sql`select count(*)::int as left from song where name is null`)).left

  beforeEach(async () => {
    database = await testDatabase(version)
    db = database.db
    await db.withSession((session) => ensureInstalled(session))
    await db.query(
      sql.raw(`create table song (album uuid, track int, title text, name text, changes int not null default 0, primary key (album, track));
      create function count_changes() returns trigger language plpgsql as $$ begin new.changes := old.changes + 1; return new; end $$;
      create trigger count_changes before update on song for each row execute function count_changes();
      insert into song (album, track, title) select gen_random_uuid(), g % 3, 'song ' || g from generate_series(1, 1234) as g`),
    )
  })
  afterEach(() => database.close())

  test('every row once, over a key of two columns and types, in bounded batches', async () => {
    const seen: number[] = []
    const report = await run(db, spec, { onProgress: (progress) => seen.push(progress.done) })
    expect(report.rows).toBe(1234)
    expect(report.batches).toBeGreaterThanOrEqual(13)
    expect(seen.at(-1)).toBe(1234)
    expect(await db.query(sql`select from song where name <> title || '!' or changes <> 1`)).toMatchObject({
      rowCount: 0,
    })
    expect((await run(db, spec)).batches).toBe(0)
  })

  test('killed between two batches it goes on after the last one committed', async () => {
    const stopping = new AbortController()
    let done = 0
    const half = run(db, spec, {
      signal: stopping.signal,
      onProgress: (progress) => {
        done = progress.done
        if (done >= 500) stopping.abort()
      },
    })
    await expect(half).rejects.toMatchObject({ code: 'INTERRUPTED' })
    expect(await left()).toBe(1_234 - done)
    expect((await run(db, spec)).rows).toBe(1234)
    expect(await db.query(sql`select from song where changes <> 1`)).toMatchObject({ rowCount: 0 })
  })

  test('its position is the same under whatever settings of the role it is killed and continued', async () => {
    const role = `dated_${database.name}`
    const url = Object.assign(new URL(database.url), { username: role }).href
    // Days that read as other days the wrong way round, floats that differ in their last digits only.
    await db.query(
      sql.raw(`create table event (at date, ratio float8, span interval, name text, changes int not null default 0,
        primary key (at, ratio, span));
      insert into event (at, ratio, span)
      select date '2026-01-01' + g % 365, 1 + g * 1e-15, make_interval(months => g % 5 - 2, days => g % 3 - 1, secs => g)
      from generate_series(1, 2000) as g;
      create trigger count_changes before update on event for each row execute function count_changes();
      create sequence changes;
      create function kill() returns trigger language plpgsql as $$ begin
        if nextval('changes') in (400, 900, 1400) then perform pg_terminate_backend(pg_backend_pid()); end if;
        return new;
      end $$;
      create trigger kill before update on event for each row execute function kill();
      create role ${role} login;
      grant usage on schema public, pgstrata to ${role};
      grant usage on sequence changes to ${role};
      grant select, insert, update on event, pgstrata.backfill to ${role}`),
    )
    const goOn = async (settings: Readonly<Record<string, string>>): Promise<BackfillReport> => {
      for (const [name, value] of Object.entries(settings))
        await db.query(sql`alter role ${sql.ident(role)} set ${sql.ident(name)} to ${sql.literal(value)}`)
      const own = openDb({ url })
      try {
        return await run(own, { table: ['event'], set: sql`name = 'x'`, batchRows: 150 })
      } finally {
        await own.close()
      }
    }
    const american = { datestyle: 'SQL, MDY', extra_float_digits: '-3', intervalstyle: 'iso_8601' }
    const european = { datestyle: 'SQL, DMY', extra_float_digits: '0', intervalstyle: 'sql_standard' }
    try {
      await expect(goOn({ ...european, datestyle: 'German, DMY' })).rejects.toSatisfy(isConnectionLost)
      await expect(goOn(american)).rejects.toSatisfy(isConnectionLost)
      await expect(goOn(european)).rejects.toSatisfy(isConnectionLost)
      expect(await goOn(american)).toMatchObject({ rows: 2_000 })
      expect((await db.query(sql`select from event where changes <> 1`)).rowCount).toBe(0)
    } finally {
      await db.query(sql.raw(`drop owned by ${role}; drop role ${role}`))
    }
  })

  test('rows that appear behind its back are found by another sweep', async () => {
    // In the transaction of a batch, whose keys are behind its own.
    await db.query(
      sql.raw(`create function add_late() returns trigger language plpgsql as $$ begin
        if (select count(*) from song where name is not null) > 600 then
          insert into song (album, track, title) values ('00000000-0000-0000-0000-000000000000', 0, 'late') on conflict do nothing;
        end if;
        return null;
      end $$;
      create trigger add_late after update on song for each statement execute function add_late()`),
    )
    await run(db, spec)
    expect((await db.query(sql`select from song where title = 'late'`)).rowCount).toBe(1)
    expect(await left()).toBe(0)
  })

  test('another text under the same name begins anew', async () => {
    await run(db, spec)
    await db.query(sql`update song set name = null`)
    expect((await run(db, spec)).batches).toBe(0)
    expect((await run(db, { ...spec, set: sql`name = upper(title)` })).batches).toBeGreaterThan(0)
    expect(await left()).toBe(0)
  })

  test('a `set` that does not end the work is recognised, a table without a key is refused', async () => {
    await expect(run(db, { ...spec, set: sql`title = title` })).rejects.toMatchObject({
      code: 'BACKFILL_FAILED',
      message: expect.stringContaining('5 sweeps'),
    })
    await expect(run(db, { ...spec, set: sql`name = title, track = track + 1` })).rejects.toMatchObject({
      code: 'BACKFILL_FAILED',
      message: expect.stringContaining('may not change its key (track)'),
    })
    await db.query(sql`create table keyless (a int)`)
    await expect(run(db, { ...spec, table: ['keyless'] })).rejects.toMatchObject({
      code: 'BACKFILL_FAILED',
      message: expect.stringContaining('primary key'),
    })
  })

  test('a row that somebody holds does not stop it for good', async () => {
    const other = openDb({ url: database.url })
    let release: () => void = () => undefined
    const released = new Promise<void>((resolve) => (release = resolve))
    let hold: () => void = () => undefined
    const held = new Promise<void>((resolve) => (hold = resolve))
    const holding = other.withSession(async (session) => {
      await session.query(sql`begin`)
      await session.query(sql`update song set title = title where track = 1`)
      hold()
      await released
      await session.query(sql`rollback`)
    })
    // Not before it holds them all: half of them each would be a deadlock.
    await held
    const running = run(db, spec)
    await waitUntil(async () => (await other.query(sql`select from pg_locks where not granted`)).rows.length > 0, {
      what: 'the backfill waiting',
    })
    release()
    await holding
    await running
    expect(await left()).toBe(0)
    await other.close()
  })
})

describe.each(versions)('backfills of migrations on PostgreSQL %d', (version) => {
  let database: TestDatabase
  let folder: MigrationFolder
  const values = async (): Promise<unknown> =>
    (await database.db.query(sql`select min(a) as a, max(a) as most, min(b) as b from song`)).rows[0]

  beforeEach(async () => {
    database = await testDatabase(version)
    await database.db.query(
      sql.raw(
        'create table song (id int primary key, a int, b int); insert into song (id) select generate_series(1, 100)',
      ),
    )
    folder = await openMigrations(database.db)
  })
  afterEach(async () => {
    await folder.close()
    await database.close()
  })

  test('several over one table each do their work, told apart by values alone', async () => {
    await folder.write(
      '0001_a.mjs',
      `export const transaction = false
export async function up({ backfill, sql }) {
  for (const half of [0, 1]) await backfill({ table: ['song'], set: sql\`a = \${half}\`, where: sql\`a is null and id % 2 = \${half}\` })
}`,
    )
    await folder.migrate.up()
    expect(await values()).toMatchObject({ a: 0, most: 1 })
    expect((await database.db.query(sql`select from song where a <> id % 2`)).rows).toEqual([])
  })

  test('what a first one did is not done again when a second one fails', async () => {
    const text = (second: string): string => `export const transaction = false
export async function up({ backfill, sql }) {
  await backfill({ table: ['song'], set: sql\`a = coalesce(a, 0) + 1\` })
  await backfill({ table: ['song'], set: sql\`${second}\` })
}`
    await folder.write('0001_a.mjs', text('b = 1/0'))
    await expect(folder.migrate.up()).rejects.toMatchObject({ code: 'MIGRATION_FAILED' })
    await folder.write('0001_a.mjs', text('b = 1'))
    await folder.migrate.up()
    expect(await values()).toEqual({ a: 1, most: 1, b: 1 })
  })

  test('up, down and up does it again', async () => {
    await folder.write(
      '0001_a.mjs',
      `export const transaction = false
export async function up({ backfill, sql }) { await backfill({ table: ['song'], set: sql\`a = 1\`, where: sql\`a is null\` }) }
export async function down({ query, sql }) { await query(sql\`update song set a = null\`) }`,
    )
    await folder.migrate.up()
    await folder.migrate.down()
    await folder.migrate.up()
    expect(await values()).toMatchObject({ a: 1 })
  })
})

test(
  'a replica that falls behind makes it wait, and it goes on when the replica has caught up',
  { timeout: 120_000 },
  async () => {
    const cluster = await startCluster({ replicas: 1 })
    const db = openDb({ url: cluster.primary.url() })
    try {
      await db.withSession((session) => ensureInstalled(session))
      await db.query(
        sql.raw(
          `create table song (id int primary key, title text, name text); insert into song (id, title) select g, repeat('x', 200) from generate_series(1, 20000) as g`,
        ),
      )
      const [replica] = cluster.replicas
      await replica?.waitFor()
      await replica?.pauseReplay()
      const notes: string[] = []
      const running = run(
        db,
        {
          table: ['song'],
          set: sql`name = title`,
          where: sql`name is null`,
          maxReplicaLagBytes: 1_000_000,
          maxReplicaLagMs: 600_000,
        },
        { onProgress: (progress) => void (progress.note === undefined || notes.push(progress.note)) },
      )
      await waitUntil(() => notes.some((note) => note.includes('waiting for replica')), {
        what: 'the backfill waiting',
      })
      const { left } = onlyRow(
        await db.query<{ left: number }>(sql`select count(*)::int as left from song where name is null`),
      )
      expect(left).toBeGreaterThan(0)
      await replica?.resumeReplay()
      expect((await running).rows).toBe(20_000)
    } finally {
      await db.close()
      await cluster.stop()
    }
  },
)
