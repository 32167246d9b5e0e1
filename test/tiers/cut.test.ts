// What a rollup reads at the ends of an interval: the same rows as `<table>_between` gives, whatever was packed, changed, came late
// or went to the archive; and of a time of which nothing is packed it is planned without the packs.

import { beforeAll, expect, test } from 'vitest'
import type { Db } from '../../src/db/db.ts'
import { sql } from '../../src/sql/sql.ts'
import { movePartition } from '../../src/tiers/move/movers.ts'
import type { Move } from '../../src/tiers/model/states.ts'
import { describeOnEachVersion } from '../support/postgres.ts'
import { moveTools, rowsOf, run, textsOf } from './exchange-support.ts'
import { createEvents, partitionOf, tieredEvents } from './move-support.ts'

const ends = [
  '-infinity',
  '2026-01-01 00:00Z',
  '2026-01-01 01:30Z',
  '2026-01-02 00:00Z',
  '2026-01-02 02:00Z',
  '2026-01-04 00:00Z',
  '2026-01-05 00:59Z',
  'infinity',
]

describeOnEachVersion('rows that an interval cuts off', (_version, database) => {
  const events = tieredEvents()
  let db: Db
  let cut: string

  beforeAll(async () => {
    db = database().db
    await createEvents(db, events)
    const [number] = await textsOf(db, `select id::text as text from pgstrata.tier_table`)
    cut = `pgstrata.tier_${number}_cut`
  })

  const move = async (day: number, what: Move): Promise<void> =>
    void (await movePartition(moveTools(db), { table: events, partition: partitionOf(day), move: what }))

  async function expectSame(): Promise<void> {
    for (const [place, since] of ends.entries())
      for (const until of ends.slice(place + 1)) {
        const interval = `('${since}', '${until}')`
        expect(await rowsOf(db, `(select * from ${cut}${interval})`), interval).toEqual(
          await rowsOf(db, `(select * from events_between${interval})`),
        )
      }
    expect(await rowsOf(db, `(select * from ${cut}('-infinity', 'infinity'))`)).toEqual(
      await rowsOf(db, 'events_history'),
    )
  }

  test('are those of the history, wherever they are kept', async () => {
    await expectSame()
    await move(1, 'pack')
    await move(3, 'pack')
    await run(
      db,
      `insert into events values (1, '2026-01-01 12:30Z', 1, 1.5, 'late')`,
      `update events_history set note = 'changed' where id = 100007`,
      `delete from events_history where id in (100008, 300001)`,
    )
    await expectSame()
    await move(1, 'unpack')
    await expectSame()
    await move(1, 'pack')
    await run(db, `alter table events add column more int default 7`)
    expect(await rowsOf(db, `(select * from ${cut}('2026-01-01', '2026-01-02'))`)).toHaveLength(200)
  })

  test('of a time of which nothing is packed are planned without packs', async () => {
    const explain = async (query: string): Promise<string> => {
      const { rows } = await db.query<{ 'QUERY PLAN': string }>(sql.raw(`explain (costs off) select * from ${query}`))
      return rows.map((row) => row['QUERY PLAN']).join('\n')
    }
    const [since, until] = [`'2026-01-05 00:10Z'::timestamptz`, `'2026-01-05 00:20Z'::timestamptz`]
    const young = await explain(
      `(values (${since}, ${until})) as asked (since, until), lateral ${cut}(since, until) as source where source.kind = 1`,
    )
    expect(young).toContain('Function Scan on tier_')
    expect(young).toContain(partitionOf(5))
    expect(young).not.toMatch(/pack_|loose/)
    // Of constants so is all of the history: loose rows of a pack go with it.
    expect(await explain(`events_between(${since}, ${until})`)).not.toMatch(/pack_|loose/)
    expect(await explain(`events_between('2026-01-01', '2026-01-02')`)).toMatch(/pack_[^]*loose/)
  })
})
