// The engine that every feature's plans run on: order, journal, resume, drift. The contribution here is a small
// feature of the test's own that keeps a table, an index built concurrently and a view.

import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { systemClock } from '../../src/base/clock.ts'
import { schemaVersions } from '../../src/catalog/versions.ts'
import type { Db, Session } from '../../src/db/db.ts'
import { openDb } from '../../src/db/pg-db.ts'
import {
  applyPlan,
  hasWork,
  readPlan,
  renderPlan,
  type ApplyEvent,
  type ApplyOptions,
  type Contribution,
} from '../../src/plan/index.ts'
import { sql } from '../../src/sql/sql.ts'
import { testDatabase, versions, type TestDatabase } from '../support/postgres.ts'
import { waitUntil } from '../support/wait.ts'

const viewText = 'create or replace view shelf_view as select id from shelf'

/** Desired − actual, as a feature computes it. `wide`: the view is wanted with one more column. */
async function contribute(on: Db | Session, wide = false): Promise<Contribution[]> {
  const { rows } = await on.query<{ table: boolean; index: boolean; view: boolean; columns: string }>(sql`
    select to_regclass('shelf') is not null as "table",
      exists (select from pg_index where indexrelid = to_regclass('shelf_label_idx') and indisvalid) as index,
      to_regclass('shelf_view') is not null as view,
      (select count(*) from pg_attribute where attrelid = to_regclass('shelf_view') and attnum > 0) as columns`)
  const [found] = rows
  const table = {
    title: 'Create shelf',
    statements: ['create table shelf (id int primary key, label text)', "insert into shelf values (1, 'one')"],
    undo: ['drop table shelf'],
  }
  const index = {
    title: 'Index shelf',
    statements: ['create index concurrently shelf_label_idx on shelf (label)'],
    undo: ['drop index concurrently shelf_label_idx'],
  }
  const view = {
    title: 'View of shelf',
    statements: [wide ? viewText.replace('id', 'id, label') : viewText],
    undo: ['drop view shelf_view'],
    changes: ['view public.shelf_view'],
  }
  return [
    {
      feature: 'test',
      steps: [
        ...(found?.table === true ? [] : [table]),
        ...(found?.index === true ? [] : [index]),
        ...(found?.view === true && Number(found.columns) === (wide ? 2 : 1) ? [] : [view]),
      ],
      manages: [
        { identity: 'table public.shelf', ref: { kind: 'table', schema: 'public', name: 'shelf' } },
        {
          identity: 'view public.shelf_view',
          ref: { kind: 'view', schema: 'public', name: 'shelf_view' },
          restore: [viewText],
        },
      ],
    },
  ]
}

