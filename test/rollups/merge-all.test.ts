// Merging all rollups by hand: each by its own lock, two at once, and what fails stops no other.

import { expect, test } from 'vitest'
import { systemClock } from '../../src/base/clock.ts'
import { isStrataError } from '../../src/base/errors.ts'
import { ensureInstalled } from '../../src/catalog/install.ts'
import { createRollups, type Rollups } from '../../src/rollups/facade.ts'
import { insertRollup } from '../../src/rollups/kept/queries.ts'
import type { Rollup } from '../../src/rollups/model/options.ts'
import { sql } from '../../src/sql/sql.ts'
import { sqlstateOf } from '../../src/sql/sqlstate.ts'
import { describeOnEachVersion, type TestDatabase } from '../support/postgres.ts'
import { install, rollupOf, run } from './support.ts'

const declared: readonly Rollup[] = [
  rollupOf(),
  rollupOf({ name: 'full', bucket: undefined }),
  rollupOf({ name: 'by_day', by: [] }),
]

async function openRollups({ db }: TestDatabase, states: readonly ('live' | 'filling')[]): Promise<Rollups> {
  await run(
    db,
    'drop schema public cascade',
    'create schema public',
    'drop schema if exists pgstrata cascade',
    'create table plays (song int, at timestamptz not null, amount int8)',
  )
  await db.withSession((session) => ensureInstalled(session))
  const shapes = await install(db, declared)
  for (const [place, shape] of shapes.entries()) await run(db, insertRollup(shape, states[place] ?? 'live'))
  return createRollups({ db, rollups: declared, clock: systemClock })
}

const insert = `insert into plays select n % 3, timestamptz '2026-01-01' + n * interval '1 hour', n from generate_series(1, 9) n`

describeOnEachVersion('merging all rollups', (_version, database) => {
  test('answers with what each of them had, in the order of the declaration, and tells as it goes', async () => {
    const rollups = await openRollups(database(), [])
    const { db } = database()
    await run(db, insert)
    const told: string[] = []
    const merged = await rollups.merge({ onMerged: ({ name }) => told.push(name) })
    expect(merged).toEqual([
      { name: 'song_plays', rows: 9 },
      { name: 'full', rows: 3 },
      { name: 'by_day', rows: 9 },
    ])
    expect(told.toSorted()).toEqual(['by_day', 'full', 'song_plays'])
    expect(await rollups.merge()).toEqual(merged.map(({ name }) => ({ name, rows: 0 })))
  })

  test('leaves out what is not filled yet', async () => {
    const rollups = await openRollups(database(), ['live', 'filling'])
    await run(database().db, insert)
    expect((await rollups.merge()).map(({ name }) => name)).toEqual(['song_plays', 'by_day'])
  })

  test('merges the others where one fails, and then says why', async () => {
    const { db } = database()
    const rollups = await openRollups(database(), [])
    await run(db, insert, `alter table pgstrata.full_lock rename to full_gone`)
    const failed = await rollups.merge().catch((error: unknown) => error)
    expect(sqlstateOf(failed)).toBe('42P01')
    const pending = async (name: string): Promise<number> =>
      (await db.query(sql.raw(`select from pgstrata."${name}_delta"`))).rows.length
    expect([await pending('song_plays'), await pending('full'), await pending('by_day')]).toEqual([0, 3, 0])
  })

  test('does nothing for who has given up', async () => {
    const rollups = await openRollups(database(), [])
    await run(database().db, insert)
    const signal = AbortSignal.abort()
    await expect(rollups.merge({ signal })).rejects.toMatchObject({ code: 'INTERRUPTED' })
    expect((await database().db.query(sql`select from pgstrata.full_delta`)).rows).toHaveLength(3)
  })

  test('one that is not there is still an error by its name', async () => {
    const rollups = await openRollups(database(), [])
    const error = await rollups.merge('nothing').catch((caught: unknown) => caught)
    expect.assert(isStrataError(error, 'ROLLUP_UNKNOWN'), String(error))
  })
})
