// A table whose name belongs to another one while it is converted: nothing is read of that one, it is not swapped, and both
// are left as they were.

import { expect, test } from 'vitest'
import { dumpSchema } from '../../../src/catalog/dump/index.ts'
import type { State } from '../../../src/partitions/convert/states.ts'
import { sql } from '../../../src/sql/sql.ts'
import { describeOnEachVersion } from '../../support/postgres.ts'
import { byHash, byMonth, contentOf, createPlays, declare, openConversion } from './support.ts'

const copied: readonly State[] = [
  'preparing',
  'capturing',
  'copying',
  'filling',
  'catching',
  'verifying',
  'closing',
  'swapping',
]
const relabelled: readonly State[] = ['keying', 'checking', 'validating', 'preparing', 'swapping']

describeOnEachVersion('a conversion of a table that is', (_version, database) => {
  test.each([...copied.map((state) => [state, true] as const), ...relabelled.map((state) => [state, false] as const)])(
    'replaced while %s (full: %s) stops, and can go on or back when it has its name again',
    async (state, full) => {
      const { db } = database()
      const table = `swapped ${state} ${full}`
      await createPlays(db, table, 300)
      const content = await contentOf(db, table)
      const schema = await dumpSchema(db, { excludeSchemas: ['pgstrata'] })
      const declared = declare(table, byMonth)
      const conversion = openConversion(db)
      const rename = async (): Promise<void> => {
        await db.query(sql.raw(`alter table "${table}" rename to "true one"`))
        await db.query(sql.raw(`create table "${table}" (like "true one" including all)`))
        await db.query(sql.raw(`insert into "${table}" select * from "true one" where id < 10`))
      }
      const failing = conversion.convert(declared, {
        full,
        onEvent: async (event) => {
          if (event.type === 'state' && event.state === state) await rename()
        },
      })
      await expect(failing).rejects.toMatchObject({
        code: 'CONVERT_FAILED',
        message: expect.stringMatching(/is not the table whose conversion began.*that one is public."true one" now/),
      })
      await expect(conversion.resume(declared)).rejects.toMatchObject({ code: 'CONVERT_FAILED' })
      await expect(conversion.abort(declared)).rejects.toMatchObject({ code: 'CONVERT_FAILED' })
      expect((await contentOf(db, table)).rows).toBe('9')
      expect(await contentOf(db, 'true one')).toEqual(content)
      await db.query(sql.raw(`drop table "${table}"`))
      await db.query(sql.raw(`alter table "true one" rename to "${table}"`))
      expect((await conversion.abort(declared)).ending).toBe('aborted')
      expect(await contentOf(db, table)).toEqual(content)
      expect(await dumpSchema(db, { excludeSchemas: ['pgstrata'] })).toBe(schema)
      await db.query(sql.raw(`drop table "${table}"`))
    },
  )

  test.each([true, false])('dropped (full: %s) stops, and nothing of it stays when it is taken back', async (full) => {
    const { db } = database()
    const table = `dropped ${full}`
    await createPlays(db, table, 300)
    const declared = declare(table, byMonth)
    const conversion = openConversion(db)
    const failing = conversion.convert(declared, {
      full,
      onEvent: async (event) => {
        if (event.type === 'state' && event.state === (full ? 'copying' : 'swapping'))
          await db.query(sql.raw(`drop table "${table}"`))
      },
    })
    await expect(failing).rejects.toMatchObject({
      code: 'CONVERT_FAILED',
      message: expect.stringContaining('that one was dropped'),
    })
    expect((await conversion.abort(declared)).ending).toBe('aborted')
    const { rows } = await db.query(sql`
      select relname from pg_class where relname ~ ${`^(dropped|capture)`}
      union all
      select proname from pg_proc where proname ~ ${`^capture`}`)
    expect(rows).toEqual([])
  })

  test('emptied, and replaced by an empty partitioned one, is not looked for without end', async () => {
    const { db } = database()
    await createPlays(db, 'beside', 300)
    const failing = openConversion(db).convert(declare('beside', byHash), {
      full: true,
      onEvent: async (event) => {
        if (event.type !== 'progress') return
        await db.query(
          sql.raw(`drop table beside; create table beside (id bigint, played_at timestamptz) partition by hash (id)`),
        )
      },
    })
    await expect(failing).rejects.toMatchObject({
      code: 'CONVERT_FAILED',
      message: expect.stringContaining('that one was dropped'),
    })
  })
})