describe.each(versions)('plan and apply on PostgreSQL %d', (version) => {
  let database: TestDatabase
  let db: Db
  const apply = (options: Partial<ApplyOptions> = {}): ReturnType<typeof applyPlan> =>
    applyPlan({
      db,
      contribute,
      ladder: { firstTimeoutMs: 50, lastTimeoutMs: 100, tries: 3, concurrentTimeoutMs: 10_000 },
      waitMs: 5_000,
      clock: systemClock,
      random: () => 0.5,
      ...options,
    })
  const plan = async (): ReturnType<typeof readPlan> => await readPlan(db, await contribute(db))

  beforeEach(async () => {
    database = await testDatabase(version)
    db = database.db
  })
  afterEach(() => database.close())

  test('a plan says what it does, what it locks and how to take it back; applying it twice does nothing', async () => {
    const first = await plan()
    expect(first.steps.map(({ title, transactional, cost, locks }) => ({ title, transactional, cost, locks }))).toEqual(
      [
        { title: 'Create shelf', transactional: true, cost: 'scan', locks: [{ mode: 'ROW EXCLUSIVE', on: '"shelf"' }] },
        {
          title: 'Index shelf',
          transactional: false,
          cost: 'build',
          locks: [{ mode: 'SHARE UPDATE EXCLUSIVE', on: '"shelf"' }],
        },
        { title: 'View of shelf', transactional: true, cost: 'catalog', locks: [] },
      ],
    )
    expect(renderPlan(first)).toContain('undo:  drop index concurrently shelf_label_idx')
    expect((await plan()).steps.map((step) => step.id)).toEqual(first.steps.map((step) => step.id))
    expect((await apply()).applied.map((step) => step.title).slice(schemaVersions.length)).toEqual([
      'Create shelf',
      'Index shelf',
      'View of shelf',
    ])
    expect((await apply()).applied).toEqual([])
    expect(hasWork(await plan())).toBe(false)
  })

  test('an apply that failed between statements is finished by the next, with nothing twice', async () => {
    const held = await holdTable(database.url, 'create table blocker (id int)', 'lock table blocker')
    const failing: Contribution[] = [
      {
        feature: 'test',
        steps: [
          {
            title: 'Three',
            statements: [
              'create table one (n int)',
              'vacuum one',
              'insert into one values (1)',
              'vacuum one',
              'alter table blocker add column a int',
            ],
            undo: null,
          },
        ],
        manages: [],
      },
    ]
    await expect(apply({ contribute: () => Promise.resolve(failing) })).rejects.toMatchObject({ code: 'LOCK_TIMEOUT' })
    await held.release()
    expect((await plan()).unfinished).toMatchObject([{ title: 'Three', statementsDone: 4 }])
    const events: ApplyEvent[] = []
    await apply({ contribute: () => Promise.resolve([]), onEvent: (event) => events.push(event) })
    expect(events[0]).toMatchObject({ type: 'resumed', title: 'Three', statementsDone: 4 })
    expect((await db.query(sql`select n from one`)).rows).toEqual([{ n: 1 }])
    expect((await plan()).unfinished).toEqual([])
  })

  test('a failing step is named, and the next apply runs it again', async () => {
    const bad: Contribution[] = [
      {
        feature: 'test',
        steps: [{ title: 'Bad', statements: ['alter table nowhere add column a int'], undo: null }],
        manages: [],
      },
    ]
    await expect(apply({ contribute: () => Promise.resolve(bad) })).rejects.toMatchObject({
      code: 'APPLY_FAILED',
      message: expect.stringContaining('Bad:1'),
    })
  })

  test('what was changed by hand is shown, and never overwritten silently', async () => {
    await apply()
    await db.query(sql.raw(`create or replace view shelf_view as select id + 1 - 1 as id from shelf`))
    const drifted = await plan()
    expect(drifted.drift).toMatchObject([
      { identity: 'view public.shelf_view', kind: 'changed', canRestore: true, holds: [] },
    ])
    expect(drifted.drift[0]?.diff.join('\n')).toMatch(/^\+ .*1/m)
    // No step wants to touch it: apply goes on, and keeps saying so.
    await apply()
    expect((await plan()).drift).toHaveLength(1)
    // A step that would replace it is held until somebody decides.
    const wide = (on: Session): Promise<Contribution[]> => contribute(on, true)
    await expect(apply({ contribute: wide })).rejects.toMatchObject({ code: 'PLAN_DRIFT', exitCode: 5 })
    expect(await apply({ overwrite: ['view public.shelf_view'] })).toMatchObject({
      overwritten: ['view public.shelf_view'],
    })
    expect((await plan()).drift).toEqual([])
    await db.query(sql.raw(`comment on view shelf_view is 'mine'`))
    expect(await apply({ accept: ['view public.shelf_view'] })).toMatchObject({ accepted: ['view public.shelf_view'] })
    expect(hasWork(await plan())).toBe(false)
    await expect(apply({ accept: ['view public.other'] })).rejects.toMatchObject({ code: 'USAGE' })
  })

  test('a table changed by hand can only be accepted, one that is gone is made again', async () => {
    await apply()
    await db.query(sql`alter table shelf add column extra int`)
    await expect(apply({ overwrite: ['table public.shelf'] })).rejects.toMatchObject({
      code: 'PLAN_DRIFT',
      message: expect.stringContaining('cannot be put back'),
    })
    await apply({ accept: ['table public.shelf'] })
    await db.query(sql`drop table shelf cascade`)
    expect((await plan()).drift.map((drift) => drift.kind)).toEqual(['missing', 'missing'])
    await apply()
    expect(hasWork(await plan())).toBe(false)
  })

  test('one apply at a time', async () => {
    const other = openDb({ url: database.url })
    const reports = await Promise.all([apply(), apply({ db: other })])
    expect(reports.map((report) => report.applied.length).toSorted((left, right) => left - right)).toEqual([
      0,
      3 + schemaVersions.length,
    ])
    await other.close()
  })

  test('a schema made by a newer version is left alone', async () => {
    await apply()
    await db.query(sql`insert into pgstrata.installation (version) values (9999)`)
    await expect(apply()).rejects.toMatchObject({ code: 'SCHEMA_NEWER' })
  })
})

async function holdTable(url: string, create: string, lock: string): Promise<{ release(): Promise<void> }> {
  const db = openDb({ url })
  await db.query(sql.raw(create))
  let release: () => void = () => undefined
  const released = new Promise<void>((resolve) => (release = resolve))
  let held = false
  const holding = db.withSession(async (session) => {
    await session.query(sql`begin`)
    await session.query(sql.raw(lock))
    held = true
    await released
    await session.query(sql`rollback`)
  })
  await waitUntil(() => held, { what: 'the lock' })
  return {
    release: async () => {
      release()
      await holding
      await db.close()
    },
  }
}
