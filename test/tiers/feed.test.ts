// What a feed tells of a table whose partitions are moved: every change of a row, packed or not, as a change of the table, and no move.

import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { readCaptured, type Feed } from '../../src/changes/feed/index.ts'
import type { Db } from '../../src/db/db.ts'
import type { Move } from '../../src/tiers/model/states.ts'
import { movePartition } from '../../src/tiers/move/movers.ts'
import { caughtUp, createEar, startFeed, stopFeeds, type Ear } from '../changes/feed/support.ts'
import { testDatabase, versions, type TestDatabase } from '../support/postgres.ts'
import { waitUntil } from '../support/wait.ts'
import { indexOn, moveTools, run } from './exchange-support.ts'
import { applyTiers, createEvents, once, partitionOf, tieredEvents } from './move-support.ts'

const packed = tieredEvents()
const slim = tieredEvents({ strength: 'slim', segmentBy: [], indexes: [indexOn('by_kind', 'kind')] })
const events = { schema: 'public', table: 'events' }
const first = partitionOf(1)

const sources = versions.flatMap((version) => (['wal', 'outbox'] as const).map((source) => ({ version, source })))

describe.each(sources)(
  'a feed from the $source of a table with tiers on PostgreSQL $version',
  ({ version, source }) => {
    let database: TestDatabase
    let db: Db
    const feeds: Feed[] = []

    beforeEach(async () => {
      database = await testDatabase(version)
      db = database.db
    })
    afterEach(async () => {
      await stopFeeds(database, feeds.splice(0))
      await database.close()
    })

    const isCaptured = async (): Promise<boolean> =>
      (await readCaptured(db)).some(({ schema, table }) => schema === events.schema && table === events.table)

    async function start(): Promise<Ear> {
      const ear = createEar()
      feeds.push(await startFeed(database, ear, { tables: [events], source, limits: { heartbeatMs: 50 } }))
      await waitUntil(() => ear.resets.length > 0 || ear.progress, { what: 'the feed has begun' })
      await waitUntil(isCaptured, { what: 'all of it is captured' })
      return ear
    }

    const move = async (what: Move, onCommit?: (state: string) => Promise<void>): Promise<void> => {
      const table = what === 'slim' ? slim : packed
      await movePartition(moveTools(db, { onCommit }), { table, partition: first, move: what })
    }

    /** What was told since the last time: kind and id. */
    async function told(ear: Ear): Promise<readonly string[]> {
      await caughtUp(database, ear)
      return ear.heard.splice(0).map(({ change }) => {
        expect(change).toMatchObject(events)
        return [change.kind, ...(change.key === undefined ? [] : [change.key['id']])].join(' ')
      })
    }

    test('tells of changes of packed rows, and of nothing that only moves', async () => {
      await createEvents(db, packed)
      const ear = await start()
      const { resets } = ear
      const begun = resets.length
      expect(await readCaptured(db)).not.toContainEqual({ schema: 'pgstrata', table: 'tier_1_loose' })
      const { onCommit } = once('pack:swapping', () =>
        run(db, `insert into events values (1, '2026-01-01 12:30Z', 1, 1.5, 'late')`),
      )
      await move('pack', onCommit)
      // From the WAL a row that came late comes once more when it is put back.
      expect(new Set(await told(ear))).toEqual(new Set(['insert 1']))
      await run(db, `update events_history set note = 'changed' where id = 100007`)
      await caughtUp(database, ear)
      expect(ear.heard.map(({ change }) => change)).toEqual([
        {
          ...events,
          kind: 'update',
          key: { id: '100007', at: '2026-01-01 00:07:00+00' },
          keyBefore: undefined,
          unchanged: [],
          row:
            source === 'outbox'
              ? undefined
              : { id: '100007', at: '2026-01-01 00:07:00+00', kind: '1', amount: '1.75', note: 'changed' },
        },
      ])
      await told(ear)
      await run(
        db,
        `delete from events_history where id = 100008`,
        // Of the same segment, which is loose by now.
        `update events_history set amount = 3 where id = 100010`,
        `begin; update events_history set amount = 4 where id = 100009; rollback`,
        `update events_history set note = 'none' where false`,
      )
      expect(await told(ear)).toEqual(['delete 100008', 'update 100010'])
      await run(db, `update events_history set id = 5 where id = 100011`)
      expect(await told(ear)).toEqual(['delete 100011', 'insert 5'])
      await run(db, `insert into events_history values (6, '2026-01-01 13:30Z', 1, 1.5, 'late')`)
      expect(await told(ear)).toEqual(['insert 6'])
      for (const what of ['pack', 'unpack', 'slim', 'pack', 'unpack'] as const) {
        await move(what)
        expect(await told(ear), what).toEqual([])
      }
      // Its triggers came along.
      await run(db, `update events set note = 'again' where id = 100007`, `delete from ${first} where id = 6`)
      expect(await told(ear)).toEqual(['update 100007', 'delete 6'])
      await run(db, `truncate ${first}`)
      expect(await told(ear)).toEqual(['truncate'])
      expect(resets).toHaveLength(begun)
      expect(await isCaptured()).toBe(true)
    })

    test('of a table that gets tiers later it says nothing wholly until loose rows are captured, too', async () => {
      const bare = { ...packed, warm: undefined }
      await createEvents(db, bare)
      await applyTiers(db, [])
      const ear = await start()
      await run(db, `update events set note = 'before' where id = 100001`)
      expect(await told(ear)).toEqual(['update 100001'])
      await applyTiers(db, [packed])
      await waitUntil(isCaptured, { what: 'loose rows are captured' })
      await move('pack')
      await run(db, `update events_history set note = 'changed' where id = 100007`)
      await waitUntil(() => ear.heard.length > 0, { what: 'the change is told' })
      expect(await told(ear)).toEqual(['update 100007'])
    })
  },
)
