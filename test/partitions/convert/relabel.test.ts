// Relabelling: nothing is read at the swap, the bound is one in the future, and what the table refuses meanwhile is said.

import { expect, test } from 'vitest'
import { onlyRow, type Db } from '../../../src/db/db.ts'
import { openDb } from '../../../src/db/pg-db.ts'
import { sql } from '../../../src/sql/sql.ts'
import { describeOnEachVersion } from '../../support/postgres.ts'
import { waitUntil } from '../../support/wait.ts'
import { byMonth, contentOf, createPlays, declare, openConversion, partitionsOf } from './support.ts'

/** Whole readings of a table, once all who read it have gone. */
async function scansOf(db: Db, oid: number): Promise<number> {
  const { rows } = await db.query<{ scans: number }>(
    sql`select coalesce(seq_scan, 0)::int as scans from pg_stat_user_tables where relid = ${oid}::int8::oid`,
  )
  return rows[0]?.scans ?? 0
}

async function oidOf(db: Db, table: string): Promise<number> {
  return onlyRow(await db.query<{ oid: number }>(sql`select ${table}::regclass::oid::int8::float8 as oid`)).oid
}

describeOnEachVersion('relabelling', (_version, database) => {
  test('the swap reads no row: ATTACH and SET NOT NULL take the word of the validated constraint', async () => {
    const { db, url } = database()
    // Sessions hand in what they counted when they end at the latest: each step has its own, and all have gone by the
    // time the readings are counted.
    const apart = async <T>(work: (own: Db) => Promise<T>): Promise<T> => {
      const own = openDb({ url })
      let done: T
      try {
        done = await work(own)
      } finally {
        await own.close()
      }
      await waitUntil(
        async () =>
          (
            await db.query(
              sql`select from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()`,
            )
          ).rows.length === 0,
        { what: 'the sessions of the step to end' },
      )
      return done
    }
    await apart(async (own) => {
      await createPlays(own, 'unread', 2_000)
      await own.query(sql`alter table unread drop constraint unread_pkey`)
      await own.query(sql`alter table unread alter column played_at drop not null`)
    })
    const oid = await oidOf(db, 'unread')
    const declared = declare('unread', byMonth)
    const until = (stop: string | undefined): Promise<unknown> =>
      apart((own) =>
        openConversion(own)
          .convert(declared, {
            onEvent: (event) => {
              if (event.type === 'transaction' && event.moment === 'committing' && event.state === stop)
                throw new Error('stop')
            },
          })
          .catch(() => undefined),
      )
    const state = (): Promise<string | undefined> =>
      apart(async (own) => (await openConversion(own).status(declared))?.state)
    const clean = await scansOf(db, oid)
    await until('swapping')
    expect(await state()).toBe('swapping')
    const before = await scansOf(db, oid)
    expect(before).toBeGreaterThan(clean)
    await until(undefined)
    expect(await state()).toBe('done')
    expect(await scansOf(db, oid)).toBe(before)
  })

  test('the bound is a boundary beyond the last row, in the future; rows beyond are refused until the swap, and taken afterwards', async () => {
    const { db } = database()
    await createPlays(db, 'bounded', 500)
    await db.query(
      sql`insert into bounded values (1000, date_trunc('month', now()) + interval '5 months 3 days', 1, '')`,
    )
    const declared = declare('bounded', byMonth)
    const refused: unknown[] = []
    const outcome = await openConversion(db).convert(declared, {
      onEvent: async (event) => {
        if (event.type !== 'state' || event.state !== 'preparing') return
        const insert = db.query(
          sql`insert into bounded values (1001, date_trunc('month', now()) + interval '7 months', 1, '')`,
        )
        refused.push(await insert.catch((error: { code?: string }) => error.code))
      },
    })
    expect(refused).toEqual(['23514'])
    const { rows } = await db.query<{ bound: string }>(
      sql`select ((date_trunc('month', now() at time zone 'UTC') + interval '6 months') at time zone 'UTC')::text as bound`,
    )
    const { same } = onlyRow(
      await db.query<{ same: boolean }>(
        sql.raw(
          `select ${outcome.record.until ?? 'null'}::timestamptz = '${rows[0]?.bound ?? ''}'::timestamptz as same`,
        ),
      ),
    )
    expect(same).toBe(true)
    await db.query(sql`insert into bounded values (1001, date_trunc('month', now()) + interval '7 months', 1, '')`)
    expect((await partitionsOf(db, 'bounded')).length).toBe(4)
  })

  test('a bound that has come before the swap is chosen anew', async () => {
    const { db } = database()
    await createPlays(db, 'late', 500)
    const declared = declare('late', byMonth)
    const states: string[] = []
    const outcome = await openConversion(db).convert(declared, {
      onEvent: async (event) => {
        if (event.type !== 'state') return
        states.push(event.state)
        // As if the swap had been kept waiting until its bound was the past.
        if (event.state === 'swapping' && states.length === 5)
          await db.query(
            sql`update pgstrata.conversion set until_bound = quote_literal(now() - interval '1 hour') where table_name = 'late'`,
          )
      },
    })
    expect(outcome.ending).toBe('done')
    expect(states).toEqual([
      'keying',
      'checking',
      'validating',
      'preparing',
      'swapping',
      'checking',
      'validating',
      'preparing',
      'swapping',
      'settling',
      'done',
    ])
    expect((await contentOf(db, 'late')).rows).toBe('500')
  })

  test('ends the old table where a person says', async () => {
    const { db } = database()
    await createPlays(db, 'until_then', 100)
    const declared = declare('until_then', byMonth)
    await expect(openConversion(db).convert(declared, { until: '2020-01-01' })).rejects.toMatchObject({
      code: 'LAYOUT_IMPOSSIBLE',
    })
    const outcome = await openConversion(db).convert(declared, { until: '2049-12-24' })
    expect(outcome.record.until).toContain('2050-01-01')
  })

  test('by id: leaves room for the ids that come until the swap', async () => {
    const { db } = database()
    await db.query(sql`create table counted (id bigint primary key, note text)`)
    await db.query(sql`insert into counted select g, 'note' from generate_series(1, 990) as g`)
    const declared = declare('counted', { kind: 'id', column: 'id', step: 1_000n, split: undefined })
    const outcome = await openConversion(db).convert(declared)
    expect(outcome).toMatchObject({ ending: 'done', record: { until: "'2000'" } })
    await db.query(sql`insert into counted select g, 'note' from generate_series(991, 4000) as g`)
    expect((await partitionsOf(db, 'counted'))[0]).toBe("counted_2000 FOR VALUES FROM ('2000') TO ('3000')")
  })

  test('a check that was dropped meanwhile is made and validated again: ATTACH never reads the table under the lock', async () => {
    const { db } = database()
    await createPlays(db, 'unchecked', 2_000)
    const states: string[] = []
    const outcome = await openConversion(db).convert(declare('unchecked', byMonth), {
      onEvent: async (event) => {
        if (event.type !== 'state') return
        states.push(event.state)
        if (event.state !== 'swapping' || states.filter((state) => state === 'swapping').length > 1) return
        const { rows } = await db.query<{ name: string }>(sql`
          select conname as name from pg_constraint where conrelid = 'unchecked'::regclass and conname ~ '_bound$'`)
        await db.query(sql`alter table unchecked drop constraint ${sql.ident(onlyRow({ rows, rowCount: 1 }).name)}`)
      },
    })
    expect(outcome.ending).toBe('done')
    expect(states.slice(4)).toEqual(['swapping', 'checking', 'validating', 'preparing', 'swapping', 'settling', 'done'])
    expect((await contentOf(db, 'unchecked')).rows).toBe('2000')
  })
})
