// A rollup whose declaration changes at random between statements, merges and kills: what is read is, at every step, what a
// recompute gives of the measures that are declared by then.

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { isStrataError } from '../../src/base/errors.ts'
import { systemClock } from '../../src/base/clock.ts'
import { ensureInstalled } from '../../src/catalog/install.ts'
import type { Session } from '../../src/db/db.ts'
import { contributeRollups } from '../../src/rollups/plan/contribute.ts'
import { mergeRollup } from '../../src/rollups/merge/merge.ts'
import type { Rollup } from '../../src/rollups/model/options.ts'
import { readInstalled } from '../../src/rollups/kept/queries.ts'
import { isAdditive, type Shape } from '../../src/rollups/model/shape.ts'
import { verifyRollup } from '../../src/rollups/merge/verify.ts'
import { describeOnEachVersion } from '../support/postgres.ts'
import { checkProperty } from '../support/property.ts'
import { differences, measure, patience, rollupOf, run } from './support.ts'

const plays = measure('plays', 'count')
const earned = measure('earned', 'sum', { of: 'amount' })
const gifts = measure('gifts', 'count', { filter: `kind = 'a'` })
const best = measure('best', 'max', { of: 'amount' })
const latest = measure('latest', 'last', { of: 'kind' })
const kinds = measure('kinds', 'countDistinct', { of: 'kind', windows: true })
const windows = [{ name: '2d', span: { unit: 'day', count: 2 } }] as const
const totals = { windows, compute: [{ name: 'score', value: 'plays_2d * 3' }], index: [] }

const declarations: readonly Rollup[] = [
  rollupOf({ measures: [plays] }),
  rollupOf({ measures: [plays, earned, best] }),
  rollupOf({ measures: [gifts, earned, latest], totals }),
  rollupOf({ measures: [plays, earned], totals: { ...totals, windows: [], compute: [] } }),
  rollupOf({ by: ['kind'], measures: [plays, best], totals }),
  rollupOf({
    bucket: { column: 'at', span: { unit: 'day', count: 1 }, zone: 'Europe/Berlin' },
    where: 'amount > 0',
    measures: [plays, gifts],
  }),
  rollupOf({ measures: [plays, measure('earned', 'sum', { of: 'amount * 2' })] }),
  rollupOf({ bucket: undefined, measures: [plays, kinds], totals: { windows: [], compute: [], index: [] } }),
  rollupOf({ bucket: undefined, measures: [plays, measure('kinds', 'countDistinct', { of: 'kind' })] }),
]

type Move =
  | { readonly kind: 'dml'; readonly text: string }
  | { readonly kind: 'declare'; readonly which: number; readonly killedAt: number | null }
  | { readonly kind: 'merge' }
  | { readonly kind: 'stale merge' }

const hour = fc.integer({ min: 0, max: 60 }).map((hours) => `now() - interval '${hours} hours'`)
const row = fc
  .tuple(fc.constantFrom('null', '1', '2'), hour, fc.constantFrom('null', '1.5', '-2', '7'), fc.constantFrom('a', 'b'))
  .map(([song, at, amount, kind]) => `(${song}, ${at}, ${amount}, '${kind}')`)
const dml = fc.oneof(
  fc.array(row, { minLength: 1, maxLength: 4 }).map((rows) => `insert into plays values ${rows.join(', ')}`),
  fc.constantFrom('song = 1', `kind = 'a'`, 'true').map((where) => `delete from plays where ${where}`),
  fc
    .constantFrom('amount = 3', `kind = 'c'`, `at = at - interval '5 hours'`)
    .map((set) => `update plays set ${set} where song = 2`),
)
const move: fc.Arbitrary<Move> = fc.oneof(
  { weight: 4, arbitrary: dml.map((text): Move => ({ kind: 'dml', text })) },
  {
    weight: 3,
    arbitrary: fc
      .tuple(fc.nat(declarations.length - 1), fc.option(fc.nat(30), { freq: 3 }))
      .map(([which, killedAt]): Move => ({ kind: 'declare', which, killedAt })),
  },
  { weight: 2, arbitrary: fc.constantFrom<Move>({ kind: 'merge' }, { kind: 'stale merge' }) },
)

describeOnEachVersion('a rollup whose declaration changes', (_version, database) => {
  test('is what a recompute gives, at every step', async () => {
    const { db } = database()
    await db.withSession(async (session) => await ensureInstalled(session))
    await run(
      db,
      'create table plays (song int, at timestamptz not null, amount numeric, kind text)',
      'create index on plays (at)',
    )
    await db.withSession(async (session) => {
      await checkProperty(
        'declarations that change',
        fc.array(move, { minLength: 4, maxLength: 12 }),
        async (moves) => await playAll(session, moves),
        { runs: 10 },
      )
    })
  })
})

async function playAll(session: Session, moves: readonly Move[]): Promise<void> {
  await run(session, 'delete from plays')
  await declare(session, declarations[0])
  let stale = await kept(session)
  for (const one of moves) {
    if (one.kind === 'dml') await run(session, one.text)
    else if (one.kind === 'merge') await mergeRollup(session, await kept(session), patience)
    else if (one.kind === 'stale merge') {
      // By whoever has not heard of the change: it does nothing, or what is right.
      await mergeRollup(session, stale, patience).catch((error: unknown) => {
        if (!isStrataError(error, 'ROLLUP_STATE')) throw error
      })
    } else {
      stale = await kept(session)
      await declare(session, declarations[one.which], one.killedAt)
    }
    await expectExact(session)
  }
  await mergeRollup(session, await kept(session), patience)
  const verifying = { fix: false, floor: 'none', ...patience, clock: systemClock } as const
  expect(await verifyRollup(session, await kept(session), verifying)).toMatchObject({ different: 0, totals: 0 })
}

/** Plans and applies until there is nothing more to do; `killedAt`: so many statements in, all of its step is undone, once. */
async function declare(session: Session, rollup: Rollup | undefined, killedAt: number | null = null): Promise<void> {
  if (rollup === undefined) throw new Error('There is no such declaration')
  let left = killedAt ?? Infinity
  for (let round = 0; round < 6; round++) {
    const { steps } = await contributeRollups(session, [rollup])
    if (steps.length === 0) return
    for (const { statements } of steps) {
      await run(session, 'begin')
      const isDone = await runUntil(session, statements, left)
      await run(session, isDone ? 'commit' : 'rollback')
      left = isDone ? left - statements.length : Infinity
      if (!isDone) break
    }
    await expectExact(session)
  }
  throw new Error('It is never done')
}

async function runUntil(session: Session, statements: readonly string[], most: number): Promise<boolean> {
  for (const [place, statement] of statements.entries()) {
    if (place >= most) return false
    await run(session, statement)
  }
  return true
}

async function kept(session: Session): Promise<Shape> {
  const found = (await readInstalled(session)).find(({ name }) => name === 'song_plays')
  if (found === undefined) throw new Error('It is not kept')
  return found.shape
}

/** What can be added up; of the others the tests of extremes tell. */
async function expectExact(session: Session): Promise<void> {
  const installed = (await readInstalled(session)).find(({ name }) => name === 'song_plays')
  if (installed === undefined) return
  const { shape } = installed
  const measures = shape.rollup.measures.filter(isAdditive)
  const outputs = shape.outputs.filter(({ name }) => measures.some((one) => one.name === name))
  expect(await differences(session, { ...shape, rollup: { ...shape.rollup, measures }, outputs })).toEqual([])
}
