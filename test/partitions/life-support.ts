// Tables for the tests of a partition's life: monthly, from January 2026, made by hand, so that what is tested does not lean
// on what makes partitions.

import { systemClock } from '../../src/base/clock.ts'
import { ensureInstalled } from '../../src/catalog/install.ts'
import { contributeRoutines } from '../../src/catalog/routines.ts'
import type { Db, Session } from '../../src/db/db.ts'
import { runDrain, type DrainOptions, type DrainReport } from '../../src/partitions/drain.ts'
import { layoutRowOf, upsertLayout } from '../../src/partitions/layout-rows.ts'
import type { PartitionedTable, Retention } from '../../src/partitions/options.ts'
import { readTable } from '../../src/partitions/queries.ts'
import { runRetention, type RetentionOptions, type RetentionReport } from '../../src/partitions/retire.ts'
import { partitionRoutines } from '../../src/partitions/sql-functions.ts'
import { templateFor } from '../../src/partitions/template.ts'
import { quoteIdent } from '../../src/sql/quote.ts'
import { sql } from '../../src/sql/sql.ts'
import type { LadderOptions } from '../../src/plan/index.ts'
import { declare } from './support.ts'

/** Waits 100 ms at the most. */
const quickLadder: LadderOptions = {
  firstTimeoutMs: 40,
  lastTimeoutMs: 100,
  tries: 40,
  concurrentTimeoutMs: 30_000,
}

export function declareTable(changes: Partial<PartitionedTable> = {}): PartitionedTable {
  const layout: PartitionedTable['layout'] = {
    kind: 'time',
    column: 'played_at',
    grain: 'month',
    zone: 'UTC',
    split: undefined,
  }
  return declare({ key: changes.table ?? 'plays', layout, ...changes })
}

export function keepFor(age: string, changes: Partial<Retention> = {}): Retention {
  return { keep: { age }, grace: '1 day', finally: 'drop', archive: undefined, ...changes }
}

export function keepNewest(count: number, changes: Partial<Retention> = {}): Retention {
  return { keep: { count }, grace: '1 day', finally: 'drop', archive: undefined, ...changes }
}

export async function install(db: Db): Promise<void> {
  await db.withSession((session: Session) => ensureInstalled(session))
}

/** Partitions of January to June 2026, ten rows each. */
export async function createPlays(db: Db, table = 'plays'): Promise<void> {
  const name = quoteIdent(table)
  const partitions = [1, 2, 3, 4, 5, 6].map((month) => {
    const partition = quoteIdent(`${table}_2026_0${month}`)
    return `create table ${partition} partition of ${name} for values from ('2026-0${month}-01') to ('2026-0${month + 1}-01')`
  })
  await db.query(
    sql.raw(
      [
        `create table ${name} (id int not null, played_at timestamptz not null, note text, primary key (id, played_at)) partition by range (played_at)`,
        ...partitions,
        `insert into ${name} select m * 100 + g, make_timestamptz(2026, m, 1 + g, 12, 0, 0), 'x' from generate_series(1, 6) as m, generate_series(1, 10) as g`,
      ].join(';\n'),
    ),
  )
}

export function retentionOptions(db: Db, at: string, changes: Partial<RetentionOptions> = {}): RetentionOptions {
  return { db, ladder: quickLadder, clock: systemClock, random: () => 0.5, at: new Date(at), ...changes }
}

/** Names of a table's partitions, in order. */
export async function partitionsOf(db: Db, table = 'plays'): Promise<readonly string[]> {
  const { rows } = await db.query<{ name: string }>(sql`
    select c.relname::text as name
    from pg_inherits i
    join pg_class c on c.oid = i.inhrelid
    where i.inhparent = ${quoteIdent(table)}::regclass
    order by 1`)
  return rows.map((row) => row.name)
}

/** Names of all ordinary tables and partitions. */
export async function tablesOf(db: Db): Promise<readonly string[]> {
  const { rows } = await db.query<{ name: string }>(sql`
    select relname::text as name
    from pg_class
    where relnamespace = 'public'::regnamespace
      and relkind in ('r', 'p')
    order by 1`)
  return rows.map((row) => row.name)
}

/** What is remembered: 'plays_2026_01 detached'. */
export async function retiredOf(db: Db): Promise<readonly string[]> {
  const { rows } = await db.query<{ line: string }>(sql`
    select concat_ws(' ', partition_name, state, note) as line
    from pgstrata.retired_partition
    order by partition_name, retired_at`)
  return rows.map((row) => row.line)
}

/** What `apply` does for a table that is partitioned already: its row in pgstrata.layout, and the functions. */
export async function layOut(db: Db, declared: PartitionedTable): Promise<void> {
  const state = await readTable(db, declared)
  if (state === undefined) throw new Error(`There is no table ${declared.table}`)
  const make = templateFor({ declared, traits: state.traits, brin: false })
  await db.query(sql.raw(upsertLayout(layoutRowOf(declared, make))))
}

/** Laid out as declared, and then retention. */
export async function retire(tables: readonly PartitionedTable[], options: RetentionOptions): Promise<RetentionReport> {
  await layOutAll(options.db, tables)
  return await runRetention(tables, options)
}

/** Laid out as declared, and then drained. */
export async function drain(tables: readonly PartitionedTable[], options: DrainOptions): Promise<DrainReport> {
  await layOutAll(options.db, tables)
  return await runDrain(tables, options)
}

async function layOutAll(db: Db, tables: readonly PartitionedTable[]): Promise<void> {
  for (const table of tables) if ((await readTable(db, table)) !== undefined) await layOut(db, table)
}

export async function installRoutines(db: Db, monthlyIn?: string): Promise<void> {
  const { steps } = await contributeRoutines(db, partitionRoutines({ monthlyIn }))
  for (const statement of steps.flatMap(({ statements }) => statements)) await db.query(sql.raw(statement))
}

/** The database's notices while `work` runs. */
export async function noticesOf(session: Session, statement: string): Promise<readonly string[]> {
  const notices: string[] = []
  session.onNotice(({ severity, message }) => notices.push(`${severity}: ${message}`))
  await session.query(sql.raw(statement))
  return notices
}
