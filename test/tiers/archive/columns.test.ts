// Which archived column is which of the table: known by number in the database in which it was archived, whatever partitions it came
// from, and by name in every other one; and what a person says of it holds for whoever goes on.

import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { systemClock } from '../../../src/base/clock.ts'
import type { Db } from '../../../src/db/db.ts'
import { createReader, type TierReader } from '../../../src/tiers/read/reader.ts'
import { openStore } from '../../../src/tiers/store/open.ts'
import type { Store } from '../../../src/tiers/store/store.ts'
import { testDatabase, versions, type TestDatabase } from '../../support/postgres.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'
import { recordOf, rowsOf, run } from '../exchange-support.ts'
import { applyTiers, createEvents, once } from '../move-support.ts'
import { s3Options } from '../store/store-support.ts'
import { duck } from './archive-support.ts'
import { events, first, openMover, type Mover } from './life-support.ts'

const [version] = versions

describe('columns of a partition that is archived', () => {
  let database: TestDatabase
  let db: Db
  let store: Store
  let base: string
  let mover: Mover

  beforeEach(async () => {
    if (version === undefined) throw new Error('No version is tested')
    database = await testDatabase(version)
    db = database.db
    await createEvents(db, events)
    base = await temporaryFolder()
    store = openStore({ to: join(base, 'store'), s3: s3Options('http://none') })
    mover = openMover(db, { store, work: join(base, 'work') })
  })
  afterEach(() => database.close())

  const reader = (): TierReader =>
    createReader({
      db,
      table: events,
      openCold: () => ({
        storeAt: () => store,
        duck,
        workDir: join(base, 'work'),
        cache: { dir: join(base, 'cache'), sizeBytes: 1024 ** 3 },
        clock: systemClock,
        close: () => undefined,
      }),
    })

  /** With a gap in the numbers of the table that the partition, made anew, does not have. */
  async function makeGap(): Promise<void> {
    await run(
      db,
      'alter table events add column gap int',
      'alter table events drop column gap',
      'alter table events add column b int',
      'create table anew (like events including all)',
      `insert into anew (id, at, kind, amount, note, b) select id, at, kind, amount, note, id % 7 from ${first}`,
      `drop table ${first}`,
      `alter table anew rename to ${first}`,
      `alter table events attach partition ${first} for values from ('2026-01-01 00:00Z') to ('2026-01-02 00:00Z')`,
    )
    await applyTiers(db, [events])
  }

  async function archive(): Promise<void> {
    await mover.move('archive')
    await mover.move('drop')
  }

  /** As if it had been archived in the database of which this one is a copy. */
  const goElsewhere = (): Promise<void> => run(db, `update pgstrata.archive set numbered_in = 'another one'`)

  const sumOfB = 'select coalesce(sum(b), 0) as sum from events'

  test('are those of the table, where the partition has other numbers', async () => {
    await makeGap()
    const before = await rowsOf(db, 'events')
    const [sum] = await rowsOf(db, `(${sumOfB})`)
    await archive()
    expect(await reader().in('cold').sum('b')).toBe(sum?.replaceAll(/[()]/g, ''))
    expect(await reader().where({ b: 3 }).count()).toBe(28)
    expect(await mover.move('restore')).toMatchObject({ state: 'hot' })
    expect(await rowsOf(db, 'events')).toEqual(before)
  })

  test('are known by their names where the numbers are those of another database', async () => {
    await makeGap()
    const before = await rowsOf(db, 'events')
    await archive()
    await goElsewhere()
    // Of the number that another column had there.
    await run(
      db,
      `update pgstrata.archive set columns = (
      select jsonb_agg(one || jsonb_build_object('attnum', (one ->> 'attnum')::int + 1)) from jsonb_array_elements(columns) as one)`,
    )
    expect(await reader().where({ b: 3 }).count()).toBe(28)
    expect(await mover.move('restore')).toMatchObject({ state: 'hot' })
    expect(await rowsOf(db, 'events')).toEqual(before)
  })

  test('are never guessed where the names do not tell: not by a number, and not as nothing', async () => {
    await archive()
    await goElsewhere()
    await run(db, 'drop view events_history', 'alter table events rename column note to remark')
    await applyTiers(db, [events])
    await expect(reader().in('cold').count()).rejects.toMatchObject({ code: 'ARCHIVE_SCHEMA' })
    await expect(mover.move('restore')).rejects.toMatchObject({ code: 'ARCHIVE_SCHEMA' })
    const fitting = { without: [], renamed: { note: 'remark' } }
    expect(await mover.move('restore', { fitting })).toMatchObject({ state: 'hot', fitting: null })
  })

  test('follow their numbers here, also where two have changed their names', async () => {
    await run(db, `alter table events add column title text`, `update events set title = 'title ' || id`)
    await applyTiers(db, [events])
    await run(db, 'drop view events_history')
    await applyTiers(db, [events])
    await archive()
    await run(
      db,
      'drop view events_history',
      'alter table events rename column note to passing',
      'alter table events rename column title to note',
      'alter table events rename column passing to title',
    )
    await applyTiers(db, [events])
    expect(await reader().in('cold').where({ note: 'title 100007', title: 'note 7' }).count()).toBe(1)
    await mover.move('restore')
    expect(await reader().in('hot').where({ note: 'title 100007', title: 'note 7' }).count()).toBe(1)
  })

  test('what was said of them holds for whoever goes on where a restore ended', async () => {
    await archive()
    await run(db, 'drop view events_history', 'alter table events drop column note')
    await applyTiers(db, [events])
    await expect(mover.move('restore')).rejects.toMatchObject({ code: 'ARCHIVE_SCHEMA' })
    const died = new Error('it was killed')
    const { onCommit } = once('restore:loading', () => Promise.reject(died))
    const fitting = { without: ['note'], renamed: {} }
    await expect(mover.move('restore', { fitting, onCommit })).rejects.toBe(died)
    expect(await recordOf(db, events, first)).toMatchObject({ state: 'restore:loading', fitting })
    // The job says nothing of columns.
    expect(await mover.move('restore')).toMatchObject({ state: 'hot', fitting: null })
    expect(await reader().count()).toBe(1_200)
  })

  test('what is said of them otherwise when they are loaded already is not attached', async () => {
    await run(db, 'alter table events add column other text')
    await applyTiers(db, [events])
    await archive()
    const died = new Error('it was killed')
    const { onCommit } = once('restore:attaching', () => Promise.reject(died))
    const without = ['other']
    await expect(mover.move('restore', { fitting: { without, renamed: {} }, onCommit })).rejects.toBe(died)
    const fitting = { without, renamed: { note: 'other' } }
    const { seen, onCommit: told } = once('', async () => {})
    expect(await mover.move('restore', { fitting, onCommit: told })).toMatchObject({ state: 'hot', fitting: null })
    expect(seen).toEqual(['restore:fetching', 'restore:loading', 'restore:attaching', 'hot'])
    expect(await reader().where({ note: null, other: 'note 7' }).count()).toBe(1)
  })
})
