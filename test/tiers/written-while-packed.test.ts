// A partition that is written to while it is packed: at each point a writer is held open, and ends behind it. Whatever it wrote is
// there once, and what it took back is not.

import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Db } from '../../src/db/db.ts'
import type { Move } from '../../src/tiers/model/states.ts'
import { movePartition } from '../../src/tiers/move/movers.ts'
import type { TierPartition } from '../../src/tiers/model/record.ts'
import { testDatabase, versions, type TestDatabase } from '../support/postgres.ts'
import { waitUntil } from '../support/wait.ts'
import { moveTools, rowsOf, run, textsOf } from './exchange-support.ts'
import { applyTiers, createEvents, hold, once, partitionOf, tieredEvents, type Holder } from './move-support.ts'

const first = partitionOf(1)
const late = (id: number): string => `insert into events values (${id}, '2026-01-01 12:30Z', 1, 1.5, 'late') `
const inserted = late(1)
const updated = `update events set note = 'changed' where id = 100007`
const deleted = `delete from events where id = 100008`

const building = ['pack:building', 'pack:settling', 'pack:swapping'] as const

describe.each(versions)('a partition written to while it is packed, on PostgreSQL %d', (version) => {
  let database: TestDatabase
  let db: Db
  const events = tieredEvents()

  const move = (what: Move = 'pack', onCommit?: (what: string) => Promise<void>): Promise<TierPartition> =>
    movePartition(moveTools(db, { onCommit }), { table: events, partition: first, move: what })

  beforeEach(async () => {
    database = await testDatabase(version)
    db = database.db
    await createEvents(db, events)
  })
  afterEach(() => database.close())

  /** The history has these rows, and the table itself all of them but what is packed. */
  async function expectRows(expected: readonly string[]): Promise<void> {
    expect(await rowsOf(db, 'events_history')).toEqual([...expected].toSorted())
    expect(await rowsOf(db, `(select * from events_between('-infinity', 'infinity'))`)).toEqual(
      [...expected].toSorted(),
    )
  }

  test('nobody writes: all rows are packed, and nothing is left behind', async () => {
    const before = await rowsOf(db, 'events')
    const { seen, onCommit } = once('', async () => {})
    const moved = await move('pack', onCommit)
    expect(moved).toMatchObject({
      state: 'packed',
      rest: 'packed',
      anew: 0,
      failure: null,
      nextPack: null,
      snapshot: null,
    })
    expect(seen).toEqual(['pack:guarding', ...building, 'packed'])
    await expectRows(before)
    expect(await rowsOf(db, first)).toEqual([])
    expect(await rowsOf(db, `pgstrata.pack_${String(moved.pack)}_rows`)).toHaveLength(200)
    await run(db, inserted)
    expect(await rowsOf(db, first)).toHaveLength(1)
    expect(
      await textsOf(
        db,
        `select relname as text from pg_class where relname ~ '^(late_|tier_barrier_[0-9]|pgstrata_tier_)' and relkind = 'r'
        union all select proname from pg_proc where proname like 'late_%'
        union all select tgname from pg_trigger where tgname like 'pgstrata_guard%'
        union all select 'touch' from pgstrata.tier_touch`,
      ),
    ).toEqual([])
  })

  test('a writer that came before the guard is waited for, and packed', async () => {
    const before = await rowsOf(db, 'events')
    const writer = await hold(database.url, 'begin', inserted, updated, deleted)
    const moving = move()
    await waitUntil(() => isWaitedFor(db, first), { what: 'the guard waits for the writer' })
    await writer.end('commit')
    expect(await moving).toMatchObject({ state: 'packed', anew: 0 })
    const after = await rowsOf(db, 'events_history')
    expect(after).toHaveLength(before.length)
    expect(await rowsOf(db, first)).toEqual([])
  })

  describe.each(['commit', 'rollback'] as const)('a writer that begins before the snapshot, and ends by %s', (how) => {
    test.each(building)('when the state is %s', async (state) => {
      const before = await rowsOf(db, 'events')
      const writer: { holder?: Holder } = {}
      const moved = await move('pack', async (what) => {
        if (what === 'pack:building' && writer.holder === undefined)
          writer.holder = await hold(database.url, 'begin', inserted)
        // The swap waits for it, as long as a rung lasts: at the latest it ends there.
        if (what === state && state !== 'pack:settling') await writer.holder?.end(how)
        if (what === 'pack:settling' && state === 'pack:settling') void writer.holder?.end(how)
      })
      expect(moved).toMatchObject({ state: 'packed', anew: 0 })
      await expectRows(how === 'commit' ? [...before, lateRow(1)] : before)
      // Seen by the snapshot or not, it is in one place.
      const places = [await rowsOf(db, first), await rowsOf(db, `pgstrata.pack_${String(moved.pack)}_rows`)].map(
        (rows) => rows.length,
      )
      expect(places[0]).toBe(how === 'commit' && state !== 'pack:building' ? 1 : 0)
      expect((places[0] ?? 0) + (places[1] ?? 0)).toBe(how === 'commit' ? 201 : 200)
    })
  })

  test.each([
    ['update', updated],
    ['delete', deleted],
    ['move away', `update events set at = '2026-01-02 12:30Z' where id = 100007`],
    ['truncate', `truncate ${first}`],
    ['change of the definition', `alter table events add constraint positive check (id > 0)`],
    ['switched off guard', `alter table ${first} disable trigger user`],
  ])('%s behind the snapshot: the move begins anew', async (_, statement) => {
    const { seen, onCommit } = once('pack:swapping', () => run(db, statement))
    const moved = await move('pack', onCommit)
    expect(moved).toMatchObject({ state: 'packed', failure: null })
    expect(seen).toEqual(['pack:guarding', ...building, 'pack:guarding', ...building, 'packed'])
    expect(await rowsOf(db, first)).toEqual([])
    expect(await rowsOf(db, `pgstrata.pack_${String(moved.pack)}_rows`)).toHaveLength(
      { delete: 199, truncate: 0, 'move away': 199 }[_] ?? 200,
    )
  })

  test('a column that came behind the snapshot: the move waits for readers to have it', async () => {
    const before = await rowsOf(db, 'events')
    const { onCommit } = once('pack:swapping', () => run(db, `alter table events add column more int default 7`))
    await expect(move('pack', onCommit)).rejects.toMatchObject({ code: 'TIER_STATE' })
    const after = before.map((row) => row.replace(/\)$/, ',7)'))
    expect(await rowsOf(db, 'events')).toEqual(after)
    expect(await rowsOf(db, 'events_history')).toEqual(before)
    await applyTiers(db, [events])
    expect(await move()).toMatchObject({ state: 'packed', failure: null })
    await expectRows(after)
    expect(await rowsOf(db, first)).toEqual([])
  })

  test.each([
    ['through the table', inserted],
    ['into the partition', inserted.replace('into events', `into ${first}`)],
    [
      'from another partition',
      `update events set at = '2026-01-01 12:30Z', id = 1, kind = 1, amount = 1.50, note = 'late' where id = 200001`,
    ],
    ['as a replica', `set session_replication_role = replica; ${inserted}; reset session_replication_role`],
  ])('rows that come late %s are put back', async (_, statement) => {
    const before = await rowsOf(db, 'events')
    const { seen, onCommit } = once('pack:swapping', () => run(db, statement))
    const moved = await move('pack', onCommit)
    expect(seen).not.toContain('aborting')
    expect(moved).toMatchObject({ state: 'packed', anew: 0 })
    expect(await rowsOf(db, first)).toEqual([lateRow(1)])
    const gone = _ === 'from another partition' ? before.filter((row) => !row.startsWith('(200001,')) : before
    await expectRows([...gone, lateRow(1)])
  })

  test('triggers of others see nothing of it, and are in the state that each had', async () => {
    await run(
      db,
      `create table log (what text);
      create function note() returns trigger language plpgsql as $$ begin insert into log values (tg_name || ' ' || tg_op); return null; end $$;
      create trigger by_row after insert or update or delete on events for each row execute function note();
      create trigger on_leaf after insert or delete or truncate on ${first} for each statement execute function note();
      create trigger off after insert on ${first} for each row execute function note();
      create trigger of_replicas after insert on ${first} for each row execute function note();
      create trigger always after insert on ${first} for each row execute function note();
      alter table ${first} disable trigger off, enable replica trigger of_replicas, enable always trigger always`,
    )
    const states = `select tgname || ' ' || tgenabled::text as text from pg_trigger where tgrelid = '${first}'::regclass and not tgisinternal and tgname <> 'pgstrata_packed_key' order by 1`
    const before = await textsOf(db, states)
    const { onCommit } = once('pack:swapping', () => run(db, late(1)))
    await move('pack', onCommit)
    expect(await textsOf(db, states)).toEqual(before)
    expect(await textsOf(db, 'select what as text from log order by 1')).toEqual(['always INSERT', 'by_row INSERT'])
  })

  test('packed again: with what came late and what was changed', async () => {
    await move()
    await run(db, inserted, updated.replace('events', 'events_history'), deleted.replace('events', 'events_history'))
    const before = await rowsOf(db, 'events_history')
    expect(before).toHaveLength(1_200)
    const old = (await textsOf(db, `select pack::text as text from pgstrata.tier_partition where pack is not null`))[0]
    const { seen, onCommit } = once('pack:swapping', () => run(db, late(2)))
    const moved = await move('pack', onCommit)
    expect(seen).toEqual(['pack:guarding', ...building, 'packed'])
    expect(String(moved.pack)).not.toBe(old)
    await expectRows([...before, lateRow(2)])
    expect(await rowsOf(db, first)).toEqual([lateRow(2)])
    expect(
      await textsOf(
        db,
        `select relname as text from pg_class where relname like 'pack_${old}%' or relname like '%loose_${old}%'`,
      ),
    ).toEqual([])
    const third = once('pack:swapping', () => run(db, `update events_history set note = 'again' where id = 100009`))
    expect(await move('pack', third.onCommit)).toMatchObject({ state: 'packed' })
    expect(third.seen.filter((state) => state === 'pack:building')).toHaveLength(2)
    await expectRows([
      ...before.filter((row) => !row.startsWith('(100009,')),
      lateRow(2),
      '(100009,"2026-01-01 00:09:00+00",0,2.25,again)',
    ])
  })
})

function lateRow(id: number): string {
  return `(${id},"2026-01-01 12:30:00+00",1,1.50,late)`
}

/** Somebody waits for a lock on it. */
async function isWaitedFor(db: Db, table: string): Promise<boolean> {
  const waiting = await textsOf(
    db,
    `select pid::text as text from pg_locks where relation = '${table}'::regclass and not granted`,
  )
  return waiting.length > 0
}
