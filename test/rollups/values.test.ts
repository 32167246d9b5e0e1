// Measures of values are exact at once: at every step each session sees in a rollup what a recompute in its own snapshot gives,
// and a percentile that is as near to it as was asked for.

import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Db, Session } from '../../src/db/db.ts'
import { openDb } from '../../src/db/pg-db.ts'
import { mergeRollup, rebuildRange } from '../../src/rollups/merge/merge.ts'
import type { Shape } from '../../src/rollups/model/shape.ts'
import { sql } from '../../src/sql/sql.ts'
import { isConnectionLost, sqlstate, sqlstateOf } from '../../src/sql/sqlstate.ts'
import { describeOnEachVersion } from '../support/postgres.ts'
import { checkProperty } from '../support/property.ts'
import { install, measure, patience, rollupOf, run } from './support.ts'
import { differencesText } from './values-truth.ts'

const measures = [
  measure('plays', 'count'),
  measure('Listeners', 'countDistinct', { of: 'listener', filter: "kind <> 'b'" }),
  measure('usual', 'mode', { of: 'kind' }),
  measure('most', 'topK', { of: 'listener', most: 2 }),
  measure('middle', 'percentile', { of: 'amount', fraction: 0.5 }),
  measure('high', 'percentile', { of: 'amount * 2', fraction: 0.9, error: 0.1, filter: 'listener is not null' }),
]

const rollups = [
  rollupOf({ measures }),
  rollupOf({
    name: 'by_day',
    bucket: { column: 'at', span: { unit: 'day', count: 1 }, zone: 'Europe/Berlin' },
    by: ['kind', 'song'],
    where: 'song is distinct from 3',
    measures: measures.slice(0, 3),
  }),
  rollupOf({ name: 'by_song', bucket: undefined, measures: [measures[1] ?? measure('n', 'count')] }),
  rollupOf({ name: 'all_plays', bucket: undefined, by: [], measures: measures.slice(0, 5) }),
]

const at = fc.integer({ min: 0, max: 40 }).map((hours) => `timestamptz '2026-03-28 00:00Z' + interval '${hours} hours'`)
const amount = fc.constantFrom(
  'null',
  '0',
  '1.5',
  '-2',
  '7',
  '7.05',
  '-1e10',
  '1e-9',
  `'NaN'`,
  `'Infinity'`,
  `'-Infinity'`,
)
const row = fc
  .tuple(
    fc.constantFrom('null', '1', '2', '3'),
    at,
    amount,
    fc.constantFrom('a', 'b', 'c'),
    fc.constantFrom('null', '1', '2', '3', '4'),
  )
  .map((values) => `(${values.map((value, place) => (place === 3 ? `'${value}'` : value)).join(', ')})`)
const rows = fc.array(row, { minLength: 1, maxLength: 5 }).map((some) => some.join(', '))
const which = fc.constantFrom(
  'song = 1',
  'song is null',
  `kind = 'a'`,
  'amount > 0',
  'listener = 2',
  'true',
  'id % 3 = 0',
)
const set = fc.constantFrom(
  'amount = amount',
  'amount = 3',
  'listener = 1',
  'listener = null',
  'song = 2',
  `at = at + interval '5 hours'`,
  `kind = 'c'`,
  `kind = case kind when 'a' then 'b' else 'a' end`,
)
const columns = 'plays (song, at, amount, kind, listener)'
const dml = fc.oneof(
  { weight: 5, arbitrary: rows.map((some) => `insert into ${columns} values ${some}`) },
  { weight: 4, arbitrary: fc.tuple(set, which).map(([change, where]) => `update plays set ${change} where ${where}`) },
  { weight: 3, arbitrary: which.map((where) => `delete from plays where ${where}`) },
  { weight: 1, arbitrary: which.map((where) => `update plays_march set listener = 4 where ${where}`) },
  { weight: 1, arbitrary: fc.constantFrom('truncate plays', 'truncate plays_march') },
)

type Move =
  | { readonly kind: 'dml' | 'end'; readonly text: string }
  | { readonly kind: 'merge' }
  | { readonly kind: 'killed'; readonly after: number }
  | { readonly kind: 'rebuild'; readonly from: string; readonly to: string | undefined }

const move: fc.Arbitrary<Move> = fc.oneof(
  { weight: 9, arbitrary: dml.map((text): Move => ({ kind: 'dml', text })) },
  {
    weight: 6,
    arbitrary: fc
      .constantFrom('begin', 'begin isolation level repeatable read', 'commit', 'commit', 'rollback')
      .map((text): Move => ({ kind: 'end', text })),
  },
  { weight: 3, arbitrary: fc.constant<Move>({ kind: 'merge' }) },
  // Before its first statement, up to after its commit.
  { weight: 1, arbitrary: fc.nat(12).map((after): Move => ({ kind: 'killed', after })) },
  {
    weight: 1,
    arbitrary: fc.constantFrom('2026-03-28', '2026-03-29').map((from): Move => ({
      kind: 'rebuild',
      from: `${from} 00:00+01`,
      to: from === '2026-03-28' ? '2026-03-29 00:00+01' : undefined,
    })),
  },
)

