// What goes wrong where something else is in the middle of its work: writers while triggers are made or changed, a merge that
// waited for another, a dimension that moves, a crash, a restore, partitions that go.

import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { promisify } from 'node:util'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { systemClock } from '../../src/base/clock.ts'
import { ensureInstalled } from '../../src/catalog/install.ts'
import type { Db, Session } from '../../src/db/db.ts'
import { startCluster } from '../../src/embedded/index.ts'
import { openDb } from '../../src/db/pg-db.ts'
import { contributeRollups } from '../../src/rollups/plan/contribute.ts'
import { mergeRollup, rebuildRange } from '../../src/rollups/merge/merge.ts'
import { mergeStatements } from '../../src/rollups/merge/merge-statements.ts'
import type { Rollup } from '../../src/rollups/model/options.ts'
import { readInstalled } from '../../src/rollups/kept/queries.ts'
import { createReader } from '../../src/rollups/read/reader.ts'
import type { Shape } from '../../src/rollups/model/shape.ts'
import { lockStatement } from '../../src/rollups/model/statements.ts'
import { verifyRollup } from '../../src/rollups/merge/verify.ts'
import { sql } from '../../src/sql/sql.ts'
import {
  createPlays,
  declareTable,
  keepFor,
  partitionsOf,
  retentionOptions,
  retire,
} from '../partitions/life-support.ts'
import { testDatabase, versions, type TestDatabase } from '../support/postgres.ts'
import { waitUntil } from '../support/wait.ts'
import { differences, install, measure, patience, rollupOf, run } from './support.ts'

const pgDump = '/usr/lib/postgresql/15/bin/pg_dump'
const verifying = { floor: 'none', ...patience, clock: systemClock } as const
const all = { from: undefined, to: undefined }
const byMonth = [
  'create table plays (song int, at timestamptz not null, amount numeric, kind text) partition by range (at)',
  `create table plays_old partition of plays for values from (minvalue) to ('2026-01-01')`,
  `create table plays_new partition of plays for values from ('2026-01-01') to (maxvalue)`,
  `insert into plays (song, at, amount) select n % 5, '2025-06-30'::timestamptz + n * interval '1 week', n from generate_series(1, 100) n`,
]
const plays = measure('plays', 'count')
const earned = measure('earned', 'sum', { of: 'amount' })
const songPlays = rollupOf({ measures: [plays, earned] })
const totals = { windows: [{ name: '2d', span: { unit: 'day', count: 2 } }], compute: [], index: [] } as const
const inAll = rollupOf({ name: 'in_all', bucket: undefined, by: [], measures: [plays] })

