// A reader gives what a plain table that was told the same gives, whichever tier a row is in: its rows in order of time, and what they
// come to; and it unfolds no segment of which the pack knows the answer.

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { resolveConfig } from '../../src/config/index.ts'
import { onlyRow } from '../../src/db/db.ts'
import { sql } from '../../src/sql/sql.ts'
import { openStrata, type Strata } from '../../src/strata.ts'
import type { ReadTier, TierReader } from '../../src/tiers/index.ts'
import { describeOnEachVersion, testDatabase } from '../support/postgres.ts'
import { checkProperty } from '../support/property.ts'
import { systemClock } from '../../src/base/clock.ts'
import type { ColdTools } from '../../src/tiers/read/cold.ts'
import { createReader } from '../../src/tiers/read/reader.ts'
import { waitUntil } from '../support/wait.ts'
import { run, textsOf } from './exchange-support.ts'
import { pack, tier, tieredTable } from './history/support.ts'

interface Question {
  readonly from: string | undefined
  readonly to: string | undefined
  readonly where: Readonly<Record<string, Value>>
}

type Value = string | number | null | readonly string[]

const moments = [
  '2026-01-01Z',
  '2026-01-20 10:00Z',
  '2026-02-01Z',
  '2026-02-11 05:30Z',
  '2026-03-01Z',
  '2026-03-17Z',
  '2026-05-01Z',
]
const moment = fc.option(fc.constantFrom(...moments), { nil: undefined })
const filter = fc.constantFrom<Readonly<Record<string, Value>>>(
  {},
  {},
  { song: 3 },
  { song: null },
  { artist: 'artist 1' },
  { song: 2, note: 'note 4' },
  { note: null },
  { amount: '2.50' },
  { tags: ['a', 'b'] },
  { came_later: 'there before' },
)
const question: fc.Arbitrary<Question> = fc.record({ from: moment, to: moment, where: filter })

function ask(strata: Strata, { from, to, where }: Question): TierReader {
  return strata.tiers.reader('plays').between(from, to).where(where)
}

function conditionOf({ from, to, where }: Question): string {
  const parts = Object.entries(where).map(([name, value]) =>
    value === null ? `${name} is null` : `${name} = '${typeof value === 'object' ? `{${value.join(',')}}` : value}'`,
  )
  if (from !== undefined) parts.push(`at >= '${from}'`)
  if (to !== undefined) parts.push(`at < '${to}'`)
  return ['true', ...parts].join(' and ')
}

const measured = [
  ['sum', 'amount'],
  ['sum', 'seconds'],
  ['sum', 'song'],
  ['min', 'at'],
  ['max', 'at'],
  ['min', 'amount'],
  ['max', 'seconds'],
  ['max', 'note'],
] as const

/** Nothing of it is archived. */
const noArchive = (): ColdTools => ({
  storeAt: () => {
    throw new Error('There is no store')
  },
  duck: () => Promise.reject(new Error('There is no DuckDB')),
  workDir: '',
  cache: { dir: '', sizeBytes: 0 },
  clock: systemClock,
  close: () => undefined,
})

