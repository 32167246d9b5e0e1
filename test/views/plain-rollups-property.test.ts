// Whatever rollups of two tables and plain views over them are declared one after the other, one apply makes what was declared last:
// nothing is held back, nothing is left to do, and each view shows what it shows in a database in which only that was declared.

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { resolveConfig, type StrataConfig } from '../../src/config/index.ts'
import { ensureInstalled } from '../../src/catalog/install.ts'
import { transaction } from '../../src/db/transaction.ts'
import { recordCarried } from '../../src/plan/index.ts'
import { createRollups } from '../../src/rollups/index.ts'
import { createViews, type Views } from '../../src/views/index.ts'
import { systemClock } from '../../src/base/clock.ts'
import { systemRandom } from '../../src/base/random.ts'
import { nextTickMs } from '../../src/maintain/index.ts'
import { sql } from '../../src/sql/sql.ts'
import { versions } from '../support/postgres.ts'
import { checkProperty } from '../support/property.ts'
import { openBench, type Bench } from './support.ts'

const measures = {
  n: { kind: 'count' },
  total: { kind: 'sum', of: 'amount' },
  twice: { kind: 'sum', of: 'amount * 2' },
  best: { kind: 'max', of: 'amount' },
} as const
type Measure = keyof typeof measures

/** Two of one table, and one of another. */
const tables = { of_song: 'plays', of_day: 'plays', of_page: 'visits' } as const
type Name = keyof typeof tables
const names = Object.keys(tables) as Name[]

interface Declaration {
  readonly rollups: Readonly<Record<Name, readonly Measure[]>>
  /** What each view reads of what is there, as places in a list of it. */
  readonly views: readonly (readonly number[])[]
  readonly byFunction: boolean
}

const someMeasures = fc.shuffledSubarray(Object.keys(measures) as Measure[])
const declaration: fc.Arbitrary<Declaration> = fc.record({
  rollups: fc.record({ of_song: someMeasures, of_day: someMeasures, of_page: someMeasures }),
  views: fc.array(fc.array(fc.nat(11), { minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 2 }),
  byFunction: fc.boolean(),
})

function configOf({ rollups, views, byFunction }: Declaration): Pick<StrataConfig, 'rollups' | 'views'> {
  const there = names.filter((name) => rollups[name].length > 0)
  const all = there.flatMap((name) => rollups[name].map((measure) => ({ name, measure })))
  const declared = there.map((name) => [
    name,
    {
      from: tables[name],
      time: 'at',
      bucket: '1 day',
      by: ['id'],
      measures: Object.fromEntries(rollups[name].map((measure) => [measure, measures[measure]])),
    },
  ])
  const texts = all.length === 0 ? [] : views.map((places) => textOf(all, places, byFunction))
  const over = texts.map((text, index) => [`v${index}`, { sql: text, materialized: false }])
  const top = texts.length === 0 ? [] : [['top', { sql: 'select * from v0', materialized: false }]]
  return { rollups: Object.fromEntries(declared) as never, views: Object.fromEntries([...over, ...top]) as never }
}

/** Columns are called by what they are, so that a view changes its columns with what it reads. */
function textOf(
  all: readonly { readonly name: Name; readonly measure: Measure }[],
  places: readonly number[],
  byFunction: boolean,
): string {
  const read = new Map(
    places.flatMap((place) => all[place % all.length] ?? []).map((one) => [JSON.stringify(one), one]),
  )
  const columns = [...read.values()].map(({ name, measure }) => {
    const source = byFunction && measure !== 'best' ? `${name}_since('-infinity')` : name
    return `(select sum(s.${measure}) from ${source} s) as ${name}_${measure}`
  })
  return `select ${columns.join(', ')}`
}

/** As apply does, with its record of how views were left, without the journal. */
async function settle({ db, url }: Bench, config: Pick<StrataConfig, 'rollups' | 'views'>): Promise<unknown> {
  const { rollups, plainViews, ladder } = resolveConfig<unknown>(
    { database: { primary: url }, ...config },
    { root: '/', name: 'pgstrata.config.ts' },
  )
  const tools = { db, clock: systemClock, random: systemRandom, ladder, nextTickMs }
  const views: Views = createViews({
    ...tools,
    views: [],
    plain: plainViews,
    awaited: (session) => rollup.awaited(session),
  })
  const rollup = createRollups({ ...tools, rollups, carryReaders: views.carryReaders })
  return await db.withSession(async (session) => {
    for (let round = 1; ; round++) {
      const planned = [await rollup.contribute(session), await views.contribute(session)]
      const steps = planned.flatMap((one) => one.steps)
      if (steps.length === 0 || round > 9)
        return { left: steps.map(({ title }) => title), held: planned.flatMap(({ held = [] }) => held) }
      for (const { statements, changes = [] } of steps) {
        await transaction(session, async (tx) => {
          for (const statement of statements) await tx.query(sql.raw(statement))
        })
        const objects = planned.flatMap(({ manages }) => manages).filter(({ identity }) => changes.includes(identity))
        await recordCarried(session, { feature: 'views', objects })
      }
    }
  })
}

const look = async (bench: Bench): Promise<unknown> => {
  const views = await bench.rows(
    `select relname::text as name from pg_class where relname in ('v0', 'v1', 'top') and relkind = 'v' order by 1`,
  )
  const shown = []
  for (const { name } of views) shown.push({ name, rows: await bench.rows(`table ${String(name)}`) })
  return shown
}

const nothing = { left: [], held: [] }

describe.each(versions)('plain views over rollups of two tables on PostgreSQL %d', (version) => {
  test('show what the last declaration says, whatever came before', async () => {
    const bench = await openBench(version)
    for (const table of ['plays', 'visits']) {
      await bench.run(
        `create table ${table} (id int, at timestamptz not null, amount int)`,
        `insert into ${table} select n % 3, '2026-01-01Z'::timestamptz + n * interval '7 hours', n from generate_series(1, 20) n`,
      )
    }
    await bench.db.withSession(ensureInstalled)
    await checkProperty(
      'declarations of rollups and views',
      fc.array(declaration, { minLength: 2, maxLength: 4 }),
      async (all) => {
        expect(await settle(bench, {})).toEqual(nothing)
        for (const one of all) expect(await settle(bench, configOf(one))).toEqual(nothing)
        const before = await look(bench)
        expect(await settle(bench, {})).toEqual(nothing)
        expect(await look(bench)).toEqual([])
        const last = all.at(-1)
        if (last !== undefined) expect(await settle(bench, configOf(last))).toEqual(nothing)
        expect(before).toEqual(await look(bench))
      },
      { runs: 4 },
    )
  })
})
