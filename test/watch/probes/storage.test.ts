// What tables, indexes, sequences and the log hold: each situation is seen when it is there, and not when it is not.

import { expect, test } from 'vitest'
import type { Db } from '../../../src/db/db.ts'
import { sql } from '../../../src/sql/sql.ts'
import { bloatProbe } from '../../../src/watch/probes/bloat.ts'
import { createDatabaseProbe } from '../../../src/watch/probes/database.ts'
import { diskProbe } from '../../../src/watch/probes/disk.ts'
import { freezeProbe } from '../../../src/watch/probes/freeze.ts'
import { createIndexesProbe } from '../../../src/watch/probes/indexes.ts'
import { sequencesProbe } from '../../../src/watch/probes/sequences.ts'
import { sizesProbe } from '../../../src/watch/probes/sizes.ts'
import { slotsProbe } from '../../../src/watch/probes/slots.ts'
import { createTablesProbe } from '../../../src/watch/probes/tables.ts'
import { walProbe } from '../../../src/watch/probes/wal.ts'
import { describeOnEachVersion } from '../../support/postgres.ts'
import { waitUntil } from '../../support/wait.ts'
import { ask, run } from '../support.ts'

/** In one session, whose counters are told at once. */
async function counted(db: Db, ...statements: readonly string[]): Promise<void> {
  await db.withSession(async (session) => {
    for (const statement of statements) await session.query(sql.raw(statement)).catch(() => undefined)
    await session.query(sql`select pg_stat_force_next_flush()`)
    await session.query(sql`select 1`)
  })
}

