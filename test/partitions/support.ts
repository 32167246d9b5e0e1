// What the tests of partitions share: a declared table with what matters to the test, and the rest as it is by default.

import { expect } from 'vitest'
import { systemClock } from '../../src/base/clock.ts'
import type { Db, Session } from '../../src/db/db.ts'
import { contributePartitions } from '../../src/partitions/contribute.ts'
import { readBound as readAllBound } from '../../src/partitions/convert/bound/index.ts'
import type { Layout, PartitionedTable } from '../../src/partitions/options.ts'
import type { ReadBound } from '../../src/partitions/readings.ts'
import { applyPlan, type Contribution, type Held } from '../../src/plan/index.ts'
import { sql } from '../../src/sql/sql.ts'

export const monthly: Layout = {
  kind: 'time',
  column: 'at',
  grain: 'month',
  zone: 'UTC',
  split: undefined,
}

export function declare(said: Partial<PartitionedTable> = {}): PartitionedTable {
  return {
    key: 'plays',
    schema: 'public',
    table: 'plays',
    layout: monthly,
    ahead: 2,
    from: undefined,
    names: '{table}_{period}',
    outside: 'refuse',
    retain: undefined,
    indexes: [],
    brin: false,
    storage: {},
    statistics: {},
    accept: [],
    ...said,
  }
}

export interface Applied {
  /** Titles of the steps that were carried out, schema "pgstrata" left out. */
  readonly titles: readonly string[]
  readonly held: readonly Held[]
}

export interface Applying {
  readonly at?: Date | undefined
  readonly readBound?: ReadBound | undefined
}

/** Plans and applies, then plans again: a second plan finds nothing to do. */
export async function applyTables(
  db: Db,
  tables: readonly PartitionedTable[],
  { at, readBound = readAllBound }: Applying = {},
): Promise<Applied> {
  const contribute = (session: Session): Promise<Contribution> =>
    contributePartitions(session, { tables, readBound, at })
  const report = await applyPlan({
    db,
    contribute: async (session) => [await contribute(session)],
    ladder: { firstTimeoutMs: 100, lastTimeoutMs: 200, tries: 3, concurrentTimeoutMs: 20_000 },
    waitMs: 10_000,
    clock: systemClock,
    random: () => 0.5,
  })
  const { steps, held = [] } = await db.withSession(contribute)
  expect(steps.map(({ title }) => title)).toEqual([])
  return { titles: report.applied.filter(({ id }) => !id.startsWith('catalog')).map(({ title }) => title), held }
}

export async function partitionNames(db: Db, table: string): Promise<readonly string[]> {
  const { rows } = await db.query<{ name: string }>(sql`
    select c.relname as name
    from pg_inherits i
    join pg_class c on c.oid = i.inhrelid
    where i.inhparent = ${table}::regclass
    order by 1`)
  return rows.map(({ name }) => name)
}
