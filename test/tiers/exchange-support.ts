// A table by month with everything that a partition can have, for the tests of what takes a partition's place: six partitions of
// twenty rows each, known to schema "pgstrata" as a table with tiers.

import { systemClock } from '../../src/base/clock.ts'
import type { Db } from '../../src/db/db.ts'
import type { PartitionedTable, PartitionIndex } from '../../src/partitions/options.ts'
import { createIndex } from '../../src/partitions/template.ts'
import { sql } from '../../src/sql/sql.ts'
import { readSourceColumns } from '../../src/tiers/model/columns.ts'
import type { TieredTable, Warm } from '../../src/tiers/model/options.ts'
import { readTierPartitions, type TierPartition } from '../../src/tiers/model/record.ts'
import { findTierTable, readNextNumber, recordTierTable } from '../../src/tiers/model/tables.ts'
import type { MoveTools } from '../../src/tiers/move/run.ts'
import { declareTable, install, layOut } from '../partitions/life-support.ts'

export function indexOn(name: string, on: string, changes: Partial<PartitionIndex> = {}): PartitionIndex {
  return { name, on, unique: false, method: 'btree', where: undefined, include: [], with: {}, ...changes }
}

const byNote: PartitionIndex = indexOn('by_note', 'note')
const bySong: PartitionIndex = indexOn('by_song', 'song_id')

export function warmOf(changes: Partial<Warm> = {}): Warm {
  return {
    due: { age: '30 days' },
    overBytes: undefined,
    unread: undefined,
    strength: 'slim',
    segmentBy: [],
    orderBy: [{ column: 'played_at', descending: true }],
    rows: 1_000,
    indexes: [bySong],
    accept: [],
    ...changes,
  }
}

function declarePlays(changes: Partial<PartitionedTable> = {}): PartitionedTable {
  return declareTable({ indexes: [byNote], storage: { fillfactor: '80' }, ...changes })
}

export function tieredPlays(warm: Partial<Warm> = {}, partitioned: Partial<PartitionedTable> = {}): TieredTable {
  return { partitioned: declarePlays(partitioned), warm: warmOf(warm), cold: undefined }
}

/** Partitions of January to June 2026; a log of statements on the table and on January's partition. */
export async function createTiered(db: Db, table: TieredTable): Promise<void> {
  await install(db)
  const months = [1, 2, 3, 4, 5, 6]
  const { indexes } = table.partitioned
  await run(
    db,
    `create table songs (id int primary key);
    insert into songs select generate_series(1, 5);
    create table plays (
      id int not null,
      played_at timestamptz not null,
      song_id int references songs,
      note text,
      twice int generated always as (id * 2) stored,
      primary key (id, played_at)
    ) partition by range (played_at)`,
    ...months.flatMap((month) => [
      `create table plays_2026_0${month} partition of plays for values from ('2026-0${month}-01Z') to ('2026-0${month + 1}-01Z')`,
      ...indexes.flatMap((index) => createIndex('public', `plays_2026_0${month}`, index)),
    ]),
    `insert into plays (id, played_at, song_id, note)
    select m * 100 + g, make_timestamptz(2026, m, 1 + g, 12, 0, 0, 'UTC'), 1 + g % 5, repeat('note ', g)
    from unnest('{1, 2, 3, 4, 5, 6}'::int[]) as m, generate_series(1, 20) as g`,
  )
  await layOut(db, table.partitioned)
  await makeTiered(db, table)
}

/** What apply notes of a table with tiers. */
export async function makeTiered(db: Db, table: TieredTable): Promise<void> {
  const { rows } = await db.query<{ oid: number }>(
    sql`select ${table.partitioned.table}::regclass::oid::int8::float8 as oid`,
  )
  const columns = await readSourceColumns(db, rows[0]?.oid ?? 0)
  await run(db, ...recordTierTable(await readNextNumber(db), table, columns))
}

export async function run(db: Db, ...statements: readonly string[]): Promise<void> {
  for (const statement of statements) await db.query(sql.raw(statement))
}

/** Where others read all the time, and slowly on a busy machine. */
export const patientLadder = {
  firstTimeoutMs: 100,
  lastTimeoutMs: 2_000,
  tries: 20,
  concurrentTimeoutMs: 30_000,
} as const

export function moveTools(db: Db, changes: Partial<MoveTools> = {}): MoveTools {
  return {
    db,
    ladder: { firstTimeoutMs: 100, lastTimeoutMs: 300, tries: 4, concurrentTimeoutMs: 30_000 },
    clock: systemClock,
    random: () => 0.5,
    ...changes,
  }
}

export async function recordOf(db: Db, table: TieredTable, partition: string): Promise<TierPartition> {
  const tier = await findTierTable(db, table.partitioned)
  const found = (await readTierPartitions(db, tier?.id ?? 0)).find(({ name }) => name === partition)
  if (found === undefined) throw new Error(`${partition} is not known`)
  return found
}

/** Every row of a relation as its text, in order. */
export async function rowsOf(db: Db, relation: string): Promise<readonly string[]> {
  const { rows } = await db.query<{ row: string }>(sql.raw(`select t::text as row from ${relation} as t order by 1`))
  return rows.map(({ row }) => row)
}

export async function textsOf(db: Db, query: string): Promise<readonly string[]> {
  const { rows } = await db.query<{ text: string }>(sql.raw(query))
  return rows.map(({ text }) => text)
}

/** Names of the indexes of a table. */
export function indexesOf(db: Db, table: string): Promise<readonly string[]> {
  return textsOf(
    db,
    `select indexrelid::regclass::text as text from pg_index where indrelid = '${table}'::regclass order by 1`,
  )
}

export async function oidOf(db: Db, table: string): Promise<number> {
  const { rows } = await db.query<{ oid: number }>(sql`select ${table}::regclass::oid::int8::float8 as oid`)
  return rows[0]?.oid ?? 0
}
