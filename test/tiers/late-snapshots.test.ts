// Rows that come late to a partition while it is moved, and somebody who saw them before the move was over: a transaction with one snapshot
// finds each of them behind it, too, whatever it was doing meanwhile.

import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Db } from '../../src/db/db.ts'
import { sql } from '../../src/sql/sql.ts'
import { movePartition } from '../../src/tiers/move/movers.ts'
import { testDatabase, versions, type TestDatabase } from '../support/postgres.ts'
import { waitUntil } from '../support/wait.ts'
import { indexOn, moveTools, run, textsOf } from './exchange-support.ts'
import { createEvents, hold, once, partitionOf, sumOf, tieredEvents } from './move-support.ts'

const late = `insert into events values (1, '2026-01-01 12:30Z', 1, 1.5, 'late')`
/** Who keeps a snapshot is not waited for any longer than that. */
const ladder = { firstTimeoutMs: 100, lastTimeoutMs: 300, tries: 4, concurrentTimeoutMs: 500 }
const packed = tieredEvents()
const slim = tieredEvents({ strength: 'slim', segmentBy: [], indexes: [indexOn('by_kind', 'kind')] })

describe.each(versions)('a snapshot between a late row and the end of a move on PostgreSQL %d', (version) => {
  let database: TestDatabase
  let db: Db

  beforeEach(async () => {
    database = await testDatabase(version)
    db = database.db
    await createEvents(db, packed)
  })
  afterEach(() => database.close())

  test.each(['pack', 'slim', 'unpack'] as const)(
    '%s: sees the row, busy with something else until then',
    async (what) => {
      const table = what === 'slim' ? slim : packed
      const move = (onCommit?: (state: string) => Promise<void>): Promise<unknown> =>
        movePartition(moveTools(db, { onCommit, ladder }), {
          table,
          partition: partitionOf(1),
          move: what,
        })
      if (what === 'unpack') await movePartition(moveTools(db), { table, partition: partitionOf(1), move: 'pack' })
      const gate = await hold(database.url, 'begin', 'select pg_advisory_xact_lock(7)')
      const reader: { busy?: Promise<unknown>; before?: string; end?: () => Promise<string> } = {}
      const { onCommit } = once(`${what}:swapping`, async () => {
        await run(db, late)
        reader.before = await sumOf(db)
        const holder = await hold(
          database.url,
          'begin isolation level repeatable read',
          'select from pgstrata.tier_barrier',
        )
        reader.busy = holder.session.query(sql`select pg_advisory_xact_lock(7)`)
        reader.end = async () => {
          await reader.busy
          const sum = await sumOf(holder.session)
          await holder.end('commit')
          return sum
        }
        await waitUntil(
          async () =>
            (await textsOf(db, `select pid::text as text from pg_locks where locktype = 'advisory' and not granted`))
              .length > 0,
          {
            what: 'the reader is busy',
          },
        )
      })
      // It may wait for the reader, and be given up.
      const moved = await move(onCommit).then(
        () => 'moved',
        () => 'given up',
      )
      await gate.end('commit')
      expect(await reader.end?.(), moved).toBe(reader.before)
      expect(await sumOf(db)).toBe(reader.before)
      if (moved === 'given up') await move()
      expect(await sumOf(db)).toBe(reader.before)
    },
  )
})
