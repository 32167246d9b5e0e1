// `<table>_between` is part of the query that calls it: partitions and packs outside of the interval are gone from the plan where
// the interval is known, and are not begun where it comes as a parameter.

import { expect, test } from 'vitest'
import { sql } from '../../../src/sql/sql.ts'
import { describeOnEachVersion } from '../../support/postgres.ts'
import { createMonths, explain, pack, texts, tier, tieredTable } from './support.ts'

const table = tieredTable()

describeOnEachVersion(
  'the plan of an interval',
  (_version, database) => {
    test('has the packs and partitions of the interval alone', async () => {
      const { db } = database()
      const [january, february, march] = await packed(db)
      const plan = await explain(db, `select count(*) from plays_between('2026-02-03Z', '2026-02-20Z') where song = 1`)
      expect(isIn(plan, `pack_${february}`)).toBe(true)
      expect(isIn(plan, 'plays_2026_02')).toBe(true)
      for (const other of [`pack_${january}`, `pack_${march}`, 'plays_2026_01', 'plays_2026_03']) {
        expect(isIn(plan, other), other).toBe(false)
      }
      expect(plan).not.toContain('Function Scan')
    })

    test('skips the others before they begin where the interval is a parameter', async () => {
      const { db } = database()
      const [january, february] = await packed(db)
      const counted = `select count(*)::int4 as count from plays_between($1, $2)`
      await db.withSession(async (session) => {
        await session.query(sql`set plan_cache_mode = force_generic_plan`)
        await session.query(sql.raw(`prepare counted (timestamptz, timestamptz) as ${counted}`))
        const plan = (
          await texts(
            session,
            `explain (analyze, costs off, timing off, summary off) execute counted ('2026-02-01Z', '2026-03-01Z')`,
          )
        ).join('\n')
        expect(plan).not.toContain('Function Scan')
        expect(scanOf(plan, january)).toContain('never executed')
        expect(scanOf(plan, february)).not.toContain('never executed')
      })
    })

    test('looks up the segments of a key by the index of the pack', async () => {
      const { db } = database()
      const [, february] = await packed(db)
      await db.withSession(async (session) => {
        await session.query(sql`set enable_seqscan = off`)
        const plan = await explain(
          session,
          `select * from plays_between('2026-02-01 02:00Z', '2026-02-01 03:00Z') where song = 1`,
        )
        const scan = plan.slice(plan.indexOf(`on pack_${february}`))
        expect(scan).toMatch(/Index Cond: .*= 1/)
        expect(scan).toMatch(/Index Cond: .*2026-02-01/)
      })
    })
  },
  async ({ db }) => {
    await createMonths(db)
    await tier(db, table)
    for (const month of [1, 2, 3]) await pack(db, table, `plays_2026_0${month}`)
  },
)

async function packed(db: Parameters<typeof texts>[0]): Promise<readonly [string, string, string]> {
  const [january = '', february = '', march = ''] = await texts(
    db,
    'select pack from pgstrata.tier_partition order by lower_bound',
  )
  return [january, february, march]
}

/** The relation is scanned. */
function isIn(plan: string, relation: string): boolean {
  return new RegExp(`on ${relation}\\b`).test(plan)
}

/** The line of the plan that reads the pack. */
function scanOf(plan: string, pack: string): string {
  return plan.split('\n').find((line) => line.includes(`pack_${pack} `)) ?? ''
}