describe.each(versions)('what is in flight on PostgreSQL %d', (version) => {
  let database: TestDatabase
  let db: Db
  beforeEach(async () => {
    database = await testDatabase(version)
    db = database.db
    await db.withSession((session) => ensureInstalled(session))
  })
  afterEach(() => database.close())

  /** What `apply` does of rollups: each step a transaction. */
  async function declare(...rollups: readonly Rollup[]): Promise<readonly Shape[]> {
    await db.withSession(async (session) => {
      const { steps } = await contributeRollups(session, rollups)
      for (const { statements } of steps) await run(session, 'begin', ...statements, 'commit')
    })
    return (await readInstalled(db)).map(({ shape }) => shape)
  }
  const isWaiting = async (): Promise<boolean> =>
    (
      await db.query(
        sql`select from pg_locks where not granted and database = (select oid from pg_database where datname = current_database())`,
      )
    ).rowCount > 0

  test.each<[string, readonly Rollup[], readonly Rollup[]]>([
    ['the first rollup of a table', [], [songPlays]],
    ['another rollup of a table', [inAll], [inAll, songPlays]],
    ['a new measure', [{ ...songPlays, measures: [plays] }], [songPlays]],
    ['fewer measures', [songPlays], [{ ...songPlays, measures: [earned] }]],
  ])(
    'writers in the middle of their transactions are counted once by what is applied meanwhile: %s',
    async (_what, before, after) => {
      await run(db, ...byMonth)
      await declare(...before)
      let shapes: readonly Shape[] = []
      await db.withSession(async (writer) => {
        await run(
          writer,
          'begin',
          `insert into plays (song, at, amount) values (1, '2026-05-05', 7), (9, '2025-05-05', 8)`,
          `delete from plays_old where song = 2`,
        )
        const applying = declare(...after)
        await waitUntil(isWaiting, { what: 'apply to wait for the writer' })
        await run(writer, `update plays_new set amount = amount + 1 where song = 3`, 'commit')
        shapes = await applying
      })
      expect(shapes).toHaveLength(after.length)
      expect(await differences(db, ...shapes)).toEqual([])
      await run(db, 'call pgstrata.merge()', `delete from plays where song = 9`)
      expect(await differences(db, ...shapes)).toEqual([])
      await run(db, 'call pgstrata.merge()')
      expect(await differences(db, ...shapes)).toEqual([])
    },
  )

  test.each<[string, (session: Session, shape: Shape) => Promise<unknown>]>([
    ['a merge', (session, shape) => mergeRollup(session, shape, patience)],
    ['a rebuild', (session, shape) => rebuildRange(session, shape, all, patience)],
    ['pgstrata.merge()', (session) => run(session, 'call pgstrata.merge()')],
  ])('%s that waited for another merge takes up what that one left', async (_what, work) => {
    await run(db, ...byMonth)
    const [shape] = await declare(songPlays)
    expect.assert(shape !== undefined)
    await run(db, `insert into plays (song, at, amount) values (1, '2026-05-05', 7)`)
    const notices: string[] = []
    await db.withSession(async (other) => {
      await run(other, 'begin isolation level repeatable read', lockStatement(shape.rollup))
      await db.withSession(async (session) => {
        session.onNotice(({ message }) => void notices.push(message))
        const working = work(session, shape)
        await waitUntil(isWaiting, { what: 'the second to wait for the first' })
        await run(other, ...mergeStatements(shape))
        await run(db, `insert into plays (song, at, amount) values (1, '2026-05-05', 11)`)
        await run(other, 'commit')
        await working
      })
    })
    expect(notices).toEqual([])
    expect((await db.query(sql`select from pgstrata.song_plays_delta`)).rowCount).toBe(0)
    expect(await differences(db, shape)).toEqual([])
  })

  test('a dimension that moves while a play is not committed is read as it is now, by who reads it joined', async () => {
    await run(
      db,
      ...byMonth,
      'create table songs (id int primary key, artist text)',
      `insert into songs select n, 'A' from generate_series(0, 9) n`,
    )
    const [shape] = await declare(songPlays)
    expect.assert(shape !== undefined)
    await db.withSession(async (writer) => {
      await run(writer, 'begin', `insert into plays (song, at, amount) values (7, '2026-05-05', 1)`)
      await run(db, `update songs set artist = 'B' where id = 7`)
      await db.withSession((session) => rebuildRange(session, shape, all, patience))
      await run(writer, 'commit')
    })
    const reader = createReader<Declared>({ rollup: songPlays, shape, query: (statement) => db.query(statement) })
    const joined = reader
      .where({ song: 7 })
      .by('song')
      .join({ of: { table: 'songs', on: 'song', columns: ['artist'] } })
    expect(await joined.measures('plays').rows()).toEqual([{ song: 7, plays: '1', of_artist: 'B' }])
  })

  test('a restore of data alone, with triggers on, counts twice; that is found, and mended', async () => {
    await run(db, ...byMonth)
    const [shape] = await declare(songPlays)
    expect.assert(shape !== undefined)
    const tables = ['plays', 'song_plays_merged']
    await run(
      db,
      ...tables.map((table) => `create table saved_${table} as table ${table}`),
      'truncate plays',
      'call pgstrata.merge()',
      ...tables.map((table) => `insert into ${table} table saved_${table}`),
    )
    expect(await differences(db, shape)).not.toEqual([])
    await db.withSession(async (session) => {
      expect((await verifyRollup(session, shape, { ...verifying, fix: true })).different).toBeGreaterThan(0)
      expect((await verifyRollup(session, shape, { ...verifying, fix: false })).different).toBe(0)
    })
    expect(await differences(db, shape)).toEqual([])
  })

  // It refuses servers that are newer than itself; 15 is what Debian has.
  test.each(version === 15 && existsSync(pgDump) ? [pgDump] : [])(
    'a whole restore counts nothing twice: %s',
    async (program) => {
      await run(db, ...byMonth)
      const shapes = await declare({ ...songPlays, totals })
      await run(
        db,
        `insert into plays (song, at, amount) values (1, '2026-05-05', 5)`,
        'call pgstrata.merge()',
        'delete from plays where song = 2',
      )
      const { stdout } = await promisify(execFile)(program, ['--inserts', '--no-owner', database.url])
      const copy = await testDatabase(version)
      try {
        await copy.db.withSession(async (session) => {
          // \restrict carries a random token since 15.14, and is for psql.
          await run(session, stdout.replaceAll(/^\\(un)?restrict .*$/gm, ''), 'reset all')
          expect(await differences(session, ...shapes)).toEqual([])
          await run(
            session,
            `insert into plays_new (song, at, amount) values (1, '2026-05-05', 5)`,
            'truncate plays_old',
          )
          expect(await differences(session, ...shapes)).toEqual([])
          await run(session, 'call pgstrata.merge()')
          expect(await differences(session, ...shapes)).toEqual([])
        })
      } finally {
        await copy.close()
      }
    },
  )

  test('what retention takes out and drops is kept as it was', async () => {
    await createPlays(db)
    const [shape] = await install(db, [
      rollupOf({
        bucket: { column: 'played_at', span: { unit: 'day', count: 1 }, zone: 'UTC' },
        by: ['note'],
        measures: [measure('plays', 'count'), measure('ids', 'sum', { of: 'id' })],
      }),
    ])
    expect.assert(shape !== undefined)
    const sum = async (): Promise<unknown> =>
      (await db.query(sql`select sum(plays)::int as plays, sum(ids)::int as ids from song_plays`)).rows
    const before = await sum()
    const retained = declareTable({ retain: keepFor('3 months') })
    await retire([retained], retentionOptions(db, '2026-06-01T00:00:00Z'))
    const { dropped } = await retire([retained], retentionOptions(db, '2026-06-03T00:00:00Z'))
    expect(dropped).toContain('plays_2026_01')
    expect(await partitionsOf(db)).not.toContain('plays_2026_02')
    await db.withSession((session) => mergeRollup(session, shape, patience))
    expect(await sum()).toEqual(before)
  })

  test('a server that is killed loses neither what is pending nor what is merged', async () => {
    const cluster = await startCluster({ version, inMemory: true })
    try {
      const first = openDb({ url: cluster.primary.url('postgres') })
      await run(first, ...byMonth)
      const kinds = [measure('plays', 'count'), measure('songs', 'countDistinct', { of: 'song' })]
      const [shape] = await install(first, [rollupOf({ by: ['kind'], measures: kinds, totals })])
      expect.assert(shape !== undefined)
      await first.withSession((session) => mergeRollup(session, shape, patience))
      await run(first, `insert into plays (song, at, kind) values (77, '2026-05-05', 'b')`)
      const counts = async (on: Db): Promise<unknown> => {
        const of = [
          'song_plays_merged',
          'pgstrata.song_plays_delta',
          'pgstrata.song_plays_lock',
          'song_plays_totals',
          'pgstrata.song_plays_songs_values',
          'pgstrata.song_plays_songs_values_delta',
        ]
        return (
          await on.query(
            sql.raw(
              `select ${of.map((table, place) => `(select count(*)::int from ${table}) as "${place} ${table}"`).join(', ')}, (select sum(plays)::int from song_plays) as plays`,
            ),
          )
        ).rows
      }
      const before = await counts(first)
      await cluster.primary.kill()
      await first.close({ now: true })
      await cluster.primary.start()
      const second = openDb({ url: cluster.primary.url('postgres') })
      expect(await counts(second)).toEqual(before)
      expect(before).toMatchObject([{ plays: 101, '1 pgstrata.song_plays_delta': 1 }])
      await second.close()
    } finally {
      await cluster.stop()
    }
  })
})

interface Declared {
  readonly bucket: '1 hour'
  readonly by: readonly ['song']
  readonly measures: { readonly plays: { readonly kind: 'count' }; readonly earned: { readonly kind: 'sum' } }
}
