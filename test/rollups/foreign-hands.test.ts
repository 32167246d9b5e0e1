// What others do to a table that rollups stand on, behind their back: rename, drop, detach, truncate, switch row security on.
// Numbers stay right where they can, and where they cannot the plan says what to do, which then helps.

import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { ensureInstalled } from '../../src/catalog/install.ts'
import type { Db } from '../../src/db/db.ts'
import { contributeRollups } from '../../src/rollups/plan/contribute.ts'
import type { Rollup } from '../../src/rollups/model/options.ts'
import { readInstalled } from '../../src/rollups/kept/queries.ts'
import { readRollupStatus } from '../../src/rollups/status.ts'
import type { Shape } from '../../src/rollups/model/shape.ts'
import { watchNew, type Watched } from '../../src/rollups/capture/watch.ts'
import { sql } from '../../src/sql/sql.ts'
import { testDatabase, versions, type TestDatabase } from '../support/postgres.ts'
import { differences, measure, rollupOf, run } from './support.ts'

const plays = measure('plays', 'count')
const earned = measure('earned', 'sum', { of: 'amount' })
const march = `'2026-03-29 12:00+00'`
const april = `'2026-04-02 12:00+00'`

describe.each(versions)('foreign hands on PostgreSQL %d', (version) => {
  let database: TestDatabase
  let db: Db
  beforeEach(async () => {
    database = await testDatabase(version)
    db = database.db
    await db.withSession((session) => ensureInstalled(session))
    await run(
      db,
      `create type mood as enum ('good', 'bad')`,
      `create table plays (song int, at timestamptz not null, amount numeric, mood mood default 'good') partition by range (at)`,
      `create table plays_03 partition of plays for values from ('2026-03-01Z') to ('2026-04-01Z')`,
      `insert into plays values (1, ${march}, 5)`,
    )
  })
  afterEach(() => database.close())

  interface Declared {
    readonly shapes: readonly Shape[]
    readonly held: readonly string[]
  }
  /** What `apply` does of rollups: each step a transaction. */
  async function declare(...rollups: readonly Rollup[]): Promise<Declared> {
    const left = await db.withSession(async (session) => {
      for (let round = 0; round < 3; round++) {
        const { steps } = await contributeRollups(session, rollups)
        for (const { statements } of steps) await run(session, 'begin', ...statements, 'commit')
      }
      return (await contributeRollups(session, rollups)).held ?? []
    })
    return { shapes: (await readInstalled(db)).map(({ shape }) => shape), held: left.map(({ why }) => why) }
  }
  const held = (what: string) => ({ held: [expect.stringContaining(what)] })
  const write = (columns = 'song, at, amount'): Promise<void> =>
    run(db, `insert into plays (${columns}) values (1, ${march}, 7)`)

  test.each([
    ['a column', { measures: [plays, earned] }, 'alter table plays rename column amount to price', 'price'],
    ['a value', { where: `mood = 'good'` }, `alter type mood rename value 'good' to 'fine'`, 'amount'],
  ] as const)('%s is renamed: the plan says so, and how writes go on', async (_what, said, renaming, column) => {
    await declare(rollupOf(said))
    await run(db, renaming)
    await expect(write(`song, at, ${column}`)).rejects.toThrow(/amount|good/)
    const [status] = await readRollupStatus(db, [rollupOf(said)], 'song_plays')
    expect(status?.findings).toContainEqual(expect.objectContaining({ what: expect.stringContaining('is refused') }))
    expect(await declare(rollupOf(said))).toMatchObject(held('whoever writes to it is refused'))
    await declare()
    await write(`song, at, ${column}`)
    const { shapes } = await declare(rollupOf({ measures: [plays, measure('earned', 'sum', { of: column })] }))
    await write(`song, at, ${column}`)
    expect(await differences(db, ...shapes)).toEqual([])
  })

  test('a measure that is declared otherwise after a renaming is held back: built beside, it would go on refusing writes', async () => {
    await declare(rollupOf())
    await run(db, 'alter table plays rename column amount to price')
    const declared = await declare(rollupOf({ measures: [plays, measure('earned', 'sum', { of: 'price' })] }))
    expect(declared).toMatchObject(held('whoever writes to it is refused'))
    expect((await readInstalled(db)).map(({ name }) => name)).toEqual(['song_plays'])
  })

  test.each([
    ['renamed', 'alter table plays rename to events', 'events'],
    ['moved', 'create schema other; alter table plays set schema other', 'other.plays'],
    ['dropped', 'drop table plays cascade', undefined],
  ])('the table is %s: plans go on, and the rollup goes when it is declared no more', async (_what, change, now) => {
    const other = rollupOf({ name: 'of_another', table: 'others', measures: [plays] })
    await run(db, 'create table others (song int, at timestamptz not null)')
    await declare(rollupOf(), other)
    await run(db, ...change.split('; '))
    expect(await declare(rollupOf(), other)).toMatchObject(held('there is no table'))
    const { shapes } = await declare(other)
    expect(shapes.map(({ rollup }) => rollup.name)).toEqual(['of_another'])
    if (now !== undefined) await run(db, `insert into ${now} (song, at) values (1, ${march})`, `truncate ${now}`)
    const { rows } = await db.query(sql`select relname from pg_class where relname like 'song\\_plays%'`)
    expect(rows).toEqual([])
  })

  test('row security that is switched on, and a time that may be null, are told', async () => {
    await declare(rollupOf())
    await run(db, 'alter table plays enable row level security')
    expect(await declare(rollupOf())).toMatchObject(held('row security'))
    expect(await declare(rollupOf({ rowSecurity: 'ignore' }))).toMatchObject({ held: [] })
    const single = rollupOf({ name: 'single_plays', table: 'single', measures: [plays] })
    await run(db, 'create table single (song int, at timestamptz not null)')
    await declare(rollupOf({ rowSecurity: 'ignore' }), single)
    await run(db, 'alter table single alter column at drop not null')
    expect(await declare(rollupOf({ rowSecurity: 'ignore' }), single)).toMatchObject(held('may be null'))
  })

  const watch = (): Promise<Watched> =>
    db.withSession((session) => watchNew(session, { schema: 'public', table: 'plays' }, { subscriber: false }))

  test('a partition that comes with rows is told, by the job and by a plan; one that goes is counted no more', async () => {
    const { shapes } = await declare(rollupOf())
    await run(
      db,
      'create table plays_04 (like plays including all)',
      `insert into plays_04 values (2, ${april}, 1)`,
      `alter table plays attach partition plays_04 for values from ('2026-04-01Z') to ('2026-05-01Z')`,
    )
    const [step] = await db.withSession(async (session) => (await contributeRollups(session, [rollupOf()])).steps)
    expect(step?.title).toContain('watch "public"."plays_04" (which has rows')
    for (const month of ['05', '06', '07', '08']) {
      await run(
        db,
        `create table plays_${month} partition of plays for values from ('2026-${month}-01Z') to ('2026-${month}-28Z')`,
      )
    }
    const [many] = await db.withSession(async (session) => (await contributeRollups(session, [rollupOf()])).steps)
    expect(many?.title).toMatch(
      /: watch "public"[.]"plays_04" [(]which has rows.+[)], "public"[.]"plays_05", "public"[.]"plays_06", and 2 more$/,
    )
    expect(many?.statements.join()).toContain('plays_08')
    await run(db, 'drop table plays_05, plays_06, plays_07, plays_08')
    expect(await watch()).toEqual({ taken: ['"public"."plays_04"'], withRows: ['"public"."plays_04"'], left: [] })
    await run(db, 'alter table plays detach partition plays_03')
    const before = (await db.query(sql`table song_plays`)).rows
    const [leaving] = await db.withSession(async (session) => (await contributeRollups(session, [rollupOf()])).steps)
    expect(leaving?.title).toContain('leave "public"."plays_03"')
    expect(await watch()).toEqual({ taken: [], withRows: [], left: ['"public"."plays_03"'] })
    await run(db, `insert into plays_03 values (1, ${march}, 1)`, 'delete from plays_03', 'truncate plays_03')
    expect((await db.query(sql`table song_plays`)).rows).toEqual(before)
    expect(await watch()).toEqual({ taken: [], withRows: [], left: [] })
    expect(shapes).toHaveLength(1)
  })

  test('a TRUNCATE takes away what is in partitions that came a moment ago, on any level, and once', async () => {
    const { shapes } = await declare(rollupOf())
    await run(
      db,
      `create table plays_04 partition of plays for values from ('2026-04-01Z') to ('2026-05-01Z') partition by hash (song)`,
      'create table plays_04_0 partition of plays_04 for values with (modulus 1, remainder 0)',
      `insert into plays values (2, ${april}, 1), (1, ${march}, 1)`,
      'truncate plays',
    )
    expect(await differences(db, ...shapes)).toEqual([])
    expect((await db.query(sql`select from song_plays`)).rowCount).toBe(0)
    await watch()
    await run(
      db,
      'drop table plays_04_0',
      'create table plays_04_1 partition of plays_04 for values with (modulus 1, remainder 0)',
      `insert into plays values (2, ${april}, 1), (1, ${march}, 1)`,
      'truncate plays_04',
    )
    expect(await differences(db, ...shapes)).toEqual([])
    await run(db, `insert into plays values (2, ${april}, 1)`, 'truncate plays')
    expect(await differences(db, ...shapes)).toEqual([])
  })

  test('a bucket is declared otherwise where partitions begin somewhere and none are gone, and not where one is', async () => {
    await run(db, `create table plays_04 partition of plays for values from ('2026-04-01Z') to ('2026-05-01Z')`)
    await run(db, `insert into plays values (2, ${april}, 1)`)
    const day = (count: 1): Rollup => rollupOf({ bucket: { column: 'at', span: { unit: 'day', count }, zone: 'UTC' } })
    const week = rollupOf({ bucket: { column: 'at', span: { unit: 'week', count: 1 }, zone: 'UTC' } })
    await declare(rollupOf())
    expect(await declare(week)).toMatchObject({ held: [] })
    const { shapes } = await declare(day(1))
    expect(shapes.map(({ rollup }) => rollup.bucket?.span.unit)).toEqual(['day'])
    expect(await differences(db, ...shapes)).toEqual([])
    await run(db, 'alter table plays detach partition plays_03', 'drop table plays_03')
    expect(await declare(week)).toMatchObject(held('partitions of its table are gone'))
  })
})
