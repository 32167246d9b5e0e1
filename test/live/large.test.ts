// A transaction of a million rows, as the feed hands it on: in parts. What is kept of it is bounded, who watches all of it begins
// anew, once, and who watches one row hears of that one.

import { expect, test } from 'vitest'
import { batch, begun, brief, change, connect, epoch, testClient } from './support.ts'

/** A million rows in soak, a tenth of them otherwise. */
const parts = process.env['PGSTRATA_SOAK'] === '1' ? 1_000 : 100
const partChanges = 1_000

test('very many rows in one transaction are bounded in memory and in events', () => {
  const made = begun()
  const all = testClient()
  const one = testClient()
  const stuck = testClient()
  connect(made, all)
  connect(made, one, [{ table: 'item', key: { id: 77_777 } }])
  connect(made, stuck)
  stuck.room = 0
  let mostBytes = 0
  for (let part = 0; part < parts; part++) {
    const first = part * partChanges
    const changes = Array.from({ length: partChanges }, (_, index) => ({
      ...change('insert', first + index, { v: 'some text' }),
      seq: first + index,
    }))
    made.hub.accept(batch(200n, ...changes))
    mostBytes = Math.max(mostBytes, made.hub.status.ringBytes)
  }
  made.clock.advance(50)
  expect(brief(all)).toEqual(['reset'])
  expect(all.lastEventId).toBe(`${epoch}:c8:${parts * partChanges - 1}`)
  expect(brief(one)).toEqual(['insert 77777'])
  expect(mostBytes).toBeLessThanOrEqual(16 * 1024 * 1024)
  expect(made.hub.status).toMatchObject({ changes: parts * partChanges, ringEvents: 10_000 })
  // Made for those who took them: 501 for each that watches all, and one.
  expect(made.hub.status.frames).toBeLessThan(1_100)
  const back = testClient()
  connect(made, back, [{ table: 'item' }], { lastEventId: `${epoch}:c8:${parts * partChanges - 3}` })
  const rows = parts * partChanges
  expect(brief(back)).toEqual([`insert ${rows - 2}`, `insert ${rows - 1}`])
})
