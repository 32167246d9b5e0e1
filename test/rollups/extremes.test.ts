// The least, the greatest, the first and the last, against their contract: exact at once for rows that come; never further
// inwards than the truth; and exact after the next merge whatever went.

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { systemClock } from '../../src/base/clock.ts'
import { isStrataError } from '../../src/base/errors.ts'
import type { Db, Session } from '../../src/db/db.ts'
import { inspectSource } from '../../src/rollups/declared/inspect.ts'
import { mergeRollup, rebuildRange } from '../../src/rollups/merge/merge.ts'
import { createReader } from '../../src/rollups/read/reader.ts'
import { shapeOf, type Shape } from '../../src/rollups/model/shape.ts'
import { sql } from '../../src/sql/sql.ts'
import { verifyRollup } from '../../src/rollups/merge/verify.ts'
import { describeOnEachVersion, type TestDatabase } from '../support/postgres.ts'
import { checkProperty } from '../support/property.ts'
import { waitUntil } from '../support/wait.ts'
import { differences, install, measure, patience, rollupOf, run } from './support.ts'

const measures = [
  measure('plays', 'count'),
  measure('least', 'min', { of: 'amount' }),
  measure('Greatest', 'max', { of: 'amount * 2', filter: "kind <> 'b'" }),
  measure('opening', 'first', { of: 'amount' }),
  measure('closing', 'last', { of: 'kind' }),
  measure('newest', 'last', { of: 'amount', order: 'id', filter: 'amount > 0' }),
]

const rollups = [
  rollupOf({ measures }),
  rollupOf({
    name: 'by_day',
    bucket: { column: 'at', span: { unit: 'day', count: 1 }, zone: 'Europe/Berlin' },
    by: ['kind', 'song'],
    where: 'song is distinct from 3',
    measures,
  }),
  rollupOf({
    name: 'by_song',
    bucket: undefined,
    measures: measures.map((one) => ({ ...one, order: one.order ?? 'at' })),
  }),
]

const verifying = { fix: false, floor: 'none', ...patience, clock: systemClock } as const

async function prepare({ db }: TestDatabase): Promise<void> {
  await run(
    db,
    `create table plays (id bigint generated always as identity, song int, at timestamptz not null, amount numeric, kind text not null) partition by range (at)`,
    `create table plays_march partition of plays for values from ('2026-03-01') to ('2026-03-29')`,
    `create table plays_rest partition of plays default`,
    `create index on plays (song, at)`,
  )
}

const at = fc.integer({ min: 0, max: 40 }).map((hours) => `timestamptz '2026-03-28 00:00Z' + interval '${hours} hours'`)
const amount = fc.constantFrom('null', '0', '1.5', '-2', '7', `'NaN'`, `'Infinity'`)
const row = fc
  .tuple(fc.constantFrom('null', '1', '2', '3'), at, amount, fc.constantFrom('a', 'b'))
  .map(([song, time, n, kind]) => `(${song}, ${time}, ${n}, '${kind}')`)
const which = fc.constantFrom(
  'song = 1',
  'song is null',
  `kind = 'a'`,
  'amount > 0',
  'amount < 1',
  'true',
  'id % 3 = 0',
)
const set = fc.constantFrom('amount = amount', 'amount = 3', 'song = 2', `at = at + interval '5 hours'`, `kind = 'c'`)

type Move =
  | { readonly kind: 'comes' | 'goes'; readonly text: string }
  | { readonly kind: 'merge' }
  | { readonly kind: 'rebuild'; readonly from: string }

const move: fc.Arbitrary<Move> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.array(row, { minLength: 1, maxLength: 4 }).map((rows): Move => ({
      kind: 'comes',
      text: `insert into plays (song, at, amount, kind) values ${rows.join(', ')}`,
    })),
  },
  {
    weight: 4,
    arbitrary: fc
      .oneof(
        which.map((where) => `delete from plays where ${where}`),
        fc.tuple(set, which).map(([change, where]) => `update plays set ${change} where ${where}`),
        fc.constantFrom('truncate plays_march', 'truncate plays'),
      )
      .map((text): Move => ({ kind: 'goes', text })),
  },
  { weight: 3, arbitrary: fc.constant<Move>({ kind: 'merge' }) },
  {
    weight: 1,
    arbitrary: fc.constantFrom('2026-03-28', '2026-03-29').map((from): Move => ({ kind: 'rebuild', from })),
  },
)

