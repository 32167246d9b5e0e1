// Transactions that were prepared and not decided yet: their deltas wait with them, and no merge waits or takes them.

import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openDb } from '../../src/db/pg-db.ts'
import type { Db } from '../../src/db/db.ts'
import { startCluster, type EmbeddedCluster } from '../../src/embedded/index.ts'
import { mergeRollup, rebuildRange } from '../../src/rollups/merge/merge.ts'
import { sql } from '../../src/sql/sql.ts'
import { versions } from '../support/postgres.ts'
import { differences, everDifferencesText, install, measure, rollupOf, run } from './support.ts'

describe.each(versions)('prepared transactions on PostgreSQL %d', (version) => {
  let cluster: EmbeddedCluster
  let db: Db
  beforeAll(async () => {
    cluster = await startCluster({ version, inMemory: true, settings: { max_prepared_transactions: '5' } })
    db = openDb({ url: cluster.primary.url('postgres') })
  })
  afterAll(async () => {
    await db.close()
    await cluster.stop()
  })

  test('one that commits and one that rolls back, over a merge and a rebuild', async () => {
    await run(db, `create table plays (song int, at timestamptz not null, amount numeric)`)
    const [shape] = await install(db, [rollupOf()])
    expect.assert(shape !== undefined)
    const hot = `insert into plays values (1, '2026-03-29 10:00+00', 2)`
    const quick = { lockTimeoutMs: 1 }
    await run(db, hot)
    await db.withSession(async (session) => {
      await run(session, 'begin', hot, hot, `prepare transaction 'kept'`, 'begin', hot, `prepare transaction 'lost'`)
      await mergeRollup(session, shape, quick)
      await rebuildRange(session, shape, { from: undefined, to: undefined }, quick)
      expect(await differences(session, shape)).toEqual([])
      await run(session, `commit prepared 'kept'`, `rollback prepared 'lost'`)
      expect(await differences(session, shape)).toEqual([])
      expect(await mergeRollup(session, shape, quick)).toBe(2)
    })
    expect((await db.query(sql`select plays::int as n from song_plays`)).rows).toEqual([{ n: 3 }])
    expect(await differences(db, shape)).toEqual([])
  })

  test('distinct values that are kept once wait with them, too', async () => {
    await run(db, 'create table heard (song int, listener int)')
    const [shape] = await install(db, [
      rollupOf({
        name: 'audience',
        table: 'heard',
        bucket: undefined,
        measures: [measure('listeners', 'countDistinct', { of: 'listener', windows: true })],
        totals: { windows: [], compute: [], index: [] },
      }),
    ])
    expect.assert(shape !== undefined)
    const quick = { lockTimeoutMs: 1 }
    await run(db, 'insert into heard values (1, 1), (1, 2), (2, 2)')
    await db.withSession(async (session) => {
      const expectExact = async (): Promise<void> =>
        expect((await session.query(sql.raw(everDifferencesText(shape)))).rows).toEqual([])
      await run(session, 'begin', 'insert into heard values (1, 3)', 'delete from heard where song = 2')
      await run(session, `prepare transaction 'heard'`)
      await run(session, 'begin', 'insert into heard values (1, 4)', `prepare transaction 'unheard'`)
      await mergeRollup(session, shape, quick)
      await expectExact()
      await rebuildRange(session, shape, { from: undefined, to: undefined }, quick)
      await run(session, `commit prepared 'heard'`, `rollback prepared 'unheard'`)
      await expectExact()
      await mergeRollup(session, shape, quick)
      await expectExact()
      const { rows } = await session.query(sql`select song, listeners::int from audience_totals`)
      expect(rows).toEqual([{ song: 1, listeners: 3 }])
    })
  })
})
