// Random statements through a history and through its table, with packs made in between, in transactions that commit or roll back:
// after each, the history has exactly the rows of a plain twin that was told the same, and counted as many.

import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Session } from '../../../src/db/db.ts'
import { sql } from '../../../src/sql/sql.ts'
import { sqlstateOf } from '../../../src/sql/sqlstate.ts'
import { describeOnEachVersion } from '../../support/postgres.ts'
import { checkProperty } from '../../support/property.ts'
import { pack, run, texts, tier, tieredTable } from './support.ts'

type Move =
  | { readonly kind: 'change'; readonly text: string; readonly through: 'history' | 'table' }
  | { readonly kind: 'pack'; readonly month: number }
  | { readonly kind: 'begin' | 'commit' | 'rollback' }

const instant = fc.integer({ min: 0, max: 8 }).map((n) => `'2026-0${1 + Math.floor(n / 3)}-0${1 + (n % 3)} 10:00Z'`)
const month = fc.integer({ min: 1, max: 3 })
const control: readonly fc.WeightedArbitrary<Move>[] = [
  { weight: 3, arbitrary: month.map((one) => ({ kind: 'pack', month: one })) },
  { weight: 2, arbitrary: fc.constantFrom<Move>({ kind: 'begin' }, { kind: 'commit' }, { kind: 'rollback' }) },
]

const through = fc.constantFrom('history' as const, 'table' as const)
const change = (
  text: fc.Arbitrary<string>,
  by: fc.Arbitrary<'history' | 'table'> = fc.constant('history'),
): fc.Arbitrary<Move> => fc.tuple(text, by).map(([one, way]) => ({ kind: 'change', text: one, through: way }))

const list = (some: readonly string[]): string => some.join(', ')
const song = fc.constantFrom('1', '2', 'null')
const amount = fc.constantFrom('null', '1', '2.5', '2.50', '99.999', '-200', '7')
const words = fc.constantFrom('null', `'a'`, `'A'`, `'b'`, `'c '`)
const id = fc.integer({ min: 1, max: 12 })

const keyedRow = fc
  .tuple(id, instant, song, amount, words, words, fc.constantFrom(`'{}'`, `'{a,NULL}'`, 'null'))
  .map(([n, ...rest]) => `(${list([String(n), ...rest])})`)
const keyedWhere = fc.oneof(
  id.map((n) => `id = ${n}`),
  instant.map((at) => `at = ${at}`),
  fc.tuple(instant, id).map(([at, n]) => `at >= ${at} and id < ${n}`),
  fc.constantFrom('song = 1', 'song is null', 'amount > 2', `note = 'a'`, 'true', 'doubled = 5', 'false'),
)
const keyedSet = fc.constantFrom(
  'note = note',
  'amount = amount + 1',
  'amount = 2.504',
  'amount = -100',
  `tags = array_append(tags, 'x')`,
  'song = 2',
  'song = 1',
  'song = null',
  `slug = 'b'`,
  'slug = null',
  'id = id + @fresh',
  `at = '2026-02-02 10:00Z'`,
  // Nothing else that is unique goes to where another row of the statement comes from: which is first is the server's affair.
  `at = at + interval '1 month', id = id + @fresh, slug = null, song = 2`,
  'id = null',
  `note = upper(note), amount = 3`,
)

const keyed: fc.Arbitrary<readonly Move[]> = fc.array(
  fc.oneof(
    {
      weight: 5,
      arbitrary: change(
        fc
          .array(keyedRow, { minLength: 1, maxLength: 4 })
          .map((some) => `insert into @to (id, at, song, amount, note, slug, tags) values ${list(some)}`),
        through,
      ),
    },
    {
      weight: 5,
      arbitrary: change(fc.tuple(keyedSet, keyedWhere).map(([set, where]) => `update @to set ${set} where ${where}`)),
    },
    { weight: 2, arbitrary: change(keyedWhere.map((where) => `delete from @to where ${where}`)) },
    ...control,
  ),
  { minLength: 5, maxLength: 25 },
)

const bareRow = fc
  .tuple(instant, song, fc.constantFrom('1.0', '1.00', '1', `'NaN'`, 'null'), fc.constantFrom(`'{"a": 1}'`, 'null'))
  .map((values) => `(${list(values)})`)
