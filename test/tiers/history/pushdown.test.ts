// What is asked of a history reaches the packs before anything is unfolded, where it is asked of what all rows of a segment have in
// common; a dictionary that is not read is not joined; and what the packs know already unfolds nothing.

import { expect, test } from 'vitest'
import { describeOnEachVersion } from '../../support/postgres.ts'
import { transaction } from '../../../src/db/transaction.ts'
import { sql, type Sql } from '../../../src/sql/sql.ts'
import { readObjects } from '../../../src/tiers/history/read-objects.ts'
import { measureStatement, type Measure } from '../../../src/tiers/read/measures.ts'
import { createMonths, explain, pack, run, texts, tier, tieredTable } from './support.ts'

const table = tieredTable()

describeOnEachVersion(
  'the plan of a history',
  (_version, database) => {
    test('asks segments for a key before they are unfolded', async () => {
      const plan = await explain(database().db, 'select note from plays_history where song = 1')
      expect(afterUnfolding(plan)).toMatch(/(Filter|Index Cond): \(k\d+ = 1\)/)
    })

    test('asks rows for what differs within a segment', async () => {
      const plan = await explain(database().db, 'select note from plays_history where amount = 4.5')
      expect(plan.match(/ProjectSet/g)).toHaveLength(3)
      const scans = plan
        .split('\n')
        .flatMap((line, place, all) => (line.includes('ProjectSet') ? all.slice(place, place + 3) : []))
      expect(scans.join('\n')).not.toMatch(/Filter: \(k/)
    })

    test('joins no dictionary that is not read', async () => {
      const { db } = database()
      const [word] = await texts(
        db,
        `select count(*) from pgstrata.tier_pack, jsonb_array_elements(columns) as c where c ->> 'codec' = 'word'`,
      )
      expect(Number(word)).toBeGreaterThan(0)
      expect(await explain(db, 'select listener from plays_history')).toContain('_word')
      expect(await explain(db, 'select sum(amount) from plays_history')).not.toContain('_word')
    })

    test('unfolds nothing for what is known of whole segments', async () => {
      const { db } = database()
      const explained = async (
        measure: (column: (name: string) => never) => Measure,
        since?: string,
      ): Promise<string> =>
        await transaction(db, async (tx) => {
          const objects = await readObjects(tx, 1)
          const column = (name: string): never => objects.columns.find((one) => one.name === name) as never
          const statement = measureStatement(objects, {
            measure: measure(column),
            wanted: { since, until: undefined, filters: [{ column: column('song'), value: 1 }] },
            sources: { hasTable: true, packs: objects.packs, loaded: [] },
          })
          return await explainSql(tx, statement)
        })
      expect(await explained(() => ({ kind: 'count' }))).not.toContain('ProjectSet')
      expect(await explained((of) => ({ kind: 'sum', column: of('amount') }))).not.toContain('ProjectSet')
      expect(await explained((of) => ({ kind: 'max', column: of('at') }))).not.toContain('ProjectSet')
      // Through one segment of each song runs the edge.
      expect(await explained(() => ({ kind: 'count' }), '2026-02-01 03:00Z')).toContain('ProjectSet')
    })
  },
  async ({ db }) => {
    await createMonths(db)
    await tier(db, table)
    for (const month of [1, 2, 3]) await pack(db, table, `plays_2026_0${month}`)
    await run(db, 'analyze')
  },
)

/** What stands below the unfolding. */
function afterUnfolding(plan: string): string {
  return plan.split('ProjectSet').slice(1).join('\n')
}

async function explainSql(on: Parameters<typeof texts>[0], statement: Sql): Promise<string> {
  const { rows } = await on.query(sql`explain (costs off) ${statement}`)
  return rows.map((row) => String(Object.values(row)[0])).join('\n')
}
