// Tables with tiers for the tests of their history: declared and applied as `apply` does it, and packs made by hand from the modules
// that make them, so that what is tested here does not lean on the mover.

import { systemClock } from '../../../src/base/clock.ts'
import { ensureInstalled } from '../../../src/catalog/install.ts'
import { onlyRow, type Db, type Queryable, type Session } from '../../../src/db/db.ts'
import { transaction } from '../../../src/db/transaction.ts'
import { applyPlan, type CarryReaders, type Contribution } from '../../../src/plan/index.ts'
import { quoteQualified } from '../../../src/sql/quote.ts'
import { sql } from '../../../src/sql/sql.ts'
import { contributeTiers } from '../../../src/tiers/history/contribute.ts'
import { packObjects } from '../../../src/tiers/history/pack-objects.ts'
import { packRows } from '../../../src/tiers/history/pack-rows.ts'
import { readObjects } from '../../../src/tiers/history/read-objects.ts'
import { movedFunction } from '../../../src/tiers/history/cut.ts'
import { segmentsView } from '../../../src/tiers/history/segments-view.ts'
import { unpackedView } from '../../../src/tiers/history/unpacked-view.ts'
import type { TieredTable, Warm } from '../../../src/tiers/model/options.ts'
import { enrol } from '../../../src/tiers/model/record.ts'
import { findTierTable } from '../../../src/tiers/model/tables.ts'
import { buildPack } from '../../../src/tiers/pack/build.ts'
import { declareTable } from '../../partitions/life-support.ts'
import type { PartitionedTable } from '../../../src/partitions/options.ts'

export async function run(on: Queryable, ...statements: readonly string[]): Promise<void> {
  for (const statement of statements) await on.query(sql.raw(statement))
}

export async function rows(on: Queryable, text: string): Promise<readonly Record<string, unknown>[]> {
  return (await on.query(sql.raw(text))).rows
}

/** One text a row, of the first column. */
export async function texts(on: Queryable, text: string): Promise<readonly string[]> {
  return (await rows(on, text)).map((row) => String(Object.values(row)[0]))
}

export function tieredTable(warm: Partial<Warm> = {}, partitioned: Partial<PartitionedTable> = {}): TieredTable {
  const { layout } = declareTable()
  return {
    partitioned: declareTable({ layout: { ...layout, column: 'at' } as PartitionedTable['layout'], ...partitioned }),
    warm: {
      due: { age: '30 days' },
      overBytes: undefined,
      unread: undefined,
      strength: 'packed',
      segmentBy: ['song'],
      orderBy: [{ column: 'at', descending: false }],
      rows: 100,
      indexes: [],
      accept: [],
      ...warm,
    },
    cold: undefined,
  }
}

export async function contribute(
  db: Db,
  tables: readonly TieredTable[],
  carryReaders?: CarryReaders,
): Promise<Contribution> {
  return await db.withSession((session) => contributeOf(session, tables, carryReaders))
}

function contributeOf(
  session: Session,
  tables: readonly TieredTable[],
  carryReaders?: CarryReaders,
): Promise<Contribution> {
  return contributeTiers(session, carryReaders === undefined ? { tables } : { tables, carryReaders })
}

export async function apply(db: Db, ...tables: readonly TieredTable[]): Promise<readonly string[]> {
  return await applyAfter(db, tables, async () => undefined)
}

/** What is done once, between the plan and its first step. */
export async function applyAfter(
  db: Db,
  tables: readonly TieredTable[],
  meanwhile: () => Promise<unknown>,
): Promise<readonly string[]> {
  let isDone = false
  const report = await applyPlan({
    db,
    contribute: async (session) => {
      const contribution = await contributeOf(session, tables)
      if (!isDone) await meanwhile()
      isDone = true
      return [contribution]
    },
    ladder: { firstTimeoutMs: 1_000, lastTimeoutMs: 10_000, tries: 3, concurrentTimeoutMs: 20_000 },
    waitMs: 10_000,
    clock: systemClock,
    random: () => 0.5,
  })
  return report.applied.map(({ title }) => title)
}

/** Installs and applies, with nothing held back, and knows the partitions. */
export async function tier(db: Db, ...tables: readonly TieredTable[]): Promise<void> {
  await db.withSession((session) => ensureInstalled(session))
  await apply(db, ...tables)
  const { held = [] } = await contribute(db, tables)
  if (held.length > 0) throw new Error(held.map(({ what, why }) => `${what}: ${why}`).join('; '))
  for (const { partitioned } of tables) await enrolAll(db, partitioned)
}

async function enrolAll(db: Db, { schema, table }: PartitionedTable): Promise<void> {
  const known = await findTierTable(db, { schema, table })
  const { rows: found } = await db.query<{ name: string; oid: number; lower: string; upper: string }>(sql`
    select c.relname::text as name, c.oid::int8::float8 as oid,
      coalesce((regexp_match(bound, 'FROM \\(''?(.*?)''?\\) TO'))[1], '') as lower,
      coalesce((regexp_match(bound, 'TO \\(''?(.*?)''?\\)$'))[1], '') as upper
    from pg_inherits i
    join pg_class c on c.oid = i.inhrelid
    cross join lateral pg_get_expr(c.relpartbound, c.oid) as bound
    where i.inhparent = ${quoteQualified(schema, table)}::regclass
      and bound <> 'DEFAULT'
    order by 1`)
  await enrol(
    db,
    found.map((one) => ({ ...one, schema, tierTable: known?.id ?? 0 })),
  )
}