const bareWhere = fc.oneof(
  instant.map((at) => `at = ${at}`),
  fc.constantFrom('song = 1', 'song is null', 'amount = 1', `amount = 'NaN'`, 'doc is null', 'true'),
)
const bare: fc.Arbitrary<readonly Move[]> = fc.array(
  fc.oneof(
    {
      weight: 5,
      arbitrary: change(
        fc
          .array(bareRow, { minLength: 1, maxLength: 4 })
          .map((some) => `insert into @to (at, song, amount, doc) values ${list(some)}`),
        through,
      ),
    },
    {
      weight: 4,
      arbitrary: change(
        fc
          .tuple(
            fc.constantFrom('amount = amount + 0.5', 'song = 2', `doc = '[]'`, `at = '2026-03-03 10:00Z'`),
            bareWhere,
          )
          .map(([set, where]) => `update @to set ${set} where ${where}`),
      ),
    },
    { weight: 2, arbitrary: change(bareWhere.map((where) => `delete from @to where ${where}`)) },
    ...control,
  ),
  { minLength: 5, maxLength: 25 },
)

/** Constraints are asked in the order of the rows, which is the server's. */
const refused: ReadonlySet<string> = new Set(['23502', '23505', '23514'])

async function told(session: Session, text: string): Promise<number | 'refused'> {
  await session.query(sql`savepoint told`)
  try {
    const { rowCount } = await session.query(sql.raw(text))
    await session.query(sql`release savepoint told`)
    return rowCount
  } catch (error) {
    if (!refused.has(sqlstateOf(error) ?? '')) throw error
    await session.query(sql`rollback to savepoint told`)
    return 'refused'
  }
}

describeOnEachVersion(
  'a history that is changed',
  (version, database) => {
    test.each([
      { table: 'plays', moves: keyed },
      { table: 'events', moves: bare },
    ])('is its table: $table', { timeout: 300_000 }, async ({ table, moves }) => {
      const { db } = database()
      const declared = tables.find((one) => one.partitioned.table === table)
      if (declared === undefined) throw new Error('declare it')
      const differ = `select 'history' as of, t::text from (table ${table}_history except all table ${table}_twin) as t
        union all select 'twin', t::text from (table ${table}_twin except all table ${table}_history) as t`
      await db.withSession(async (session) => {
        const check = async (): Promise<void> => expect(await texts(session, differ)).toEqual([])
        await checkProperty(
          `history of ${table} on ${version}`,
          moves,
          async (some) => {
            await run(session, 'rollback', `delete from ${table}_history`, `truncate ${table}_twin`)
            await check()
            let isOpen = false
            for (const [place, move] of some.entries()) {
              if (move.kind === 'begin') {
                if (!isOpen) await run(session, 'begin')
                isOpen = true
              } else if (move.kind === 'change') {
                if (!isOpen) await run(session, 'begin')
                const text = (to: string): string =>
                  // No two sums of such steps are the same.
                  move.text.replaceAll('@to', to).replaceAll('@fresh', String(1_000 * 2 ** place))
                const counted = await told(session, text(move.through === 'table' ? table : `${table}_history`))
                expect(counted, move.text).toBe(await told(session, text(`${table}_twin`)))
                await check()
                if (!isOpen) await run(session, 'commit')
              } else {
                await run(session, move.kind === 'rollback' ? 'rollback' : 'commit')
                isOpen = false
                if (move.kind === 'pack') await pack(db, declared, `${table}_2026_0${move.month}`)
                await check()
              }
            }
            await run(session, 'commit')
          },
          { runs: 12 },
        )
      })
    })
  },
  async ({ db }) => {
    const keys = (name: string): readonly string[] => [
      `alter table ${name} add primary key (id, at)`,
      `alter table ${name} add unique (at, slug)`,
      `create unique index on ${name} (at, lower(note)) where song = 1`,
    ]
    await run(
      db,
      `create table plays_twin (
        id bigint generated by default as identity,
        at timestamptz not null,
        song int,
        amount numeric(8, 2) check (amount > -99),
        note text collate "C",
        slug text,
        tags text[],
        doubled numeric generated always as (amount * 2) stored
      )`,
      'create table plays (like plays_twin including all) partition by range (at)',
      ...keys('plays_twin'),
      ...keys('plays'),
      'create table events_twin (at timestamptz not null, song int, amount numeric, doc jsonb)',
      'create table events (like events_twin including all) partition by range (at)',
      ...['plays', 'events'].flatMap((name) =>
        [1, 2, 3].map(
          (one) =>
            `create table ${name}_2026_0${one} partition of ${name} for values from ('2026-0${one}-01Z') to ('${one === 3 ? 2100 : 2026}-0${one + 1}-01Z')`,
        ),
      ),
    )
    await tier(db, ...tables)
  },
)

const tables = [
  tieredTable({ segmentBy: ['song'] }),
  tieredTable({ segmentBy: ['song'], rows: 100 }, { key: 'events', table: 'events' }),
]
