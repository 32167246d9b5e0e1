// Texts of statements have a bound: those that were seen longest ago go, and what has no place is counted with all others, never lost.

import { expect, test } from 'vitest'
import { silentLogger } from '../../../src/base/logger.ts'
import { seededRandom } from '../../../src/base/random.ts'
import { acquireLease } from '../../../src/db/lease.ts'
import { queryableOf } from '../../../src/db/own-questions.ts'
import { onlyRow } from '../../../src/db/db.ts'
import { sql } from '../../../src/sql/sql.ts'
import { createCallFlush } from '../../../src/watch/index.ts'
import { mostStoredTexts } from '../../../src/watch/model/rows.ts'
import type { Taken } from '../../../src/watch/sampler/taken.ts'
import { StoreWriter } from '../../../src/watch/store/writer.ts'
import { fakeClock } from '../../support/fake-clock.ts'
import { openMonitored } from '../monitor/support.ts'
import { describeOnWatched } from '../support.ts'

describeOnWatched('texts', (_version, database) => {
  const countOf = async (table: 'watch_query' | 'watch_shape'): Promise<number> =>
    onlyRow(
      await database().db.query<{ n: number }>(sql`select count(*)::float8 as n from ${sql.ident('pgstrata', table)}`),
    ).n

  async function takeTexts(texts: readonly { readonly queryid: string; readonly text: string }[]): Promise<void> {
    const { db } = database()
    const lease = await acquireLease(db, { name: 'watch', holder: 'test', durationMs: 600_000 })
    const writer = new StoreWriter({ db, lease: () => lease, clock: fakeClock(), logger: silentLogger, keptMs: 9e9 })
    const taken: Taken = {
      state: {
        node: 'primary',
        probe: 'statements',
        atMs: undefined,
        everyMs: 60_000,
        tookMs: 1,
        unavailable: undefined,
        failure: undefined,
        detail: undefined,
      },
      series: [],
      reading: { points: [], texts },
      elapsedSeconds: undefined,
    }
    writer.take(taken)
    await writer.flush('all')
  }

  test('of what the server calls them: the oldest go as soon as there are too many', async () => {
    const { db } = database()
    await db.query(sql`
      insert into pgstrata.watch_query
      select g, 'text', now() - g * interval '1 s' from generate_series(1, ${mostStoredTexts}::int) g`)
    await takeTexts([-1, -2, -3].map((queryid) => ({ queryid: String(queryid), text: 'new' })))
    expect(await countOf('watch_query')).toBe(mostStoredTexts)
    const { rows } = await db.query<{ queryid: number }>(sql`
      select queryid::int4 as queryid from pgstrata.watch_query where queryid < 0 or queryid > ${mostStoredTexts - 4}
      order by 1`)
    expect(rows.map(({ queryid }) => queryid)).toEqual([-3, -2, -1, mostStoredTexts - 3])
  })

  test('of what applications send: a new one counts with all others until there is room for it', async () => {
    const { db, url } = database()
    await db.query(sql`
      insert into pgstrata.watch_shape
      select 'shape ' || g, 'statement', 'text', null, now() - g * interval '1 s'
      from generate_series(1, ${mostStoredTexts}::int) g`)
    const { monitor, pool } = openMonitored(url)
    const flush = createCallFlush({
      recorder: monitor.recorder,
      on: queryableOf(pool),
      points: () => [],
      clock: fakeClock(),
      random: seededRandom(1),
      logger: silentLogger,
    })
    const stored = async (): Promise<Readonly<Record<string, number>>> => {
      const { rows } = await db.query<{ text: string; calls: number }>(sql`
        select s.text, sum(c.calls)::float8 as calls
        from pgstrata.watch_call c
        left join pgstrata.watch_shape s using (shape)
        group by 1`)
      return Object.fromEntries(rows.map(({ text, calls }) => [text, calls]))
    }
    const call = async (): Promise<void> => {
      for (let n = 0; n < 3; n++) await pool.query('select current_user')
      for (let n = 0; n < 4; n++) await pool.query('select current_date')
      await flush.flush()
    }
    await call()
    expect(await stored()).toEqual({ 'all others': 7 })
    expect(await countOf('watch_shape')).toBe(mostStoredTexts + 1)
    // Who measures makes room.
    await takeTexts([{ queryid: '1', text: 'any' }])
    expect(await countOf('watch_shape')).toBe(0.9 * mostStoredTexts + 1)
    await call()
    expect(await stored()).toEqual({
      'all others': 7,
      'select current_user': 3,
      'select current_date': 4,
    })
    await flush.close()
  })
})
