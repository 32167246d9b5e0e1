// Rows by COPY into a real table: what goes in comes out, in any number of chunks, or nothing does.

import fc from 'fast-check'
import { openStrata, resolveConfig, sql, type Strata } from 'pgstrata'
import { copyRows, encodeRows, type CopyRow } from 'pgstrata-example-kit'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { useDatabase, versions } from '../../support/postgres.ts'
import { checkProperty } from '../../support/property.ts'

describe.each(versions)('on PostgreSQL %i', (version) => {
  const database = useDatabase(version)
  let strata: Strata
  beforeAll(async () => {
    const { db, url } = database()
    await db.query(sql`create schema music`)
    await db.query(sql`create table music.play (n bigint, title text, share float8, ok boolean, at timestamptz)`)
    strata = openStrata(resolveConfig({ database: { primary: url } }, { root: process.cwd(), name: 'test' }))
  })
  afterAll(() => strata.close())
  const columns = ['n', 'title', 'share', 'ok', 'at']
  const copy = (rows: Iterable<CopyRow>, onRows?: (count: number) => void): Promise<number> =>
    copyRows(strata, { table: 'music.play', columns, rows, ...(onRows === undefined ? {} : { onRows }) })

  test('any values come out as they went in', async () => {
    const row = fc.tuple(
      fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
      fc.option(fc.string({ unit: 'binary', maxLength: 20 }).filter((text) => !text.includes('\0'))),
      fc.option(fc.double({ noNaN: true })),
      fc.option(fc.boolean()),
      fc.option(fc.date({ min: new Date('0001-01-01'), max: new Date('9999-01-01'), noInvalidDate: true })),
    )
    await checkProperty(
      'copy',
      fc.array(row, { maxLength: 30 }),
      async (rows) => {
        await strata.query(sql`truncate music.play`)
        expect(await copy(rows)).toBe(rows.length)
        const { rows: found } = await strata.query(sql`select n, title, share, ok, at from music.play`)
        expect(found).toEqual(
          rows.map(([n, title, share, ok, at]) => ({ n: String(n), title, share: share === 0 ? 0 : share, ok, at })),
        )
      },
      { runs: 30 },
    )
  })

  test('many rows go in chunk by chunk, and each is told of', async () => {
    await strata.query(sql`truncate music.play`)
    const told: number[] = []
    const rows = function* (): Generator<CopyRow> {
      for (let n = 0; n < 20_000; n++) yield [n, `a title of some length, ${n}`, null, true, null]
    }
    expect(await copy(rows(), (count) => told.push(count))).toBe(20_000)
    expect(told.length).toBeGreaterThan(5)
    expect(told.reduce((sum, count) => sum + count, 0)).toBe(20_000)
    const { rows: found } = await strata.query(sql`select count(distinct n)::int as count from music.play`)
    expect(found).toEqual([{ count: 20_000 }])
  })

  test('a source that fails leaves nothing behind, and its error is what is told', async () => {
    await strata.query(sql`truncate music.play`)
    const rows = function* (): Generator<CopyRow> {
      for (let n = 0; n < 5_000; n++) yield [n, 'x'.repeat(100), null, null, null]
      throw new Error('the generator failed')
    }
    await expect(copy(rows())).rejects.toThrow('the generator failed')
    const { rows: found } = await strata.query(sql`select count(*)::int as count from music.play`)
    expect(found).toEqual([{ count: 0 }])
  })
})

test('what is no value of a column is refused by its kind', () => {
  const odd = [[{ secret: 1 }]] as unknown as CopyRow[]
  expect(() => [...encodeRows(odd)]).toThrow('expected null, text, a number, a boolean or a Date, got object')
  expect(() => [...encodeRows([[undefined]] as unknown as CopyRow[])]).toThrow('got undefined')
})

test('no rows are no chunk', () => {
  expect([...encodeRows([])]).toEqual([])
})