describeOnEachVersion('storage', (_version, database) => {
  test('dead rows, updates on their page and whole reads are told by table, partitions under their table', async () => {
    const { db } = database()
    await counted(
      db,
      'create table plain (id int, n int, filler text) with (autovacuum_enabled = false)',
      'create index on plain (id)',
      `insert into plain select g, 0, repeat('x', 1000) from generate_series(1, 10000) g`,
      'create table parted (id int) partition by range (id)',
      'create table parted_1 partition of parted for values from (0) to (100)',
      'create table parted_2 partition of parted for values from (100) to (200)',
      'insert into parted select g from generate_series(0, 199) g',
    )
    const probe = createTablesProbe()
    const before = await ask(db, probe)
    expect(before.valueOf('pgstrata_table_dead_rows', 'public', 'plain')).toBe(0)
    expect(before.valueOf('pgstrata_table_size_bytes', 'public', 'parted')).toBeGreaterThan(0)
    expect(before.points.some(({ labels }) => labels[1] === 'parted_1')).toBe(false)
    await counted(
      db,
      'delete from plain where id <= 4000',
      'update plain set id = -id where id > 4000',
      'delete from parted',
    )
    const after = await ask(db, probe)
    expect(after.valueOf('pgstrata_table_dead_rows', 'public', 'plain')).toBe(10_000)
    expect(after.valueOf('pgstrata_table_dead_ratio', 'public', 'plain')).toBeCloseTo(10 / 16)
    expect(after.valueOf('pgstrata_table_hot_ratio', 'public', 'plain')).toBe(0)
    expect(after.valueOf('pgstrata_table_dead_rows', 'public', 'parted')).toBe(200)
    // All its rows are dead, and nobody needs to know: it is small.
    expect(after.valueOf('pgstrata_table_dead_ratio', 'public', 'parted')).toBe(0)
    const scansOf = ({ valueOf }: typeof after): number =>
      valueOf('pgstrata_table_sequential_scans_total', 'public', 'parted') ?? -1
    expect(scansOf(after)).toBe(2)
    await db.query(sql`vacuum plain`)
    const vacuumed = await ask(db, probe)
    expect(vacuumed.valueOf('pgstrata_table_dead_rows', 'public', 'plain')).toBe(0)
    // A partition takes its count along; that of the table does not fall, and what it is found with is not added.
    await run(db, 'drop table parted_2')
    expect(scansOf(await ask(db, probe))).toBe(2)
    await counted(db, 'create table once (id int)', ...Array.from({ length: 5 }, () => 'select * from once'))
    await run(db, 'alter table parted attach partition once for values from (300) to (400)')
    expect(scansOf(await ask(db, probe))).toBe(2)
    await counted(db, 'select * from parted')
    expect(scansOf(await ask(db, probe))).toBeGreaterThanOrEqual(3)
  })

  test('a small table is told of among many large ones where most dead rows are, and when they are gone', async () => {
    const { db } = database()
    await run(
      db,
      `do $$ begin
        for n in 1..60 loop
          execute format('create table large_%s (id int, filler text)', n);
          execute format('insert into large_%s select g, repeat(''x'', 1000) from generate_series(1, 500) g', n);
        end loop;
      end $$`,
    )
    await counted(
      db,
      'create table small (id int) with (autovacuum_enabled = false)',
      'insert into small select g from generate_series(1, 3000) g',
    )
    await run(db, 'analyze')
    const probe = createTablesProbe()
    const dead = (asked: Awaited<ReturnType<typeof ask>>): number | undefined =>
      asked.valueOf('pgstrata_table_dead_rows', 'public', 'small')
    const before = await ask(db, probe)
    expect(dead(before)).toBe(undefined)
    await counted(db, 'delete from small where id > 500')
    const after = await ask(db, probe)
    expect(dead(after)).toBe(2_500)
    const seriesOf = ({ points }: typeof after): number =>
      points.filter(({ metric }) => metric === 'pgstrata_table_dead_rows').length
    expect(seriesOf(after)).toBeLessThanOrEqual(50)
    await run(db, 'vacuum small')
    expect(dead(await ask(db, probe)) ?? 0).toBe(0)
  })

  test('an index that nobody scans is told with its size; one that is used, or needed, with 0', async () => {
    const { db } = database()
    await counted(
      db,
      'create table songs (id int primary key, genre int, artist int)',
      'create index songs_genre on songs (genre)',
      'create index songs_artist on songs (artist)',
      'insert into songs select g, g % 10, g from generate_series(1, 5000) g',
      'set enable_seqscan = off',
      'set enable_bitmapscan = off',
      'select * from songs where artist = 5',
    )
    const probe = createIndexesProbe()
    const unused = async (index: string): Promise<number | undefined> =>
      (await ask(db, probe)).valueOf('pgstrata_unused_index_bytes', 'public', 'songs', index)
    expect(await unused('songs_genre')).toBeGreaterThan(10_000)
    expect(await unused('songs_artist')).toBe(0)
    expect(await unused('songs_pkey')).toBe(0)
    // What a replica scans is used, though the primary has not scanned it.
    await counted(db, 'set enable_seqscan = off', 'set enable_bitmapscan = off', 'select * from songs where genre = 5')
    await ask(db, probe, { isReplica: true, node: 'replica' })
    await db.query(sql`select pg_stat_reset()`)
    expect(await unused('songs_genre')).toBe(0)
    expect(
      (await ask(db, createIndexesProbe())).valueOf('pgstrata_unused_index_bytes', 'public', 'songs', 'songs_genre'),
    ).toBeGreaterThan(0)
  })

  test('a sequence is measured by the column that it feeds', async () => {
    const { db } = database()
    await run(
      db,
      'create table narrow (id smallint generated always as identity)',
      'create sequence wide as bigint',
      `create sequence "Fed By"`,
      'create table fed (id int default nextval(\'"Fed By"\'))',
      'alter sequence "Fed By" owned by fed.id',
      'alter table narrow alter column id restart with 29000',
      `insert into narrow default values`,
      `select nextval('wide')`,
      `select setval('"Fed By"', 1932735283)`,
    )
    const { valueOf } = await ask(db, sequencesProbe)
    expect(valueOf('pgstrata_sequence_used_ratio', 'public', 'narrow_id_seq')).toBeCloseTo(29_000 / 32_767)
    expect(valueOf('pgstrata_sequence_used_ratio', 'public', 'Fed By')).toBeCloseTo(0.9)
    expect(valueOf('pgstrata_sequence_used_ratio', 'public', 'wide')).toBeLessThan(0.001)
  })

  test('what rows left behind is estimated, of a table and of its index', async () => {
    const { db } = database()
    await run(
      db,
      'create table full_rows (id int primary key, text text)',
      `insert into full_rows select g, repeat('x', 100) from generate_series(1, 40000) g`,
      'create table left_rows (like full_rows including all)',
      'insert into left_rows select * from full_rows',
      'delete from left_rows where id % 10 <> 0',
      'vacuum analyze full_rows',
      'vacuum analyze left_rows',
    )
    const { valueOf } = await ask(db, bloatProbe)
    expect(valueOf('pgstrata_bloat_ratio', 'table', 'public', 'left_rows')).toBeGreaterThan(0.85)
    expect(valueOf('pgstrata_bloat_bytes', 'table', 'public', 'left_rows')).toBeGreaterThan(3_000_000)
    expect(valueOf('pgstrata_bloat_ratio', 'table', 'public', 'full_rows')).toBe(undefined)
  })

  test('a slot that nobody uses keeps what is written', async () => {
    const { db, name } = database()
    await db.query(sql`select pg_create_physical_replication_slot(${`slot_${name}`}, true)`)
    try {
      const before = await ask(db, slotsProbe)
      await run(db, "create table written as select g, repeat('x', 500) as text from generate_series(1, 5000) g")
      const after = await ask(db, slotsProbe)
      const kept = (asked: typeof after): number => asked.valueOf('pgstrata_slot_retained_bytes', `slot_${name}`) ?? -1
      expect(kept(after) - kept(before)).toBeGreaterThan(1_000_000)
      expect(after.valueOf('pgstrata_slot_inactive', `slot_${name}`)).toBe(1)
    } finally {
      await db.query(sql`select pg_drop_replication_slot(${`slot_${name}`})`)
    }
    expect((await ask(db, slotsProbe)).valueOf('pgstrata_slot_inactive', `slot_${name}`)).toBe(undefined)
  })

  test('the log, the database and its checkpoints grow with what is done', async () => {
    const { db } = database()
    const before = { wal: await ask(db, walProbe), sizes: await ask(db, sizesProbe) }
    await counted(
      db,
      `create table grown as select g, repeat('x', 500) as text from generate_series(1, 5000) g`,
      'checkpoint',
      'vacuum grown',
    )
    const requested = before.wal.valueOf('pgstrata_checkpoints_total', 'requested') ?? 0
    // The checkpointer tells of it a moment later.
    const wal = await waitUntil(
      async () => {
        const asked = await ask(db, walProbe)
        return (asked.valueOf('pgstrata_checkpoints_total', 'requested') ?? 0) > requested ? asked : undefined
      },
      { what: 'a checkpoint that was asked for' },
    )
    const after = { wal, sizes: await ask(db, sizesProbe) }
    const grown = (of: 'wal' | 'sizes', metric: string, ...labels: readonly string[]): number =>
      (after[of].valueOf(metric, ...labels) ?? 0) - (before[of].valueOf(metric, ...labels) ?? 0)
    expect(grown('wal', 'pgstrata_wal_bytes_total')).toBeGreaterThan(1_000_000)
    expect(grown('sizes', 'pgstrata_database_size_bytes')).toBeGreaterThan(2_000_000)
    expect(grown('sizes', 'pgstrata_tables_size_bytes')).toBeGreaterThan(2_000_000)
  })

  test('rollbacks, deadlocks, temporary files and what memory had are told of the time since the last look', async () => {
    const { db } = database()
    const probe = createDatabaseProbe()
    await ask(db, probe)
    const failing = Array.from({ length: 150 }, () => 'select 1 / 0')
    await counted(
      db,
      ...failing,
      `set work_mem = '64kB'`,
      'select count(*) from (select g from generate_series(1, 200000) g order by g desc) s',
    )
    const { valueOf } = await ask(db, probe)
    expect(valueOf('pgstrata_rollback_ratio')).toBeGreaterThan(0.5)
    expect(valueOf('pgstrata_temp_bytes_total')).toBeGreaterThan(1_000_000)
    expect(valueOf('pgstrata_deadlocks_total')).toBe(0)
    await counted(
      db,
      ...Array.from({ length: 300 }, () => 'select 1'),
      "create table read as select g, repeat('y', 400) as text from generate_series(1, 40000) g",
      'create index on read (g)',
      'select count(*) from read',
      'set enable_seqscan = off',
      'set enable_bitmapscan = off',
      'set enable_indexonlyscan = off',
      'select count(*) from read where g > 0 and text is not null',
    )
    const later = await ask(db, probe)
    expect(later.valueOf('pgstrata_rollback_ratio')).toBeLessThan(0.5)
    expect(later.valueOf('pgstrata_buffer_hit_ratio')).toBeGreaterThan(0)
    expect(later.valueOf('pgstrata_index_hit_ratio')).toBeGreaterThan(0)
  })

  test('ages and the disk are shares of what there is', async () => {
    const { db } = database()
    const [freeze, disk] = [await ask(db, freezeProbe), await ask(db, diskProbe)]
    const { rows } = await db.query<{ age: number }>(
      sql`select max(age(datfrozenxid))::float8 as age from pg_database where datallowconn`,
    )
    expect(freeze.valueOf('pgstrata_freeze_age_ratio')).toBeCloseTo((rows[0]?.age ?? 0) / 2 ** 31, 5)
    expect(freeze.valueOf('pgstrata_multixact_age_ratio')).toBeLessThan(0.01)
    expect(disk.valueOf('pgstrata_disk_used_ratio')).toBeGreaterThan(0)
    expect(disk.valueOf('pgstrata_disk_used_ratio')).toBeLessThan(1)
    expect(diskProbe.unavailable({ isLocal: false } as never)).toMatch(/^not available because/)
  })
})