/** Keys whose ends the view shows further inwards than they are: none, whatever went. */
async function tooFarIn(on: Db | Session): Promise<readonly unknown[]> {
  const { rows } = await on.query(sql`
    select v.song, v.bucket, v.least, truth.least as truth
    from song_plays v
    join (
      select song, date_trunc('hour', at, 'UTC') as bucket, min(amount) as least, max(amount * 2) filter (where kind <> 'b') as greatest
      from plays
      group by 1, 2
    ) as truth on truth.song is not distinct from v.song and truth.bucket = v.bucket
    where v.least > truth.least or v."Greatest" < truth.greatest
      or (v.least is null) > (truth.least is null)`)
  return rows
}

describeOnEachVersion(
  'extremes',
  (_version, database) => {
    test('keep their contract under random statements, merges and rebuilds', async () => {
      const { db } = database()
      const shapes = await install(db, rollups)
      const mergeAll = async (session: Session): Promise<void> => {
        for (const shape of shapes) await mergeRollup(session, shape, patience)
      }
      await db.withSession(async (session) => {
        await checkProperty(
          'extremes',
          fc.array(move, { minLength: 3, maxLength: 14 }),
          async (moves) => {
            await run(session, 'delete from plays')
            await mergeAll(session)
            // Whether something went since the last merge: until then nothing is promised but the side that is erred on.
            let left = false
            for (const one of moves) {
              if (one.kind === 'merge') await mergeAll(session)
              else if (one.kind === 'rebuild') {
                const range = { from: `${one.from} 00:00+01`, to: undefined }
                for (const shape of shapes) await rebuildRange(session, shape, range, patience)
              } else await run(session, one.text)
              if (one.kind === 'merge') left = false
              if (one.kind === 'goes') left = true
              expect(await tooFarIn(session)).toEqual([])
              if (!left) expect(await differences(session, ...shapes)).toEqual([])
            }
            for (const shape of shapes)
              expect(await verifyRollup(session, shape, verifying)).toMatchObject({ different: 0 })
            await mergeAll(session)
            expect(await differences(session, ...shapes)).toEqual([])
            for (const shape of shapes)
              expect(await verifyRollup(session, shape, verifying)).toMatchObject({ different: 0 })
          },
          { runs: 40 },
        )
      })
    })

    test('one that is wrong is found, and built anew', async () => {
      const { db } = database()
      const [shape] = await readShapes(db)
      expect.assert(shape !== undefined)
      await run(
        db,
        'delete from plays',
        `insert into plays (song, at, amount, kind) values (1, '2026-03-28 10:10Z', 5, 'a'), (2, '2026-03-28 10:20Z', 1, 'a')`,
      )
      await db.withSession(async (session) => {
        await mergeRollup(session, shape, patience)
        await run(session, 'update song_plays_merged set least = 0 where song = 1')
        expect(await verifyRollup(session, shape, verifying)).toMatchObject({ keys: 2, different: 1 })
        await verifyRollup(session, shape, { ...verifying, fix: true })
        expect(await verifyRollup(session, shape, verifying)).toMatchObject({ keys: 2, different: 0 })
        expect(await differences(session, shape)).toEqual([])
      })
    })

    test('a source that lost its rows under a merge leaves the key stale, and the next merge finds it', async () => {
      const { db } = database()
      const [shape] = await readShapes(db)
      expect.assert(shape !== undefined)
      await run(
        db,
        'delete from plays',
        `insert into plays (song, at, amount, kind) values (1, '2026-03-28 10:10Z', 5, 'a'), (1, '2026-03-28 10:20Z', 1, 'a')`,
      )
      await db.withSession(async (session) => {
        await mergeRollup(session, shape, patience)
        await run(session, 'delete from plays where amount = 1')
        // After the snapshot of the merge, before it looks into the source: it waits for the row in between.
        await db.withSession(async (other) => {
          await run(other, 'begin', 'select from song_plays_merged for update')
          const merging = mergeRollup(session, shape, patience)
          await waitUntil(async () => await isWaiting(db, session.pid), { what: 'the merge to wait' })
          await run(db, 'truncate plays')
          await run(other, 'commit')
          await merging
        })
        expect((await session.query(sql`select least::int from song_plays_merged`)).rows).toEqual([{ least: 1 }])
        await run(session, `insert into plays (song, at, amount, kind) values (1, '2026-03-28 10:30Z', 8, 'a')`)
        await mergeRollup(session, shape, patience)
        expect(await differences(session, shape)).toEqual([])
      })
    })

    test('what partitions that are gone had stays', async () => {
      const { db } = database()
      const [shape] = await readShapes(db)
      expect.assert(shape !== undefined)
      await run(
        db,
        'truncate plays',
        `insert into plays (song, at, amount, kind) values (1, '2026-03-28 10:10Z', 5, 'a'), (1, '2026-03-28 10:20Z', 1, 'a')`,
      )
      await db.withSession(async (session) => {
        await mergeRollup(session, shape, patience)
        await run(session, 'drop table plays_march')
        await mergeRollup(session, shape, patience)
        const { rows } = await session.query(
          sql`select plays::int, least::int, opening::int from song_plays where song = 1`,
        )
        expect(rows).toEqual([{ plays: 2, least: 1, opening: 5 }])
        await run(
          session,
          `create table plays_march partition of plays for values from ('2026-03-01') to ('2026-03-29')`,
        )
      })
    })

    test('are read over any span of time, the cut buckets from the table', async () => {
      const { db } = database()
      const [shape] = await readShapes(db)
      expect.assert(shape !== undefined)
      await run(
        db,
        'drop table plays cascade',
        'drop schema pgstrata cascade',
        'drop table song_plays_merged, by_day_merged, by_song_merged cascade',
      )
      await prepare(database())
      const [fresh] = await install(db, [rollupOf({ measures })])
      expect.assert(fresh !== undefined)
      await run(
        db,
        `insert into plays (song, at, amount, kind) values (1, '2026-03-28 10:10Z', 5, 'a'), (1, '2026-03-28 10:50Z', 1, 'a'), (1, '2026-03-28 12:20Z', 3, 'c'), (1, '2026-03-29 12:20Z', -4, 'd')`,
      )
      const reader = createReader<Declared>({ rollup: fresh.rollup, shape: fresh, query: (one) => db.query(one) })
      const between = async (from: string, to: string): Promise<unknown> =>
        (await reader.where({ song: 1 }).between(from, to).by('song').measures('least', 'closing', 'opening').rows())[0]
      expect(await between('2026-03-28T10:20:00Z', '2026-03-29T00:00:00Z')).toEqual({
        song: 1,
        least: '1',
        closing: 'c',
        opening: '1',
      })
      expect(await between('2026-03-28T10:00:00Z', '2026-03-28T10:20:00Z')).toEqual({
        song: 1,
        least: '5',
        closing: 'a',
        opening: '5',
      })
      const [first] = await reader.where({ song: 1 }).by('song').rows()
      expect(first).toMatchObject({ least: '-4', closing: 'd', opening: '5', Greatest: '10' })
    })

    test.each([
      ['of a type without an order', measure('spot', 'max', { of: 'point(1, 2)' })],
      ['of arrays, for the first', measure('tags', 'first', { of: `array['a']` })],
    ])('are refused %s', async (_what, one) => {
      const { db } = database()
      const error = await db
        .withSession((session) => inspectSource(session, rollupOf({ measures: [one] })))
        .catch((caught: unknown) => caught)
      expect.assert(isStrataError(error, 'ROLLUP_IMPOSSIBLE'), String(error))
      expect(error.message).toMatch(/has no (max|first) value/)
    })
  },
  prepare,
)

async function readShapes(db: Db): Promise<readonly Shape[]> {
  return await db.withSession(async (session) => {
    const shapes = []
    for (const rollup of rollups) shapes.push(shapeOf(rollup, await inspectSource(session, rollup)))
    return shapes
  })
}

async function isWaiting(db: Db, pid: number): Promise<boolean> {
  const { rowCount } = await db.query(sql`select from pg_locks where pid = ${pid} and not granted`)
  return rowCount > 0
}

interface Declared {
  readonly bucket: '1 hour'
  readonly by: readonly ['song']
  readonly measures: {
    readonly plays: { readonly kind: 'count' }
    readonly least: { readonly kind: 'min' }
    readonly Greatest: { readonly kind: 'max' }
    readonly opening: { readonly kind: 'first' }
    readonly closing: { readonly kind: 'last' }
    readonly newest: { readonly kind: 'last' }
  }
}
