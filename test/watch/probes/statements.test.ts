// Statements, as pg_stat_statements counted them since the last look: what is at the top, all others together, and each text once.

import { beforeAll, describe, expect, test } from 'vitest'
import type { Db } from '../../../src/db/db.ts'
import { openDb } from '../../../src/db/pg-db.ts'
import { loadShapes } from '../../../src/sql/shape.ts'
import { sql } from '../../../src/sql/sql.ts'
import { createStatementsProbe } from '../../../src/watch/probes/statements.ts'
import { withoutConstants } from '../../../src/watch/probes/statement-texts.ts'
import { createSteadyTop } from '../../../src/watch/probes/steady-top.ts'
import { describeOnEachVersion } from '../../support/postgres.ts'
import { ask, run } from '../support.ts'

describeOnEachVersion(
  'statements',
  (_version, database) => {
    /** Its statements are counted; those of who asks are not. */
    async function counted(work: (db: Db) => Promise<void>): Promise<void> {
      const db = openDb({ url: `${database().url}?options=-c%20pg_stat_statements.track%3Dall`, max: 1 })
      try {
        await work(db)
      } finally {
        await db.close()
      }
    }

    test('are told with what was added since the last look, and with their text the first time', async () => {
      const { db } = database()
      const probe = createStatementsProbe()
      expect((await ask(db, probe)).statements).toEqual([])
      const work = (times: number): Promise<void> =>
        counted(async (on) => {
          for (let index = 0; index < times; index++)
            await on.query(sql`select count(*) from generate_series(1, ${100_000 + index}::int)`)
        })
      await work(7)
      const first = await ask(db, probe)
      const [top] = first.statements ?? []
      expect(top).toMatchObject({ calls: 7, rows: 7 })
      expect(top?.execMs).toBeGreaterThan(0)
      const queryid = top?.queryid ?? ''
      expect(first.texts?.find((text) => text.queryid === queryid)?.text).toMatch(
        /^select count\(\*\) from generate_series\(\$\d, \$\d::int\)$/,
      )
      expect(first.valueOf('pgstrata_statement_calls_total', queryid)).toBe(7)
      await work(3)
      const second = await ask(db, probe)
      expect(second.statements?.find((one) => one.queryid === queryid)).toMatchObject({ calls: 3 })
      expect(second.valueOf('pgstrata_statement_calls_total', queryid)).toBe(10)
      expect(second.texts).toEqual([])
      expect((await ask(db, probe)).statements).toEqual([])
    })

    test('beyond the first are told together, and the number of series is bounded', async () => {
      const { db } = database()
      const probe = createStatementsProbe()
      await ask(db, probe)
      await counted(async (on) => {
        for (let index = 0; index < 120; index++) await on.query(sql.raw(`select 1${', 1'.repeat(index)}`))
        await on.query(sql`select pg_sleep(0.05)`)
      })
      const { statements = [], points, valueOf } = await ask(db, probe)
      expect(statements).toHaveLength(51)
      expect(statements.at(-1)).toMatchObject({ queryid: '0', calls: 121 - 50 })
      expect(points.filter(({ metric }) => metric === 'pgstrata_statement_seconds_total')).toHaveLength(21)
      expect(valueOf('pgstrata_statement_calls_total', 'other')).toBe(121 - 20)
    })

    test('what is told in series only grows, and adds up to all that was counted, whoever comes into the first and leaves them', async () => {
      const { db } = database()
      const probe = createStatementsProbe()
      await ask(db, probe)
      let last = new Map<string, number>()
      let stored = 0
      for (let round = 0; round < 6; round++) {
        await counted(async (on) => {
          for (let index = 0; index < 45; index++) {
            const columns = ((index * 7 + round * 11) % 60) + 200
            await on.query(sql.raw(`select ${Array.from({ length: columns }, () => '1').join(', ')}`))
          }
          // What the server forgets takes its numbers along.
          if (round % 2 === 1) {
            await db.query(sql`
              select pg_stat_statements_reset(0, (select oid from pg_database where datname = current_database()), queryid)
              from pg_stat_statements
              where dbid = (select oid from pg_database where datname = current_database()) and query like 'select $1, $2%'
              order by queryid
              limit 5`)
          }
        })
        const { points, statements = [], valueOf } = await ask(db, probe)
        stored += statements.reduce((sum, { calls }) => sum + calls, 0)
        expect(valueOf('pgstrata_statements_total')).toBe(stored)
        const now = new Map(
          points
            .filter(
              ({ metric }) => metric === 'pgstrata_statement_calls_total' || metric === 'pgstrata_statements_total',
            )
            .map(({ metric, labels, value }) => [`${metric} ${labels.join(' ')}`, value] as const),
        )
        for (const [series, value] of now) expect(value, series).toBeGreaterThanOrEqual(last.get(series) ?? 0)
        last = new Map([...last, ...now])
      }
      const told = [...last].filter(([series]) => series.startsWith('pgstrata_statement_calls_total'))
      expect(told.reduce((sum, [, value]) => sum + value, 0)).toBe(stored)
      expect(stored).toBeGreaterThan(200)
    })

    test('of an entry that was counted anew, nothing is made up', async () => {
      const { db } = database()
      const probe = createStatementsProbe()
      const again = (times: number): Promise<void> =>
        counted(async (on) => {
          for (let index = 0; index < times; index++) await on.query(sql`select 'anew' as "counted anew"`)
        })
      await again(50)
      await ask(db, probe)
      await db.query(
        sql`select pg_stat_statements_reset(0, (select oid from pg_database where datname = current_database()), 0)`,
      )
      await again(20)
      expect((await ask(db, probe)).statements).toEqual([])
      await again(5)
      expect((await ask(db, probe)).statements).toMatchObject([{ calls: 5 }])
    })

    test('are not there without the extension, or for a role that sees its own alone, and why is told', () => {
      const probe = createStatementsProbe()
      const facts = { seesAll: true, extensions: new Set(['pg_stat_statements']), settings: {}, isReplica: false }
      expect(probe.unavailable(facts as never)).toBe(undefined)
      expect(probe.unavailable({ ...facts, settings: { shared_preload_libraries: 'auto_explain' } } as never)).toMatch(
        /^not available because .*shared_preload_libraries.*restart/,
      )
      expect(probe.unavailable({ ...facts, extensions: new Set() } as never)).toMatch(
        /create extension pg_stat_statements'$/,
      )
      expect(probe.unavailable({ ...facts, extensions: new Set(), isReplica: true } as never)).toMatch(
        /on the primary$/,
      )
      expect(probe.unavailable({ ...facts, seesAll: false } as never)).toMatch(/grant pg_monitor/)
    })

    test('their texts carry no password, whichever way it is written', async () => {
      const { db } = database()
      const probe = createStatementsProbe()
      await ask(db, probe)
      const role = `r_${database().name}`
      await counted(async (on) => {
        await on.query(sql.raw(`create role ${role} password 'tops3cret'`))
        await on.query(sql.raw(`alter role ${role} password E'tops3cret\\''`))
        await on.query(sql.raw(`do $body$ begin perform 'tops3cret'; end $body$`))
        await on.query(sql.raw(`select /* trace tops3cret */ 1 -- tops3cret`))
        await on.query(sql.raw(`drop role ${role}`))
      })
      const { texts = [] } = await ask(db, probe)
      expect(texts.length).toBeGreaterThanOrEqual(5)
      expect(JSON.stringify(texts)).not.toContain('tops3cret')
      expect(JSON.stringify(texts)).toContain(`create role ${role} password $1`)
    })
  },
  async ({ db }) => {
    await run(db, 'create extension pg_stat_statements')
  },
)

