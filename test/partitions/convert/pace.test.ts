// Batches are as large as their time allows, and what the swap carries over is what takes no time: by what the last ones took.

import { expect, test } from 'vitest'
import { systemClock, type Clock } from '../../../src/base/clock.ts'
import { sql } from '../../../src/sql/sql.ts'
import { describeOnEachVersion } from '../../support/postgres.ts'
import { byHash, contentOf, createPlays, declare, openConversion } from './support.ts'

describeOnEachVersion('a full conversion', (_version, database) => {
  test('undoes a batch that takes ten times as long as it should, and does it by parts', async () => {
    const { db } = database()
    const effort = (body: string): string =>
      `create or replace function effort(id int) returns int language plpgsql immutable as $$ begin ${body} return id; end $$`
    await db.query(sql.raw(effort('')))
    await db.query(
      sql`create table steep (id int primary key, wide text, made int generated always as (effort(id)) stored)`,
    )
    // Ten rows to a page; from the 63rd page on each row takes 4 ms to write.
    await db.query(sql`insert into steep (id, wide) select g, repeat('w', 700) from generate_series(1, 1300) as g`)
    await db.query(sql.raw(effort('if id > 630 then perform pg_sleep(0.004); end if;')))
    // By this clock every batch is quick: only the server's own can tell.
    const conversion = openConversion(db, { clock: { ...systemClock, monotonic: () => 0 } })
    const steps: number[] = []
    let last = 0
    const outcome = await conversion.convert(declare('steep', byHash), {
      full: true,
      onEvent: async (event) => {
        if (event.type !== 'progress' || event.state !== 'copying') return
        const { position = 0 } = (await conversion.status({ schema: 'public', table: 'steep' })) ?? {}
        if (last >= 63) steps.push(position - last)
        last = position
      },
    })
    expect(outcome).toMatchObject({ ending: 'done', record: { rowsCopied: 1_300 } })
    // A batch of 64 pages would take 2.6 s.
    expect(Math.max(...steps)).toBeLessThan(33)
    expect(await contentOf(db, 'steep')).toEqual(await contentOf(db, 'steep_old'))
  })

  test('swaps with fewer changes pending where each of them takes longer', async () => {
    const { db } = database()
    await createPlays(db, 'dear', 1_000)
    let nowMs = 0
    // Whatever is measured took a tenth of a second.
    const slow: Clock = {
      ...systemClock,
      monotonic: () => (nowMs += 100),
      sleep: (delayMs, signal) => systemClock.sleep(Math.min(delayMs, 2), signal),
    }
    const states: string[] = []
    let late = false
    const outcome = await openConversion(db, { clock: slow }).convert(declare('dear', byHash), {
      full: true,
      onEvent: async (event) => {
        if (event.type === 'state') {
          states.push(event.state)
          if (event.state === 'catching') await db.query(sql`update dear set note = 'a' where id <= 60`)
        }
        if (late || event.type !== 'transaction' || event.state !== 'swapping' || event.moment !== 'committed') return
        late = true
        await db.query(sql`update dear set note = 'b' where id <= 100`)
      },
    })
    expect(outcome.ending).toBe('done')
    expect(states.slice(-6)).toEqual(['closing', 'swapping', 'closing', 'swapping', 'settling', 'done'])
    expect(await contentOf(db, 'dear')).toEqual(await contentOf(db, 'dear_old'))
  })
})
