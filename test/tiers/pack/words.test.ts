// Words of a column are numbered by how often they come, from the least number of two bytes on, so that 65,536 have room in it. What is
// no gain is not looked up.

import { expect, test } from 'vitest'
import { onlyRow, type Session } from '../../../src/db/db.ts'
import { transaction } from '../../../src/db/transaction.ts'
import { sql } from '../../../src/sql/sql.ts'
import { readWords, wordsTable, type Words } from '../../../src/tiers/pack/words.ts'
import { describeOnEachVersion } from '../../support/postgres.ts'
import { sourceColumn } from './support.ts'

const column = sourceColumn('text')

describeOnEachVersion('words', (_, database) => {
  /** Over the number of the row, n; a partition has so many rows. */
  async function wordsOf<T>(
    { value, count, rows }: { readonly value: string; readonly count: number; readonly rows: number },
    look: (tx: Session, words: Words | undefined) => Promise<T>,
  ): Promise<T> {
    return await database().db.withSession(async (session) =>
      transaction(session, async (tx) => {
        await tx.query(
          sql.raw(
            `create temp table pgstrata_sorted on commit drop as select ${value} as v from generate_series(1, ${count}) as n`,
          ),
        )
        return await look(tx, await readWords(tx, column, rows))
      }),
    )
  }
  const found = async (asked: Parameters<typeof wordsOf>[0]): Promise<Words | undefined> =>
    await wordsOf(asked, async (_tx, words) => words)

  test('65,536 have room in two bytes', async () => {
    const asked = { value: 'md5(n::text)', count: 65_536, rows: 131_072 }
    await wordsOf(asked, async (tx, words) => {
      expect(words).toEqual({ count: 65_536, bytes: 65_536 * 32, literal: undefined })
      const { least, most } = onlyRow(
        await tx.query<{ least: number; most: number }>(
          sql.raw(`select min(code::int2)::int4 as least, max(code::int2)::int4 as most from ${wordsTable(column)}`),
        ),
      )
      expect([least, most]).toEqual([-32_768, 32_767])
    })
  })

  test('few stand in the view, the most frequent first', async () => {
    const value = `case n % 4 when 0 then 'rare' when 1 then null else 'it''s \\ frequent' end`
    const words = await found({ value, count: 1_000, rows: 1_000 })
    expect(words?.count).toBe(2)
    expect(words?.literal).toMatch(/^array\[/)
    const { list } = onlyRow(
      await database().db.query<{ list: readonly string[] }>(sql.raw(`select ${words?.literal ?? 'null'} as list`)),
    )
    expect(list).toEqual([`it's \\ frequent`, 'rare'])
  })

  test('more than 32, or more than 1,000 bytes of them, do not', async () => {
    expect((await found({ value: `'word ' || n % 32`, count: 1_000, rows: 1_000 }))?.literal).toBeDefined()
    expect(await found({ value: `'word ' || n % 33`, count: 1_000, rows: 1_000 })).toMatchObject({
      count: 33,
      literal: undefined,
    })
    expect(await found({ value: `repeat('x', 501 - n % 3)`, count: 9, rows: 9 })).toBeUndefined()
    expect(await found({ value: `repeat('x', 499 - n % 3)`, count: 9, rows: 9 })).toMatchObject({
      count: 3,
      literal: undefined,
    })
  })

  test('that hardly come twice are no gain, nor are long ones', async () => {
    expect(await found({ value: 'n::text', count: 1_000, rows: 1_999 })).toBeUndefined()
    expect(await found({ value: 'n::text', count: 1_000, rows: 2_000 })).toMatchObject({ count: 1_000 })
    expect(await found({ value: `repeat('x', 400 + n % 101)`, count: 1_000, rows: 1_000 })).toMatchObject({
      count: 101,
    })
    expect(await found({ value: `repeat('x', 400 + n % 102)`, count: 1_000, rows: 1_000 })).toBeUndefined()
  })
})