describe('texts', () => {
  beforeAll(loadShapes)

  test.each([
    [`alter role a password 'x''y' valid until '2030-01-01'`, 'alter role a password $1 valid until $2'],
    [`create table "T'1" (n int default 42)`, `create table "T'1" (n int default $…)`],
    [`copy t from program $$curl -u me:pw$$`, 'copy t from program $…'],
    [`alter role a password 'cut off in the mid`, 'alter …'],
    [`select $1, '{}' /* who */ from "a--b"`, `select $1, $2 from "a--b"`],
    [`(select 1)\n-- secret`, '(select $1)'],
    // As the server keeps one that was pushed out while it ran.
    [
      `select * from accounts where pin = 4711 and name = E'o\\'neil'`,
      'select * from accounts where pin = $1 and name = $2',
    ],
    [`prepare p as select 4711, 'a'`, 'prepare p as select $…, $…'],
    [`create table t as select 4711 as pin`, 'create table t as select $… as pin'],
    [`select 1 -- ${'x'.repeat(19_000)}`, 'select $1'],
  ])('%s is kept as %s', (text, kept) => {
    expect(withoutConstants(text)).toBe(kept)
  })
})

test('who is at the top stays until far out of it, and there are never more than it may have', () => {
  const top = createSteadyTop(4)
  const sizes = (names: string): ReadonlyMap<string, number> =>
    new Map(names.split('').map((name, index) => [name, 100 - index]))
  expect([...top.choose('n', sizes('abcdefgh'))].toSorted()).toEqual(['a', 'b', 'c', 'd'])
  // e and f came before c and d, who are still near.
  expect([...top.choose('n', sizes('abefcdgh'))].toSorted()).toEqual(['a', 'b', 'c', 'd'])
  expect([...top.choose('n', sizes('hgabefcd'))].toSorted()).toEqual(['a', 'b', 'g', 'h'])
  expect([...top.choose('other', sizes('xyz'))].toSorted()).toEqual(['x', 'y', 'z'])
})
