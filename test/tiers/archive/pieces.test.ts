// What stands before and around the files: where a stream of CSV is cut, what keys are called, and a disk that becomes full.

import { readFile, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { sql } from '../../../src/sql/sql.ts'
import { exportRows } from '../../../src/tiers/archive/export.ts'
import { fileKey, manifestKey, markOf, prefixOf, type Placing } from '../../../src/tiers/archive/layout.ts'
import { splitCsv } from '../../../src/tiers/archive/split-csv.ts'
import { contentSettings } from '../../../src/tiers/content/settings.ts'
import { transaction } from '../../../src/db/transaction.ts'
import { testDatabase, versions } from '../../support/postgres.ts'
import { checkProperty } from '../../support/property.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'
import { columnsOf, duck } from './archive-support.ts'

const value = fc.string({ unit: fc.constantFrom('a', '"', '\n', ',', '\r', 'ä', '😀'), maxLength: 6 })
const records = fc.array(fc.array(value, { minLength: 1, maxLength: 3 }), { maxLength: 30 })
const recordOf = (values: readonly string[]): string =>
  `${values.map((one) => `"${one.replaceAll('"', '""')}"`).join(',')}\n`

function* chunksOf(bytes: Buffer, sizes: readonly number[]): Generator<Buffer> {
  let at = 0
  for (let index = 0; at < bytes.length; index++) {
    const size = sizes[index % sizes.length] ?? 1
    yield bytes.subarray(at, at + size)
    at += size
  }
}

test('a stream is cut at the ends of records, wherever its chunks end', async () => {
  const input = fc.record({
    rows: records,
    sizes: fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 5 }),
    mostRows: fc.integer({ min: 1, max: 7 }),
    mostBytes: fc.integer({ min: 1, max: 60 }),
  })
  await checkProperty('pieces of CSV', input, async ({ rows, sizes, mostRows, mostBytes }) => {
    const texts = rows.map(recordOf)
    const source = Readable.from(chunksOf(Buffer.from(texts.join('')), sizes))
    const pieces = await splitCsv(source, { folder: await temporaryFolder(), mostRows, mostBytes })
    let at = 0
    for (const piece of pieces) {
      const own = texts.slice(at, at + piece.rows)
      at += piece.rows
      const text = own.join('')
      expect((await readFile(piece.path)).toString()).toBe(text)
      expect(piece.bytes).toBe(Buffer.byteLength(text))
      expect(piece.longest).toBe(Math.max(...own.map((one) => Buffer.byteLength(one))))
      expect(piece.rows).toBeLessThanOrEqual(mostRows)
      // Without its last record it was not large enough.
      expect(Buffer.byteLength(own.slice(0, -1).join(''))).toBeLessThan(mostBytes)
    }
    expect(at).toBe(rows.length)
  })
})

const placing = (changes: Partial<Placing>): Placing => ({
  schema: 'public',
  table: 'plays',
  layout: { kind: 'time', column: 'at', grain: 'month', zone: 'UTC', split: undefined },
  lower: '2026-01-01 00:00:00+00',
  mark: '7-ab',
  fields: [],
  ...changes,
})

const base = placing({}).layout
const cases: Readonly<Record<string, Partial<Placing>>> = {
  'public.plays/year=2026/month=01': {},
  'public.plays/year=2026/month=01/day=01': { layout: { ...base, grain: 'day' } as Placing['layout'] },
  'public.plays/year=2026/month=01/day=01/hour=05': {
    layout: { ...base, grain: 'hour' } as Placing['layout'],
    lower: '2026-01-01 05:00:00+00',
  },
  'public.plays/part_year=2026/month=01': { fields: ['Year'] },
  'a%2Fb.%2E%2E%2Fx%2Ey/year=2026/month=01': { schema: 'a/b', table: '../x.y' },
  'public.plays/from=100': {
    layout: { kind: 'id', column: 'id', step: 10n, split: undefined } as unknown as Placing['layout'],
    lower: '100',
  },
  'public.plays/from=MINVALUE': { lower: 'MINVALUE' },
}

test.each(Object.keys(cases))('files lie in %s', (folder) => {
  expect(prefixOf(placing(cases[folder] ?? {}))).toBe(`${folder}/7-ab`)
})

test('keys of an archive have a mark that is no other one’s', () => {
  expect(fileKey('a/b/7-ab', 12)).toBe('a/b/7-ab-0012.parquet')
  expect(manifestKey('a/b/7-ab')).toBe('a/b/_manifest-7-ab.json')
  expect(markOf(7n)).toMatch(/^7-[0-9a-f]{10}$/)
  expect(markOf(7n)).not.toBe(markOf(7n))
})

test('a disk that becomes full is told as one, and the session goes on', async () => {
  const [version] = versions
  if (version === undefined) throw new Error('No version is tested')
  const database = await testDatabase(version)
  const work = await temporaryFolder()
  await symlink('/dev/full', join(work, '0001.csv'))
  const own = await duck([work])
  try {
    const { db } = database
    await db.query(
      sql.raw(`create table plays as select g as id, repeat('x', 100) as note from generate_series(1, 50000) as g`),
    )
    const failing = db.withSession((session) =>
      transaction(session, async (tx) => {
        await tx.query(sql.raw(contentSettings))
        const columns = await columnsOf(tx, 'public.plays')
        return await exportRows(tx, { from: 'public.plays', columns, axis: 'id', work, duck: own })
      }),
    )
    await expect(failing).rejects.toMatchObject({
      code: 'ARCHIVE_FULL',
      message: expect.stringContaining(work) as string,
    })
    expect((await db.query(sql`select 1 as one`)).rows).toEqual([{ one: 1 }])
  } finally {
    own.close()
    await database.close()
  }
})