describeOnEachVersion(
  'a reader of a history',
  (version, database) => {
    let strata: Strata | undefined
    let folder = ''
    const open = (): Strata => {
      if (strata === undefined) throw new Error('It is there only inside tests')
      return strata
    }

    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), 'pgstrata-reader-'))
      const { db, url } = database()
      const written = {
        database: { primary: url },
        tables: {
          plays: {
            time: 'at',
            partition: 'month',
            warm: { after: '100 years', segmentBy: ['song'], rows: 100 },
            cold: { after: '200 years', grace: '1 hour' },
          },
        },
        archive: { to: join(folder, 'store'), work: join(folder, 'work'), cache: { dir: join(folder, 'cache') } },
      }
      strata = openStrata(resolveConfig<unknown>(written, { root: folder, name: 'pgstrata.config.ts' }))
      await strata.apply()
      await strata.tiers.move('plays', 'plays_2026_01', 'archive')
      await strata.tiers.move('plays', 'plays_2026_01', 'drop')
      await strata.tiers.move('plays', 'plays_2026_02', 'pack')
      await strata.tiers.move('plays', 'plays_2026_03', 'pack')
      const late = `(90001, '2026-02-11 05:00Z', 3, 'artist 3', 'late', 5, 2.5, '{a,b}', 0.5)`
      await run(
        db,
        `insert into plays values ${late}`,
        `insert into twin values ${late}`,
        ...['plays_history', 'twin'].flatMap((name) => [
          `update ${name} set amount = 2.50 where id = 20007`,
          `delete from ${name} where id = 20011`,
        ]),
        ...['plays', 'twin'].map((name) => `alter table ${name} add column came_later text default 'there before'`),
      )
      await strata.apply()
    })

    afterAll(async () => {
      await strata?.close()
      await rm(folder, { recursive: true, force: true })
    })

    test('gives rows in order of time, from every tier', { timeout: 120_000 }, async () => {
      const { db } = database()
      await checkProperty(
        `reader's rows on ${version}`,
        fc.tuple(question, fc.integer({ min: 1, max: 700 })),
        async ([asked, batch]) => {
          const names = ['note', 'at', 'id', 'amount', 'tags']
          const found: Readonly<Record<string, unknown>>[] = []
          for await (const row of ask(open(), asked).columns(names).rows({ batch })) found.push(row)
          const { rows } = await db.query(
            sql.raw(`select ${names.join(', ')} from twin where ${conditionOf(asked)} order by at, id`),
          )
          const times = found.map(({ at }) => (at as Date).getTime())
          expect(times).toEqual(times.toSorted((left, right) => left - right))
          const id = (row: Readonly<Record<string, unknown>>): number => Number(row['id'])
          expect(found.toSorted((left, right) => id(left) - id(right))).toEqual(
            rows.toSorted((left, right) => id(left) - id(right)),
          )
        },
        { runs: 12 },
      )
    })

    test('counts and adds up as a plain table does', { timeout: 120_000 }, async () => {
      const { db } = database()
      await checkProperty(
        `reader's measures on ${version}`,
        question,
        async (asked) => {
          const of = ask(open(), asked)
          const own: unknown[] = [await of.count()]
          for (const [kind, column] of measured) own.push(await of[kind](column))
          const list = measured.map(
            ([kind, column], place) => `${kind}(${column})${kind === 'sum' ? '::text' : ''} as m${place}`,
          )
          const { rows } = await db.query(
            sql.raw(`select count(*)::int4 as count, ${list.join(', ')} from twin where ${conditionOf(asked)}`),
          )
          expect(own).toEqual(Object.values(onlyRow({ rows, rowCount: 1 })))
        },
        { runs: 6 },
      )
    })

    test('tells tiers apart', async () => {
      const of = open().tiers.reader('plays')
      const counts: Record<string, number> = {}
      for (const tier of ['hot', 'warm', 'cold'] satisfies ReadTier[]) counts[tier] = await of.in(tier).count()
      expect(counts).toEqual({ hot: 1_001, warm: 1_999, cold: 1_000 })
      expect(await of.count()).toBe(4_000)
    })

    test('goes on where a transaction was left in its middle', async () => {
      for await (const row of open().tiers.reader('plays').rows({ batch: 10 })) {
        expect(row['id']).toBeDefined()
        break
      }
      expect(await open().tiers.reader('plays').count()).toBe(4_000)
    })

    test('keeps its moment while a partition is packed, which waits for it', async () => {
      const { db } = database()
      const rows = open().tiers.reader('plays').columns(['id']).rows({ batch: 10 })[Symbol.asyncIterator]()
      const ids = new Set([(await rows.next()).value?.['id']])
      const moved = open().tiers.move('plays', 'plays_2026_04', 'pack')
      const states = (): Promise<readonly string[]> =>
        textsOf(db, `select state as text from pgstrata.tier_partition where partition_name = 'plays_2026_04'`)
      const isBegun = async (): Promise<boolean> => !(await states()).includes('hot')
      try {
        await waitUntil(isBegun, { what: 'the move has begun' })
        while (ids.size < 3_990) ids.add((await rows.next()).value?.['id'])
        expect((await states()).join()).toMatch(/^pack:/)
        for (let row = await rows.next(); row.done !== true; row = await rows.next()) ids.add(row.value['id'])
      } finally {
        await rows.return?.()
        await moved
      }
      expect(ids.size).toBe(4_000)
      expect(await moved).toMatchObject({ state: 'packed' })
      expect(await open().tiers.reader('plays').in('hot').count()).toBe(1)
      expect(await open().tiers.reader('plays').count()).toBe(4_000)
    })

    test('has rows without a moment, behind the others, where no interval is asked for', async () => {
      const own = await testDatabase(version)
      try {
        const { db } = own
        const table = tieredTable({ segmentBy: [] }, { key: 'notes', table: 'notes' })
        await run(
          db,
          'create table notes (id int not null, at timestamptz) partition by range (at)',
          `create table notes_2026_01 partition of notes for values from ('2026-01-01Z') to ('2026-02-01Z')`,
          'create table notes_rest partition of notes default',
          `insert into notes values (3, null), (2, '2026-03-01Z'), (1, '2026-01-02Z')`,
        )
        await tier(db, table)
        await pack(db, table, 'notes_2026_01')
        const reader = createReader({ db, table, openCold: noArchive })
        const ids: unknown[] = []
        for await (const row of reader.columns(['id']).rows()) ids.push(row['id'])
        expect(ids).toEqual([1, 2, 3])
        expect(await reader.count()).toBe(3)
        expect(await reader.between('2026-01-01Z', null).count()).toBe(2)
      } finally {
        await own.close()
      }
    })

    test('names what the table does not have', async () => {
      await expect(open().tiers.reader('plays').sum('cost')).rejects.toMatchObject({ code: 'VALUE_INVALID' })
      await expect(open().tiers.reader('plays').where({ cost: 1 }).count()).rejects.toMatchObject({
        code: 'VALUE_INVALID',
      })
      expect(() => open().tiers.reader('songs')).toThrow(/songs/)
    })
  },
  async ({ db }) => {
    await run(
      db,
      `create table plays (
        id bigint not null,
        at timestamptz not null,
        song int,
        artist text,
        note text,
        seconds int,
        amount numeric(12, 2),
        tags text[],
        weight float8,
        primary key (id, at)
      ) partition by range (at)`,
      ...[1, 2, 3, 4].map(
        (month) =>
          `create table plays_2026_0${month} partition of plays for values from ('2026-0${month}-01Z') to ('2026-0${month + 1}-01Z')`,
      ),
      `insert into plays
      select m * 10000 + g, make_timestamptz(2026, m, 1, 0, 0, 0, 'UTC') + g * interval '39 minutes', nullif(g % 5, 4), 'artist ' || g % 5,
        case when g % 6 > 0 then 'note ' || g % 11 end, nullif(g % 300, 7), nullif(g % 41, 3) * 0.25, case when g % 9 = 0 then '{a,b}'::text[] end, g / 8.0
      from generate_series(1, 4) as m, generate_series(0, 999) as g`,
      'create table twin (like plays)',
      'insert into twin select * from plays',
    )
  },
)
