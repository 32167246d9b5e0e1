// A conversion whose connection is lost before or after the commit of each of its transactions, and one that is taken back after each
// of them: it goes on to the same end, and going back leaves schema and content as they were.

import { expect, test } from 'vitest'
import { dumpSchema } from '../../../src/catalog/dump/index.ts'
import { onlyRow, type Db } from '../../../src/db/db.ts'
import { sql } from '../../../src/sql/sql.ts'
import type { ConversionEvent } from '../../../src/partitions/convert/index.ts'
import type { State } from '../../../src/partitions/convert/states.ts'
import { describeOnEachVersion } from '../../support/postgres.ts'
import { byMonth, contentOf, createPlays, declare, openConversion } from './support.ts'

const byYearAndHash = { ...byMonth, grain: 'year', split: { column: 'id', into: 2 } } as const
const methods = [
  { name: 'relabelled', layout: byMonth, full: false },
  { name: 'copied', layout: byYearAndHash, full: true },
] as const

const afterSwap: ReadonlySet<State> = new Set(['settling', 'done'])

/** Ends the backends of the conversion at the n-th transaction's `moment`, counted from 0. */
function cutAt(db: Db, number: number, moment: 'committing' | 'committed'): (event: ConversionEvent) => Promise<void> {
  let seen = 0
  return async (event) => {
    if (event.type !== 'transaction' || event.moment !== moment || seen++ !== number) return
    await db.query(sql`
      select pg_terminate_backend(l.pid, 10000)
      from pg_locks l
      where l.locktype = 'advisory'
        and l.database = (select oid from pg_database where datname = current_database())`)
  }
}

/**
 * Rows change while it is under way, so that there is something to carry over; before the swap also to where no partition
 * has been planned for.
 */
async function touch(db: Db, table: string, isSwapped: boolean): Promise<void> {
  const days = isSwapped ? 1 : -700
  await db.query(
    sql`update ${sql.ident(table)} set played_at = played_at + ${days}::int * interval '1 day' where id % 17 = 3`,
  )
  await db.query(sql`delete from ${sql.ident(table)} where id % 19 = 5`)
}

describeOnEachVersion('an interrupted conversion', (_version, database) => {
  test.each(methods)(
    '$name: goes on after each of its transactions, before and after its commit',
    { timeout: 240_000 },
    async ({ name, layout, full }) => {
      const { db } = database()
      const states = new Set<string>()
      for (const moment of ['committing', 'committed'] as const) {
        for (let number = 0; ; number++) {
          const table = `${name} ${moment} ${number}`
          await createPlays(db, table, 300)
          const conversion = openConversion(db)
          const cut = cutAt(db, number, moment)
          const first = await conversion
            .convert(declare(table, layout), { full, onEvent: cut })
            .then(() => undefined)
            .catch((error: unknown) => error)
          if (first === undefined) break
          expect(first).toMatchObject({ code: 'DATABASE_LOST' })
          const state = (await conversion.status(declare(table, layout)))?.state ?? 'done'
          states.add(state)
          await touch(db, table, afterSwap.has(state))
          const before = await contentOf(db, table)
          if (state !== 'done')
            expect(await conversion.resume(declare(table, layout))).toMatchObject({ ending: 'done' })
          expect(await contentOf(db, table)).toEqual(before)
          await db.query(sql`drop table ${sql.ident(table)} cascade`)
          await db.query(sql`drop table if exists ${sql.ident(`${table}_old`)} cascade`)
        }
      }
      expect([...states]).toEqual(
        expect.arrayContaining(
          full
            ? [
                'preparing',
                'capturing',
                'copying',
                'filling',
                'catching',
                'verifying',
                'closing',
                'swapping',
                'settling',
              ]
            : ['keying', 'checking', 'validating', 'preparing', 'swapping', 'settling'],
        ),
      )
    },
  )

  test.each(methods)(
    '$name: can be taken back in each state before the swap, and leaves nothing',
    { timeout: 240_000 },
    async ({ name, layout, full }) => {
      const { db } = database()
      const table = `${name} and back`
      const declared = declare(table, layout)
      await createPlays(db, table, 300)
      const conversion = openConversion(db)
      const dump = (): Promise<string> => dumpSchema(db, { excludeSchemas: ['pgstrata'] })
      const before = { schema: await dump(), content: await contentOf(db, table) }
      for (let number = 0; ; number++) {
        await conversion.convert(declared, { full, onEvent: cutAt(db, number, 'committed') }).catch(() => undefined)
        const { state } = (await conversion.status(declared)) ?? { state: 'done' as const }
        if (afterSwap.has(state)) {
          if (state !== 'done')
            await expect(conversion.abort(declared)).rejects.toMatchObject({ code: 'CONVERT_STATE' })
          break
        }
        const outcome = await conversion.abort(declared)
        expect(outcome.ending).toBe('aborted')
        expect(await dump()).toBe(before.schema)
        expect(await contentOf(db, table)).toEqual(before.content)
        const { left } = onlyRow(
          await db.query<{ left: number }>(sql`
          select count(*)::int as left
          from pg_class
          where relnamespace = 'pgstrata'::regnamespace
            and relname like ${`capture_${outcome.record.id}%`}`),
        )
        expect(left).toBe(0)
      }
    },
  )
})
