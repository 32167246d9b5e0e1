// The content of rows: the same whatever their order, the order of their columns, the session and the server; another as soon as one
// value looks different; and that of parts adds up to that of the whole.

import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { onlyRow, type Session } from '../../src/db/db.ts'
import { transaction } from '../../src/db/transaction.ts'
import { sql } from '../../src/sql/sql.ts'
import { addContents, isSameContent, readContent } from '../../src/tiers/content/content.ts'
import { contentSettings } from '../../src/tiers/content/settings.ts'
import type { Content } from '../../src/tiers/model/content.ts'
import { describeOnEachVersion } from '../support/postgres.ts'

const nothing: Content = { rows: '0', one: '0', two: '0' }
const columns = [
  { name: 'Big', generated: false },
  { name: 'at', generated: false },
  { name: 'v', generated: false },
]

async function contentOf(session: Session, from: string, of = columns): Promise<Content> {
  return await transaction(session, async (tx) => {
    await tx.query(sql.raw(contentSettings))
    return await readContent(tx, of, from)
  })
}

/** Rows of a number, a moment and a value, as SQL writes them. */
const rowsOf = (...values: readonly string[]): string => `(values ${values.join(', ')}) as r ("Big", at, v)`
const a = `(1::int8, timestamptz '2026-01-01 00:00+00', 1.0::numeric)`
const b = `(2, timestamptz '2026-01-02 00:00+00', null)`

describeOnEachVersion('content', (_, database) => {
  test('is the same in any order, of rows and of columns', async () => {
    await database().db.withSession(async (session) => {
      const content = await contentOf(session, rowsOf(a, b))
      expect(await contentOf(session, rowsOf(b, a))).toEqual(content)
      expect(await contentOf(session, rowsOf(a, b), columns.toReversed())).toEqual(content)
      expect(content.rows).toBe('2')
    })
  })

  test('is the same in any session, and on any server', async () => {
    await database().db.withSession(async (session) => {
      await session.query(sql`set timezone = 'Asia/Kathmandu'`)
      await session.query(sql`set datestyle = 'German'`)
      expect(await contentOf(session, rowsOf(a, b))).toEqual(
        contentOfTexts(['(1,"2026-01-01 00:00:00+00",1.0)', '(2,"2026-01-02 00:00:00+00",)']),
      )
      await session.query(sql`reset all`)
    })
  })

  test('is another as soon as a value looks different', async () => {
    await database().db.withSession(async (session) => {
      const seen = new Set<string>()
      const values = ['1.0', '1.00', `'NaN'`, 'null', '0', '-1.0']
      for (const value of values) {
        const { one } = await contentOf(
          session,
          rowsOf(`(1::int8, timestamptz '2026-01-01 00:00+00', ${value}::numeric)`),
        )
        seen.add(one)
      }
      expect(seen.size).toBe(values.length)
      const texts = [`''`, 'null', `'null'`, `','`, `'"'`]
      for (const text of texts)
        seen.add((await contentOf(session, `(values (${text}::text)) as r (v)`, [columns[2] ?? never()])).one)
      expect(seen.size).toBe(values.length + texts.length)
    })
  })

  test('tells the same row twice from the row once', async () => {
    await database().db.withSession(async (session) => {
      const [once, twice] = [await contentOf(session, rowsOf(a)), await contentOf(session, rowsOf(a, a))]
      expect(isSameContent(once, twice)).toBe(false)
      expect(addContents(once, once)).toEqual(twice)
    })
  })

  test('of parts adds up, far beyond what a number holds', async () => {
    await database().db.withSession(async (session) => {
      const rows = (from: number, to: number): string =>
        `(select n as "Big", timestamptz '2026-01-01' as at, n as v from generate_series(${from}, ${to}) as n) as r`
      const parts = [await contentOf(session, rows(1, 400)), await contentOf(session, rows(401, 1_000))]
      expect(addContents(...parts)).toEqual(await contentOf(session, rows(1, 1_000)))
    })
  })

  test('of nothing is nothing; without columns rows are counted; computed columns are left out', async () => {
    await database().db.withSession(async (session) => {
      expect(await contentOf(session, `(select 1::int8 as "Big", now() as at, 1 as v where false) as r`)).toEqual(
        nothing,
      )
      expect(await contentOf(session, rowsOf(a, b), [])).toEqual({ ...nothing, rows: '2' })
      const computed = columns.map((column) => ({ ...column, generated: column.name === 'v' }))
      expect(await contentOf(session, rowsOf(a, b), computed)).toEqual(
        await contentOf(session, rowsOf(a, b), columns.slice(0, 2)),
      )
    })
  })

  test('leaves the session as it was', async () => {
    await database().db.withSession(async (session) => {
      const read = async (): Promise<unknown> =>
        onlyRow(
          await session.query(sql`select current_setting('timezone') as zone, current_setting('search_path') as path`),
        )
      const before = await read()
      await contentOf(session, rowsOf(a))
      expect(await read()).toEqual(before)
    })
  })
})

describe('contents', () => {
  test('added to nothing stay the same', () => {
    const content: Content = { rows: '3', one: '-99999999999999999999999', two: '7' }
    expect(addContents(content, nothing)).toEqual(content)
    expect(addContents()).toEqual(nothing)
  })
})

/** As the documents say: sums over halves of the SHA-256 of each row's text, as signed numbers of 64 bits. */
function contentOfTexts(texts: readonly string[]): Content {
  const half = (place: 0 | 8): string =>
    texts.reduce((sum, text) => sum + createHash('sha256').update(text).digest().readBigInt64BE(place), 0n).toString()
  return { rows: String(texts.length), one: half(0), two: half(8) }
}

function never(): never {
  throw new Error('There are three columns')
}
