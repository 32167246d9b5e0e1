// Whatever the partitions, the moment and what is kept: pgstrata.upkeep() takes out what the daemon's retention takes out, and
// neither touches the partition of now, one to come, or a default partition.

import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Layout, Retention } from '../../src/partitions/options.ts'
import { planRetirement } from '../../src/partitions/retire-plan.ts'
import { readRetirement } from '../../src/partitions/retire-queries.ts'
import { sql } from '../../src/sql/sql.ts'
import { describeOnEachVersion } from '../support/postgres.ts'
import { checkProperty } from '../support/property.ts'
import { declareTable, install, installRoutines, keepFor, keepNewest, layOut } from './life-support.ts'

interface Case {
  readonly kind: 'time' | 'id'
  readonly zone: string
  /** Of which months, or tens, there is a partition. */
  readonly there: readonly number[]
  readonly legacy: boolean
  readonly byDefault: boolean
  /** The largest id, in the default partition too; of months the moment. */
  readonly present: number
  readonly stray: number
  readonly keep: { readonly age: string } | { readonly count: number }
}

const cases: fc.Arbitrary<Case> = fc.record({
  kind: fc.constantFrom('time', 'id'),
  zone: fc.constantFrom('UTC', 'Europe/Berlin', 'Pacific/Apia', 'America/Havana'),
  there: fc.uniqueArray(fc.integer({ min: 1, max: 12 }), { minLength: 1, maxLength: 12 }),
  legacy: fc.boolean(),
  byDefault: fc.boolean(),
  present: fc.integer({ min: 1, max: 140 }),
  stray: fc.integer({ min: 200, max: 100_000 }),
  keep: fc.oneof(
    fc.constantFrom('1 second', '1 month', '31 days', '3 months', '1 year').map((age) => ({ age })),
    fc.integer({ min: 1, max: 5 }).map((count) => ({ count })),
  ),
})

const month = (number: number): string => `2026-${String(number).padStart(2, '0')}-01`

describeOnEachVersion(
  'what retention takes out',
  (version, database) => {
    test('is the same from SQL, and never what is written to', async () => {
      const { db } = database()
      await checkProperty(
        `retention on PostgreSQL ${version}`,
        cases,
        async ({ kind, zone, there, legacy, byDefault, present, stray, keep: kept }) => {
          // Ids know no age.
          const count = 'count' in kept ? kept.count : 2
          const retain: Retention = kind === 'id' || 'count' in kept ? keepNewest(count) : keepFor(kept.age)
          const layout: Layout =
            kind === 'time'
              ? { kind, column: 'place', grain: 'month', zone, split: undefined }
              : { kind, column: 'place', step: 10n, split: undefined }
          const lower = (number: number): string =>
            kind === 'time' ? `'${number > 12 ? '2027-01-01' : month(number)} ${zone}'` : `${number * 10}`
          const statements = [
            'drop table if exists things',
            `create table things (place ${kind === 'time' ? 'timestamptz' : 'bigint'} not null) partition by range (place)`,
            ...there.map(
              (number) =>
                `create table things_${number} partition of things for values from (${lower(number)}) to (${lower(number + 1)})`,
            ),
            ...(legacy
              ? [`create table things_old partition of things for values from (minvalue) to (${lower(1)})`]
              : []),
            ...(byDefault ? ['create table things_default partition of things default'] : []),
            ...(kind === 'id' && byDefault ? [`insert into things values (${stray})`] : []),
            ...(kind === 'id' && there.includes(Math.floor(present / 10))
              ? [`insert into things values (${present})`]
              : []),
          ]
          await db.query(sql.raw(statements.join(';\n')))
          const things = declareTable({ table: 'things', layout, retain })
          await layOut(db, things)
          const at = new Date(Date.UTC(2026, 0, present * 2.7))
          const state = await db.withSession((session) => readRetirement(session, things, at))
          if (state === undefined) throw new Error('no state')
          const mine = planRetirement(state, retain).steps.map((step) => step.kind === 'detach' && step.partition.name)
          const { rows } = await db.query<{ name: string }>(sql`
            select partition_name as name
            from pgstrata.upkeep('public', 'things', ${at}::timestamptz)
            where action = 'detach'`)
          expect(rows.map(({ name }) => name)).toEqual(mine)
          const inUse = state.partitions.filter(({ ahead, isDefault }) => ahead || isDefault)
          const written = new Set(inUse.map(({ name }) => name))
          expect(mine.filter((name) => written.has(String(name)))).toEqual([])
        },
        { runs: 40 },
      )
    })
  },
  async ({ db }) => {
    await install(db)
    await installRoutines(db)
  },
)
