// The row of a partition: every step under its token, and what follows from a change of state alone.

import { expect, test } from 'vitest'
import { ensureInstalled } from '../../../src/catalog/install.ts'
import type { Db } from '../../../src/db/db.ts'
import { sql } from '../../../src/sql/sql.ts'
import {
  advance,
  amend,
  askFor,
  enrol,
  readTierPartition,
  readTierPartitions,
  takeOver,
  type TierPartition,
} from '../../../src/tiers/model/record.ts'
import { recordTierTable } from '../../../src/tiers/model/tables.ts'
import { declareTable } from '../../partitions/life-support.ts'
import { describeOnEachVersion } from '../../support/postgres.ts'

describeOnEachVersion(
  'the row of a partition',
  (_version, database) => {
    let next = 1
    /** A table with one partition, taken. */
    const partition = async (): Promise<{ readonly db: Db; readonly one: TierPartition; readonly table: number }> => {
      const { db } = database()
      const table = next++
      const declared = { partitioned: declareTable({ table: `t${table}` }), warm: undefined, cold: undefined }
      await db.query(sql.raw(`create table t${table} (played_at timestamptz)`))
      for (const statement of recordTierTable(table, declared, [])) await db.query(sql.raw(statement))
      const bounds = { lower: '2026-01-01 00:00:00+00', upper: '2026-02-01 00:00:00+00' }
      await enrol(db, [{ tierTable: table, schema: 'public', name: 'p', oid: 1_000, ...bounds }])
      const [known] = await readTierPartitions(db, table)
      if (known === undefined) throw new Error('nothing was enrolled')
      return { db, table, one: await takeOver(db, known.id) }
    }

    test('what is noted is read', async () => {
      const { db, one } = await partition()
      const building = await advance(db, await advance(db, one, 'pack'), 'completed', { nextPack: 12n })
      const content = { rows: '12345678901', one: '-123456789012345678901', two: '5' }
      const settling = await advance(db, building, 'completed', {
        content,
        snapshot: '10:20:10,14',
        fingerprint: 'f',
        heapBytes: 3 * 2 ** 40,
        incoming: 4_000_000_000,
        notBefore: sql`timestamptz '2026-03-01 12:00+00'`,
      })
      expect(settling).toMatchObject({
        id: one.id,
        state: 'pack:settling',
        rest: 'hot',
        nextPack: 12n,
        content,
        snapshot: '10:20:10,14',
        heapBytes: 3 * 2 ** 40,
        incoming: 4_000_000_000,
        lower: '2026-01-01 00:00:00+00',
      })
      expect(Date.parse(settling.notBefore ?? '')).toBe(Date.UTC(2026, 2, 1, 12))
      expect(await readTierPartition(db, one.id)).toEqual(settling)
    })

    test('at rest, all that was only of the move is gone', async () => {
      const { db, one } = await partition()
      await askFor(db, one.id, { move: 'pack', by: 'person' })
      let at = await advance(db, one, 'pack')
      at = await advance(db, at, 'completed', { nextPack: 1n, snapshot: '10:20:' })
      at = await advance(db, at, 'anew', { failure: 'somebody wrote' })
      expect(at).toMatchObject({ state: 'pack:guarding', anew: 1, snapshot: null, failure: 'somebody wrote' })
      for (const changes of [{}, {}, {}, { pack: 2n }]) at = await advance(db, at, 'completed', changes)
      expect(at).toMatchObject({
        state: 'packed',
        rest: 'packed',
        pack: 2n,
        nextPack: null,
        snapshot: null,
        request: null,
        requestBy: null,
        anew: 0,
        failure: null,
      })
      expect(at.movedAt).not.toBeNull()
    })

    test('a move that was given up goes back to where it began, and it stays known why', async () => {
      const { db, one } = await partition()
      const begun = await advance(db, one, 'slim')
      const given = await advance(db, begun, 'abort', {
        failure: 'too many writers',
        notBefore: '2026-05-01T00:00:00Z',
      })
      const back = await advance(db, given, 'completed')
      expect(back).toMatchObject({ state: 'hot', rest: 'hot', failure: 'too many writers', movedAt: null })
      expect(back.notBefore).not.toBeNull()
    })

    test('who was overtaken changes nothing any more', async () => {
      const { db, one } = await partition()
      const mine = await advance(db, one, 'pack')
      const theirs = await takeOver(db, one.id)
      await expect(advance(db, mine, 'completed')).rejects.toMatchObject({ code: 'TIER_BUSY' })
      await expect(amend(db, mine, { failures: 3 })).rejects.toMatchObject({ code: 'TIER_BUSY' })
      expect(await advance(db, theirs, 'completed')).toMatchObject({ state: 'pack:building', failures: 0 })
      // A step that is done twice is done once.
      await expect(advance(db, theirs, 'completed')).rejects.toMatchObject({ code: 'TIER_BUSY' })
    })

    test('what the states do not allow is refused, with the state', async () => {
      const { db, one } = await partition()
      await expect(advance(db, one, 'restore')).rejects.toMatchObject({
        code: 'TIER_STATE',
        message: 'Partition public.p cannot go on: got "restore" in state "hot"',
      })
    })

    test('a person is asked before a policy, and nobody while it is moved', async () => {
      const { db, one } = await partition()
      expect(await askFor(db, one.id, { move: 'pack', by: 'policy' })).toBe(true)
      expect(await askFor(db, one.id, { move: 'slim', by: 'person' })).toBe(true)
      expect(await askFor(db, one.id, { move: 'pack', by: 'policy' })).toBe(false)
      expect(await readTierPartition(db, one.id)).toMatchObject({ request: 'slim', requestBy: 'person' })
      await advance(db, one, 'slim')
      expect(await askFor(db, one.id, { move: 'pack', by: 'person' })).toBe(false)
    })

    test('a partition is known by its bounds, whatever it is called; not while it is moved', async () => {
      const { db, one, table } = await partition()
      const draft = { tierTable: table, schema: 'public', lower: one.lower, upper: one.upper }
      await enrol(db, [{ ...draft, name: 'renamed', oid: 1_001 }])
      expect(await readTierPartition(db, one.id)).toMatchObject({ name: 'renamed', oid: 1_001 })
      await advance(db, await takeOver(db, one.id), 'pack')
      await enrol(db, [{ ...draft, name: 'again', oid: 1_002 }])
      expect(await readTierPartitions(db, table)).toMatchObject([{ name: 'renamed', oid: 1_001 }])
    })

    test('a slim one that somebody has made again is not slim', async () => {
      const { db, one, table } = await partition()
      await db.query(sql`update pgstrata.tier_partition set state = 'slim', rest = 'slim' where id = ${one.id}::int8`)
      const draft = { tierTable: table, schema: 'public', lower: one.lower, upper: one.upper }
      await enrol(db, [{ ...draft, name: 'renamed', oid: 1_000 }])
      expect(await readTierPartition(db, one.id)).toMatchObject({ name: 'renamed', state: 'slim' })
      await enrol(db, [{ ...draft, name: 'renamed', oid: 1_001 }])
      expect(await readTierPartition(db, one.id)).toMatchObject({ oid: 1_001, state: 'hot', rest: 'hot' })
    })
  },
  async ({ db }) => void (await db.withSession(ensureInstalled)),
)
