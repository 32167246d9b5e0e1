// Rows as they are read: in order, a page of them, with columns of another table, inside the transaction that changed them.

import { expect, test } from 'vitest'
import { createReader } from '../../src/rollups/read/reader.ts'
import type { ReaderOf } from '../../src/rollups/read/types.ts'
import type { Shape } from '../../src/rollups/model/shape.ts'
import type { Queryable } from '../../src/db/db.ts'
import { describeOnEachVersion, type TestDatabase } from '../support/postgres.ts'
import { install, rollupOf, run } from './support.ts'

interface Declared {
  readonly bucket: '1 hour'
  readonly by: readonly ['song']
  readonly measures: { readonly plays: { readonly kind: 'count' }; readonly earned: { readonly kind: 'sum' } }
}

let installed: Shape | undefined

async function prepare({ db }: TestDatabase): Promise<void> {
  await run(
    db,
    'create schema music',
    'create table music."Songs" ("Id" int primary key, title text)',
    `insert into music."Songs" values (1, 'b'), (2, 'a'), (3, 'c')`,
    'create table plays (song int, at timestamptz not null, amount numeric)',
    `insert into plays values (1, '2026-01-01 10:30Z', 1), (1, '2026-01-02 10:30Z', 2), (2, '2026-01-01 10:30Z', null), (4, '2026-01-01 10:30Z', 5), (3, '2026-01-01 11:30Z', 5), (null, '2026-01-01 11:30Z', 5)`,
  )
  installed = (await install(db, [rollupOf()]))[0]
}

function readerOn(on: Queryable): ReaderOf<Declared> {
  if (installed === undefined) throw new Error('Nothing is installed')
  const shape = installed
  return createReader<Declared>({
    rollup: shape.rollup,
    shape: () => Promise.resolve(shape),
    query: (statement) => on.query(statement),
  })
}

const songs = { song: { table: ['music', 'Songs'], on: 'song', key: 'Id', columns: ['title'] } } as const

describeOnEachVersion(
  'the rows of a reader',
  (_version, database) => {
    test('come in the order that was asked for, what has no value last, and then by the key', async () => {
      const reader = readerOn(database().db).by('song')
      const keys = async (one: ReturnType<typeof reader.orderBy>): Promise<readonly unknown[]> =>
        (await one.rows()).map(({ song }) => song)
      expect(await keys(reader.orderBy('earned', 'desc'))).toEqual([3, 4, null, 1, 2])
      expect(await keys(reader.orderBy('earned'))).toEqual([1, 3, 4, null, 2])
      expect(await keys(reader.orderBy('plays', 'desc').orderBy('song', 'desc'))).toEqual([1, 4, 3, 2, null])
      expect(await keys(reader.orderBy('earned', 'desc').limit(2).offset(1))).toEqual([4, null])
      expect(await keys(reader.limit(0))).toEqual([])
    })

    test('bring columns of another table, null where it has no row', async () => {
      const reader = readerOn(database().db).by('song').measures('plays').join(songs)
      expect(await reader.orderBy('plays', 'desc').limit(3).rows()).toEqual([
        { song: 1, plays: '2', song_title: 'b' },
        { song: 2, plays: '1', song_title: 'a' },
        { song: 3, plays: '1', song_title: 'c' },
      ])
      expect((await reader.orderBy('song_title').rows()).map(({ song }) => song)).toEqual([2, 1, 3, 4, null])
      expect(await reader.orderBy('song_title').limit(1).offset(3).rows()).toEqual([
        { song: 4, plays: '1', song_title: null },
      ])
      // Those that come first are found before another table is asked.
      expect((await reader.orderBy('plays', 'desc').limit(3).compile()).text).toMatch(
        /limit \$1\n\) as summed\nleft join/,
      )
    })

    test('are those of the transaction that reads them', async () => {
      const { db } = database()
      await db.withSession(async (session) => {
        await run(
          session,
          'begin',
          `delete from plays where song = 1`,
          `insert into plays values (9, '2026-01-01 10:59Z', 3)`,
        )
        const reader = readerOn(session)
          .between('2026-01-01T10:15:00Z', '2026-01-01T11:00:00Z')
          .by('song')
          .orderBy('song')
        expect(await reader.rows()).toEqual([
          { song: 2, plays: '1', earned: null },
          { song: 4, plays: '1', earned: '5' },
          { song: 9, plays: '1', earned: '3' },
        ])
        expect(await readerOn(session).where({ song: 1 }).since('2026-01-01').rows()).toEqual([])
        await run(session, 'rollback')
      })
      expect(await readerOn(db).where({ song: 1 }).rows()).toEqual([{ plays: '2', earned: '3' }])
    })
  },
  prepare,
)
