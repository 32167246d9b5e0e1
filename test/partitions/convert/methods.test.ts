// A table that nobody uses, converted by each method: the same rows, under the same name, in the partitions declared.

import { expect, test } from 'vitest'
import { onlyRow } from '../../../src/db/db.ts'
import { sql } from '../../../src/sql/sql.ts'
import { describeOnEachVersion } from '../../support/postgres.ts'
import {
  byHash,
  byMonth,
  byMonthAndHash,
  contentOf,
  createPlays,
  declare,
  openConversion,
  partitionsOf,
} from './support.ts'

describeOnEachVersion('a conversion', (_version, database) => {
  test.each([
    ['month', byMonth],
    ['hash', byHash],
    ['month × hash', byMonthAndHash],
  ] as const)('copies into %s', async (name, layout) => {
    const { db } = database()
    const table = `Plays by ${name}`
    await createPlays(db, table, 5_000)
    const before = await contentOf(db, table)
    const conversion = openConversion(db)
    const outcome = await conversion.convert(declare(table, layout), { full: true })
    expect(outcome).toMatchObject({ ending: 'done', record: { state: 'done', rowsCopied: 5_000 } })
    expect(await contentOf(db, table)).toEqual(before)
    const { kind } = onlyRow(
      await db.query<{ kind: string }>(sql`select relkind::text as kind from pg_class where relname = ${table}`),
    )
    expect(kind).toBe('p')
    expect((await partitionsOf(db, table)).length).toBeGreaterThanOrEqual(layout.kind === 'hash' ? 4 : 14)
    const { left } = onlyRow(
      await db.query<{ left: number }>(
        sql`select count(*)::int as left from pg_class where relname like 'capture%' and relnamespace = 'pgstrata'::regnamespace`,
      ),
    )
    expect(left).toBe(0)
    expect(await contentOf(db, `${table}_old`)).toEqual(before)
    await conversion.dropOld({ schema: 'public', table })
    await expect(contentOf(db, `${table}_old`)).rejects.toMatchObject({ code: '42P01' })
  })

  test('relabels: the table becomes the first partition', async () => {
    const { db } = database()
    await createPlays(db, 'relabelled', 5_000)
    const before = await contentOf(db, 'relabelled')
    const outcome = await openConversion(db).convert(declare('relabelled', byMonth))
    expect(outcome.ending).toBe('done')
    expect(await contentOf(db, 'relabelled')).toEqual(before)
    const partitions = await partitionsOf(db, 'relabelled')
    expect(partitions).toHaveLength(4)
    expect(partitions.some((line) => line.startsWith('relabelled_before FOR VALUES FROM (MINVALUE) TO ('))).toBe(true)
  })
})
