// Queries with bounds touch only the partitions they need: planned with values, prepared with a plan of their own each time,
// and prepared with one plan for all, where partitions are left out when the statement begins.

import { beforeAll, expect, test } from 'vitest'
import type { Layout } from '../../src/partitions/options.ts'
import { sql } from '../../src/sql/sql.ts'
import { describeOnEachVersion } from '../support/postgres.ts'
import { applyTables, declare, monthly } from './support.ts'

interface PlanNode {
  readonly 'Relation Name'?: string
  readonly 'Subplans Removed'?: number
  readonly Plans?: readonly PlanNode[]
}

interface Touched {
  readonly partitions: readonly string[]
  readonly removed: number
}

function touchedBy(node: PlanNode): Touched {
  const inner = (node.Plans ?? []).map(touchedBy)
  return {
    partitions: [
      ...((node['Relation Name'] ?? '') ? [node['Relation Name'] ?? ''] : []),
      ...inner.flatMap(({ partitions }) => partitions),
    ],
    removed: (node['Subplans Removed'] ?? 0) + inner.reduce((sum, { removed }) => sum + removed, 0),
  }
}

const split: Layout = { ...monthly, split: { column: 'wallet', into: 4 } } as Layout

describeOnEachVersion('a query with bounds', (_version, database) => {
  beforeAll(async () => {
    const { db } = database()
    await db.query(sql`create table plays (at timestamptz not null, n int)`)
    await db.query(sql`create table wallets (at timestamptz not null, wallet int not null)`)
    await db.query(sql`create table balances (wallet int not null)`)
    await applyTables(
      db,
      [
        declare({ from: '2024-01-01', ahead: 2 }),
        declare({ key: 'wallets', table: 'wallets', layout: split, from: '2025-01-01', ahead: 0 }),
        declare({ key: 'balances', table: 'balances', layout: { kind: 'hash', column: 'wallet', into: 8 }, ahead: 0 }),
      ],
      { at: new Date('2026-01-15T12:00:00Z') },
    )
  })

  const explain = async (statement: string, before: readonly string[] = []): Promise<Touched> =>
    await database().db.withSession(async (session) => {
      for (const text of before) await session.query(sql.raw(text))
      const { rows } = await session.query<{ 'QUERY PLAN': readonly { readonly Plan: PlanNode }[] }>(
        sql.raw(`explain (format json) ${statement}`),
      )
      await session.query(sql`discard all`)
      const [plan] = rows[0]?.['QUERY PLAN'] ?? []
      return touchedBy(plan?.Plan ?? {})
    })

  test('of time touches the partitions of that time', async () => {
    const { partitions } = await explain(`select * from plays where at >= '2025-11-20' and at < '2026-01-05'`)
    expect(partitions).toEqual(['plays_2025_11', 'plays_2025_12', 'plays_2026_01'])
    expect((await explain('select * from plays')).partitions).toHaveLength(27)
  })

  test('of time and key touches one part of each', async () => {
    const { partitions } = await explain(
      `select * from wallets where at >= '2025-03-01' and at < '2025-05-01' and wallet = 7`,
    )
    expect(partitions).toHaveLength(2)
    expect(partitions[0]).toMatch(/^wallets_2025_03_part_\d$/)
    expect((await explain('select * from balances where wallet = 7')).partitions).toHaveLength(1)
  })

  test('changes only the partitions it needs', async () => {
    expect(
      (await explain(`delete from plays where at >= '2025-11-20' and at < '2025-11-21'`)).partitions,
    ).not.toContain('plays_2025_12')
    expect((await explain(`update plays set n = 1 where at = '2025-11-20'`)).partitions).not.toContain('plays_2025_12')
  })

  const prepared = 'prepare one_month (timestamptz, timestamptz) as select * from plays where at >= $1 and at < $2'

  test.each(['force_custom_plan', 'force_generic_plan'])('prepared with %s, too', async (mode) => {
    const { partitions, removed } = await explain(`execute one_month ('2025-12-01', '2026-01-01')`, [
      `set plan_cache_mode = '${mode}'`,
      prepared,
    ])
    expect(partitions).toEqual(['plays_2025_12'])
    expect(removed).toBe(mode === 'force_custom_plan' ? 0 : 26)
  })

  test('against now() leaves partitions out when it begins', async () => {
    const { partitions, removed } = await explain(`select * from plays where at < now() - interval '100 years'`)
    // One stays, so that there is something to run.
    expect([partitions.length, removed].reduce((sum, count) => sum + count)).toBe(27)
    expect(removed).toBeGreaterThanOrEqual(26)
  })
})