/** Packs what a partition has; one that is packed already with what came late and what is loose. */
export async function pack(db: Db, table: TieredTable, partition: string): Promise<bigint> {
  return await db.withSession(async (session) => {
    const known = await findTierTable(session, table.partitioned)
    const number = known?.id ?? 0
    return await transaction(session, (tx) => packIn(tx, { table, number, partition }), {
      isolation: 'repeatable read',
    })
  })
}

interface Order {
  readonly table: TieredTable
  readonly number: number
  readonly partition: string
}

async function packIn(tx: Session, { table, number, partition }: Order): Promise<bigint> {
  const warm = table.warm
  if (warm === undefined) throw new Error('Nothing is declared of packs')
  const leaf = quoteQualified(table.partitioned.schema, partition)
  await run(tx, 'set local timezone = utc', `lock table only ${leaf} in access exclusive mode`)
  const before = await readObjects(tx, number)
  const { rows: found } = await tx.query<{ id: string; own: string; old: string | null }>(sql`
    select nextval('pgstrata.tier_pack_id_seq')::text as id, id::text as own, pack::text as old
    from pgstrata.tier_partition
    where tier_table = ${number}
      and partition_name = ${partition}`)
  const { id, own, old } = onlyRow({ rows: found, rowCount: found.length })
  const names = before.columns.map(({ name }) => `"${name}"`).join(', ')
  const parts = [`select ${names} from only ${leaf}`]
  if (old !== null) {
    const rest = before.packs.filter((one) => one.id === BigInt(old))
    parts.push(
      `select ${names} from pgstrata.tier_${number}_loose_${old}`,
      ...rest.map((one) => `select ${names} from (${packRows(before, one)}) as p`),
    )
  }
  const built = await buildPack(tx, {
    id: BigInt(id),
    source: `(${parts.join(' union all ')}) as source`,
    columns: before.columns,
    warm,
    axis: before.axis.name,
  })
  const { shape, content } = built
  await tx.query(sql`
    insert into pgstrata.tier_pack (id, tier_partition, tier_table, state, columns, segment_by, order_by, rows)
    overriding system value
    values (${id}::int8, ${own}::int8, ${number}, 'live', ${JSON.stringify(shape.columns)}::jsonb, ${shape.segmentBy}::text[],
      ${shape.orderBy}::text[], ${content.rows}::int8)`)
  await tx.query(sql`
    update pgstrata.tier_partition
    set pack = ${id}::int8, state = 'packed', rest = 'packed'
    where id = ${own}::int8`)
  const objects = await readObjects(tx, number)
  const live = objects.packs.find((one) => one.id === BigInt(id))
  if (live === undefined) throw new Error('The pack is not read')
  const { create, onLeaf } = packObjects(objects, live)
  await run(
    tx,
    ...create,
    ...unpackedView(objects),
    ...movedFunction(objects),
    ...segmentsView(objects),
    `alter table only ${leaf} disable trigger user`,
    `truncate only ${leaf}`,
    `alter table only ${leaf} enable trigger user`,
    `drop trigger if exists pgstrata_packed_key on ${leaf}`,
    ...(old === null
      ? []
      : [
          `drop table pgstrata.tier_${number}_loose_${old}`,
          `drop view pgstrata.pack_${old}_rows`,
          `drop table pgstrata.pack_${old}, pgstrata.pack_${old}_word`,
          `delete from pgstrata.tier_pack where id = ${old}`,
        ]),
    ...onLeaf,
  )
  return BigInt(id)
}

/** How many rows a query gives. */
export async function count(on: Queryable, from: string): Promise<number> {
  const answer = await on.query<{ count: number }>(sql.raw(`select count(*)::int4 as count from ${from}`))
  return onlyRow(answer).count
}

/** The plan of a query, as text. */
export async function explain(on: Queryable, query: string): Promise<string> {
  return (await texts(on, `explain (costs off) ${query}`)).join('\n')
}

/** Table plays by month, January to March of 2026, 600 rows each. */
export async function createMonths(db: Db): Promise<void> {
  await run(
    db,
    `create table plays (
      id bigint not null,
      at timestamptz not null,
      song int not null,
      amount numeric(20, 8),
      note text,
      listener text,
      primary key (id, at)
    ) partition by range (at)`,
    ...[1, 2, 3].map(
      (month) =>
        `create table plays_2026_0${month} partition of plays for values from ('2026-0${month}-01Z') to ('2026-0${month + 1}-01Z')`,
    ),
    `insert into plays
    select m * 1000 + g, make_timestamptz(2026, m, 1, 0, 0, 0, 'UTC') + g * interval '1 minute', g % 3, g * 1.5, 'note ' || g % 10, md5((g % 200)::text) || md5((g % 200 + 1000)::text)
    from generate_series(1, 3) as m, generate_series(0, 599) as g`,
  )
}
