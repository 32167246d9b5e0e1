// Tables to convert, and conversions over them.

import { createConversion, type Conversion } from '../../../src/partitions/convert/index.ts'
import type { Layout, PartitionedTable } from '../../../src/partitions/options.ts'
import { onlyRow, type Db } from '../../../src/db/db.ts'
import type { LadderOptions } from '../../../src/plan/index.ts'
import { quoteQualified } from '../../../src/sql/quote.ts'
import { sql } from '../../../src/sql/sql.ts'
import { declare as declareAny } from '../support.ts'

const quick: LadderOptions = { firstTimeoutMs: 20, lastTimeoutMs: 200, tries: 3, concurrentTimeoutMs: 10_000 }

export function openConversion(db: Db, more: Partial<Parameters<typeof createConversion>[0]> = {}): Conversion {
  return createConversion({ db, ladder: quick, ...more })
}

export const byMonth: Layout = { kind: 'time', column: 'played_at', grain: 'month', zone: 'UTC', split: undefined }
export const byHash: Layout = { kind: 'hash', column: 'id', into: 4 }
export const byMonthAndHash: Layout = { ...byMonth, split: { column: 'id', into: 3 } }

export function declare(table: string, layout: Layout, more: Partial<PartitionedTable> = {}): PartitionedTable {
  return declareAny({ key: table, table, layout, ...more })
}

/** plays (id, played_at) with `rows` rows over 400 days, three months of which lie ahead of now. */
export async function createPlays(db: Db, table: string, rows: number): Promise<void> {
  const name = sql.ident(table)
  await db.query(sql`
    create table ${name} (
      id bigint not null,
      played_at timestamptz not null,
      "Song Id" int not null,
      note text,
      primary key (id, played_at)
    )`)
  await db.query(sql`create index on ${name} ("Song Id", played_at desc)`)
  await db.query(sql`
    insert into ${name}
    select g, now() - interval '400 days' + g * interval '400 days' / ${rows}::int, g % 100, repeat('n', g % 50)
    from generate_series(1, ${rows}::int) as g`)
}

export interface Content {
  readonly rows: string
  readonly hash: string
}

export async function contentOf(db: Db, table: string): Promise<Content> {
  return onlyRow(
    await db.query<Content>(
      sql.raw(
        `select count(*)::text as rows, coalesce(sum(hashtextextended(t::text, 0)), 0)::text as hash from ${quoteQualified('public', table)} as t`,
      ),
    ),
  )
}

/** Name → bound, leaves and what lies between. */
export async function partitionsOf(db: Db, table: string): Promise<readonly string[]> {
  const { rows } = await db.query<{ line: string }>(sql`
    select c.relname || ' ' || pg_get_expr(c.relpartbound, c.oid) as line
    from pg_partition_tree(${quoteQualified('public', table)}::regclass) t
    join pg_class c on c.oid = t.relid
    where t.level > 0
    order by 1`)
  return rows.map((row) => row.line)
}
