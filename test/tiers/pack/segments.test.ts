// Which rows a segment has: as many as asked at most, about 8 MB at most, of every key one value that also looks the same; keys of
// too few rows are given up; columns that go with a key become keys; and what no pack can keep is refused before anything is made.

import { expect, test } from 'vitest'
import { ensureInstalled } from '../../../src/catalog/install.ts'
import type { Db } from '../../../src/db/db.ts'
import { sql } from '../../../src/sql/sql.ts'
import { describeOnEachVersion } from '../../support/postgres.ts'
import { packTable, type PackedTable } from './support.ts'

interface Segment {
  readonly rows: number
  readonly [column: string]: unknown
}

async function segmentsOf(db: Db, id: bigint): Promise<readonly Segment[]> {
  return (await db.query<Segment>(sql`select * from pgstrata.${sql.ident(`pack_${id}`)} order by segment`)).rows
}

describeOnEachVersion(
  'segments',
  (_, database) => {
    let last = 0n
    const pack = async (columns: string, rows: string, asked: Partial<PackedTable> = {}) => {
      const { db } = database()
      last += 1n
      const table = `public.t${last}`
      await db.query(sql.raw(`create table ${table} (at timestamptz not null, ${columns})`))
      await db.query(sql.raw(`insert into ${table} select timestamptz '2026-01-01' + n * interval '1 second', ${rows}`))
      const packed = await packTable(db, { table, id: last, ...asked })
      return { ...packed, list: await segmentsOf(db, last) }
    }

    test('have as many rows as asked, and the rest', async () => {
      const { list } = await pack('v integer', 'n from generate_series(1, 2001) as n', { rows: 500 })
      expect(list.map(({ rows }) => rows)).toEqual([500, 500, 500, 500, 1])
    })

    test('are cut where they would be too large', async () => {
      const { list, segments } = await pack('v text', `repeat(md5(n::text), 32768) from generate_series(1, 12) as n`)
      expect(list.map(({ rows }) => rows)).toEqual([7, 5])
      expect(segments).toBe(2)
    })

    test('take a row that is too large by itself alone', async () => {
      const { list } = await pack('v text', `repeat('x', 9000000) from generate_series(1, 2) as n`)
      expect(list.map(({ rows }) => rows)).toEqual([1, 1])
    })

    test('have a key in common, and what goes with it', async () => {
      const { shape, list } = await pack(
        'song integer, artist text, mood text',
        `n % 5, 'artist ' || n % 5 / 2, 'mood ' || n % 7 from generate_series(1, 3000) as n`,
        { segmentBy: ['song'] },
      )
      expect(shape.segmentBy).toEqual(['song'])
      expect(shape.columns.filter(({ codec }) => codec === 'key').map(({ name }) => name)).toEqual(['song', 'artist'])
      expect(list.map((one) => [one['k2'], one['k3'], one.rows])).toEqual([
        [0, 'artist 0', 600],
        [1, 'artist 0', 600],
        [2, 'artist 1', 600],
        [3, 'artist 1', 600],
        [4, 'artist 2', 600],
      ])
    })

    test('end where a column that goes with a key goes another way after all', async () => {
      const { shape, list } = await pack(
        'song integer, artist text',
        `n % 60, case when n = 1800 then 'another' else 'artist ' || n % 60 end from generate_series(1, 6000) as n`,
        { segmentBy: ['song'] },
      )
      expect(shape.columns.filter(({ codec }) => codec === 'key').map(({ name }) => name)).toEqual(['song', 'artist'])
      const first = list.filter((one) => one['k2'] === 0)
      expect(first.map((one) => [one['k3'], one.rows])).toEqual([
        ['artist 0', 29],
        ['another', 1],
        ['artist 0', 70],
      ])
    })

    test('do not mix values that are equal and look different', async () => {
      const { list } = await pack(
        'amount numeric, word text collate loose',
        `(array[1.0, 1.00])[n % 2 + 1], (array['a', 'A'])[n / 2 % 2 + 1] from generate_series(1, 1000) as n`,
        { segmentBy: ['amount', 'word'] },
      )
      expect(list.map((one) => [one['k2'], one['k3'], one.rows]).toSorted()).toEqual([
        ['1.0', 'A', 250],
        ['1.0', 'a', 250],
        ['1.00', 'A', 250],
        ['1.00', 'a', 250],
      ])
    })

    test('give up a key that too few rows have in common, and tell between which they lie', async () => {
      const { shape, list } = await pack(
        'song text',
        `'song ' || lpad((n / 10)::text, 3, '0') from generate_series(0, 2999) as n`,
        { segmentBy: ['song'] },
      )
      expect(shape.segmentBy).toEqual([])
      expect(list.map((one) => [one['least_2'], one['most_2'], one.rows])).toEqual([
        ['song 000', 'song 099', 1000],
        ['song 100', 'song 199', 1000],
        ['song 200', 'song 299', 1000],
      ])
    })

    test('tell least, most and sum where they have many rows, and of the time always', async () => {
      const many = await pack('v integer, w numeric', `n, n / 8.0 from generate_series(1, 2000) as n`)
      expect(many.list.map((one) => [one['least_2'], one['most_2'], one['sum_2'], Number(one['sum_3'])])).toEqual([
        [1, 1000, '500500', 62562.5],
        [1001, 2000, '1500500', 187562.5],
      ])
      const few = await pack('v integer', `n from generate_series(1, 60) as n`, { rows: 20 })
      expect(Object.keys(few.list[0] ?? {}).filter((name) => name.includes('_'))).toEqual(['least_1', 'most_1'])
    })

    test('keep null of what all rows lack', async () => {
      const { list } = await pack('v integer', `case when n > 1000 then n end from generate_series(1, 2000) as n`)
      expect(list.map((one) => [one['least_2'], one['sum_2']])).toEqual([
        [null, null],
        [1001, '1500500'],
      ])
    })

    test('have as many columns as a pack can have, and no more', async () => {
      const columns = (count: number): string =>
        Array.from({ length: count }, (_value, index) => `c${index} integer`).join(', ')
      const rows = (count: number): string =>
        `${Array.from({ length: count }, () => 'n').join(', ')} from generate_series(1, 1500) as n`
      const { segments } = await pack(columns(299), rows(299))
      expect(segments).toBe(2)
      await expect(pack(columns(300), rows(300))).rejects.toMatchObject({
        code: 'TIER_REFUSED',
        message: expect.stringContaining('expected at most 300, got 301'),
      })
    })

    test('keep no type that has no arrays', async () => {
      await expect(pack('v pg_ndistinct', `null from generate_series(1, 5) as n`)).rejects.toMatchObject({
        code: 'TIER_REFUSED',
        message: expect.stringContaining('v (pg_ndistinct)'),
      })
    })
  },
  async ({ db }) => {
    await db.withSession(ensureInstalled)
    await db.query(sql`create collation loose (provider = icu, locale = 'und-u-ks-level2', deterministic = false)`)
  },
)