interface World {
  readonly shapes: readonly Shape[]
  readonly sessions: readonly Session[]
  readonly merger: Session
  /** Of those that are killed: each time another connection. */
  readonly doomed: Db
}

describeOnEachVersion('measures of values', (_version, database) => {
  test('are what a recompute gives, whatever sessions do', async () => {
    const { db, url } = database()
    await run(
      db,
      `create table plays (id bigint generated always as identity, song int, at timestamptz not null, amount numeric, kind text not null, listener int) partition by range (at)`,
      `create table plays_march partition of plays for values from ('2026-03-01') to ('2026-03-29')`,
      `create table plays_rest partition of plays default`,
    )
    const shapes = await install(db, rollups)
    const doomed = openDb({ url, max: 1 })
    try {
      await withSessions(db, [], async ([merger, ...sessions]) => {
        if (merger === undefined) return
        for (const session of sessions) await run(session, `set lock_timeout = '20ms'`)
        for (const session of [merger, ...sessions])
          await run(session, 'set jit = off', `prepare look as ${differencesText(shapes)}`)
        await checkProperty(
          'values',
          fc.array(fc.tuple(fc.nat(1), move), { minLength: 5, maxLength: 16 }),
          async (moves) => await playAll({ shapes, sessions, merger, doomed }, moves),
          { runs: 30 },
        )
      })
    } finally {
      await doomed.close({ now: true })
    }
  })
})

async function withSessions(
  db: Db,
  open: readonly Session[],
  work: (sessions: readonly Session[]) => Promise<void>,
): Promise<void> {
  if (open.length === 3) await work(open)
  else await db.withSession(async (session) => await withSessions(db, [...open, session], work))
}

async function playAll(world: World, moves: readonly (readonly [number, Move])[]): Promise<void> {
  const { sessions, merger, shapes } = world
  try {
    await run(merger, 'delete from plays')
    for (const [number, one] of moves) {
      const acting = sessions[number] ?? merger
      await play(world, acting, one)
      await expectExact(acting)
    }
    for (const session of sessions) {
      await expectExact(session)
      await run(session, 'rollback')
    }
    await play(world, merger, { kind: 'merge' })
    await expectExact(merger)
    expect(await leftOver(merger, shapes)).toEqual([])
  } finally {
    for (const session of sessions) await run(session, 'rollback')
  }
}

/** Behind a merge nothing is pending, and no number is 0. */
async function leftOver(session: Session, shapes: readonly Shape[]): Promise<readonly unknown[]> {
  const found = []
  for (const { rollup, values = [] } of shapes) {
    for (const { name } of values) {
      const table = `${rollup.name}_${name}_values`
      const { rows: left } = await session.query(
        sql`select n from ${sql.ident('pgstrata', table)} where n <= 0 union all select n from ${sql.ident('pgstrata', `${table}_delta`)}`,
      )
      found.push(...left)
    }
  }
  return found
}

async function play({ shapes, merger, doomed }: World, session: Session, one: Move): Promise<void> {
  if (one.kind === 'merge') for (const shape of shapes) await mergeRollup(merger, shape, patience)
  else if (one.kind === 'killed') await mergeAndDie({ doomed, merger, shapes, after: one.after })
  else if (one.kind === 'rebuild') {
    for (const shape of shapes) await rebuildRange(merger, shape, one, { lockTimeoutMs: 20 }).catch(forgive)
  } else {
    await run(session, one.text).catch(async (error: unknown) => {
      forgive(error)
      await run(session, 'rollback')
    })
  }
}

interface Death {
  readonly doomed: Db
  readonly merger: Session
  readonly shapes: readonly Shape[]
  /** So many of its statements are let through. */
  readonly after: number
}

async function mergeAndDie({ doomed, merger, shapes, after }: Death): Promise<void> {
  let left = after
  const [shape] = shapes
  if (shape === undefined) return
  await doomed
    .withSession(async (session) => {
      const query: Session['query'] = async (statement) => {
        if (left-- === 0) await merger.query(sql`select pg_terminate_backend(${session.pid}, 10000)`)
        return await session.query(statement)
      }
      await mergeRollup({ ...session, query }, shape, patience)
    })
    .catch((error: unknown) => {
      if (!isConnectionLost(error)) throw error
    })
}

/** What sessions that get into each other's way are told, and what is said to a BEGIN inside of a transaction. */
const expected = new Set(['25001', '55P03', '40001', '40P01', '25P01', '0A000'])

function forgive(error: unknown): void {
  if (!expected.has(sqlstateOf(error) ?? '')) throw error
}

/** Whoever truncates keeps others from looking: that one sees nothing, and its transaction is over. */
async function expectExact(session: Session): Promise<void> {
  const found = await session.query(sql`execute look`).catch(async (error: unknown) => {
    if (sqlstateOf(error) !== sqlstate.lockNotAvailable) throw error
    await run(session, 'rollback')
    return { rows: [] }
  })
  expect(found.rows).toEqual([])
}
