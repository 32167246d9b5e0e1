// Three ways of computing payouts agree to the last unit, whatever was measured, came late, was deleted or is not merged yet, and for any
// moment; what a stream pays is its pool or nothing; and the rollup needs one round trip for all of it.

import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { sql } from '../../../src/sql/sql.ts'
import { fromRollup, streamTotals } from '../../../examples/streamr/src/payouts/from-rollup.ts'
import { nPlusOne } from '../../../examples/streamr/src/payouts/n-plus-one.ts'
import { createPayoutService, ways } from '../../../examples/streamr/src/payouts/service.ts'
import { singleQuery } from '../../../examples/streamr/src/payouts/single-query.ts'
import { sumOf } from '../../../examples/streamr/src/money.ts'
import { checkProperty } from '../../support/property.ts'
import { describeOnEachVersion } from '../../support/postgres.ts'
import {
  addNodes,
  addProbes,
  addStreams,
  clear,
  hourMs,
  midnight,
  nodeIds,
  probesOf,
  shown,
  someProbe,
  someStream,
  streamIds,
  windowOf,
} from './payouts-support.ts'
import { useStreamr } from './support.ts'

const someCase = fc.record({
  streams: fc.tuple(someStream, someStream, someStream),
  probes: fc.array(someProbe, { minLength: 40, maxLength: 150, size: 'max' }),
  late: fc.array(someProbe, { maxLength: 20 }),
  merges: fc.boolean(),
  deleted: fc.constantFrom(...nodeIds),
  suspended: fc.subarray(nodeIds, { maxLength: 2 }),
  asOf: fc
    .oneof(
      fc.integer({ min: 1, max: 22 }).map((halves) => (halves * hourMs) / 2),
      fc.integer({ min: hourMs / 2, max: 11 * hourMs }),
      fc.integer({ min: 2 * hourMs, max: 47 * hourMs }),
    )
    .map((ms) => midnight + ms),
  hoursBack: fc.oneof(fc.constant(1), fc.integer({ min: 2, max: 12 }), fc.integer({ min: 1, max: 48 })),
  formula: fc.record({
    factor: fc.double({ min: 0.1, max: 1, noNaN: true }),
    floor: fc.double({ min: 0, max: 1, noNaN: true }),
    cap: fc.integer({ min: 0, max: 5 }),
    minimumPolls: fc.constantFrom(0, 0, 1, 3),
    minimumContribution: fc.constantFrom(0, 0, 0.01, 0.3),
    pollsPerHour: fc.integer({ min: 1, max: 6 }),
  }),
})

describeOnEachVersion('payouts of streamr', (version) => {
  const streamr = useStreamr(version, { days: 3 })

  test('come to the same in three ways, on random data at any instant', async () => {
    let paidTimes = 0
    await checkProperty(
      'three ways',
      // Values near their bounds are most of a short run otherwise, and most of those times are empty.
      fc.noBias(someCase),
      async ({ streams, probes, late, merges, deleted, suspended, asOf, hoursBack, formula }) => {
        const { db, kysely, strata } = streamr()
        await clear(streamr())
        await addStreams(
          streamr(),
          streams.map((stream, index) => ({ id: streamIds[index] ?? '', ...stream })),
        )
        await addNodes(streamr(), 's-1', nodeIds)
        await addProbes(streamr(), probes)
        if (merges) await strata.rollup.merge('node_earnings_hourly')
        await addProbes(streamr(), late)
        await db.query(sql`delete from probe_results where node_id = ${deleted} and probe_type = 'stats_poll'`)
        await db.query(sql`update nodes set status = 'SUSPENDED' where node_id = any (${suspended})`)
        const window = windowOf(asOf, hoursBack, formula)
        const before = await nPlusOne(kysely, window)
        expect(shown(await singleQuery(kysely, window))).toEqual(shown(before))
        expect(shown(await fromRollup(kysely, window))).toEqual(shown(before))
        for (const { pool, paid, nodes } of before) {
          expect(sumOf(nodes.map(({ amount }) => amount))).toBe(paid)
          if (paid > 0n) paidTimes++
          expect(paid).toBe(nodes.some(({ weight }) => weight > 0n) ? pool : 0n)
        }
        const totals = (await streamTotals(kysely, window)).filter(({ polls, failed }) => polls + failed > 0)
        const summed = before.map(({ streamId, pool, nodes }) => {
          const sum = (of: 'polls' | 'ok' | 'failed'): number => nodes.reduce((all, node) => all + node[of], 0)
          return { streamId, pool, polls: sum('polls'), ok: sum('ok'), failed: sum('failed') }
        })
        expect(totals).toEqual(summed.filter(({ polls, failed }) => polls + failed > 0))
      },
      { runs: 25 },
    )
    expect(paidTimes).toBeGreaterThan(0)
  })

  describe('of two streams', () => {
    const hour = midnight + 5 * hourMs

    async function prepare(): Promise<void> {
      await clear(streamr())
      const stream = { reward: 1000n, balance: 10_000n, viewers: 3, excluded: false, status: 'ACTIVE' }
      await addStreams(streamr(), [
        { id: 's-1', ...stream },
        { id: 's-2', ...stream, viewers: 0 },
      ])
      await addNodes(streamr(), 's-1', ['n-1', 'n-2', 'n-3'])
      await addNodes(streamr(), 's-2', ['n-4'])
      await addProbes(streamr(), [
        ...probesOf({ stream: 's-1', node: 'n-1', hour }, { polls: 6, ok: 6 }),
        ...probesOf({ stream: 's-1', node: 'n-2', hour }, { polls: 6, ok: 6, failed: 1 }),
        ...probesOf({ stream: 's-1', node: 'n-3', hour }, { polls: 6, ok: 0 }),
        ...probesOf({ stream: 's-2', node: 'n-4', hour }, { polls: 6, ok: 6 }),
      ])
    }

    test('a failed spot check takes a fifth, no successful poll leaves nothing, and no viewers no pool', async () => {
      await prepare()
      expect(shown(await fromRollup(streamr().kysely, windowOf(hour + hourMs, 1)))).toEqual([
        's-1 pool 1000 paid 1000',
        '  n-1 6 6 0 1000000000 556',
        '  n-2 6 6 1 800000000 444',
        '  n-3 6 0 0 0 0',
      ])
    })

    test('the time ends before its end, and begins with its beginning', async () => {
      await prepare()
      expect(await fromRollup(streamr().kysely, windowOf(hour, 1))).toEqual([])
      const [first] = await fromRollup(streamr().kysely, windowOf(hour + hourMs + 1000, 1))
      expect(first?.nodes.map(({ polls }) => polls)).toEqual([5, 5, 5])
    })

    test('by the rollup, everything is one round trip', async () => {
      await prepare()
      const { kysely, strata } = streamr()
      const texts: string[] = []
      const listener = (message: unknown): void => void texts.push(String((message as { text?: unknown }).text))
      subscribe('pgstrata:query:start', listener)
      try {
        await fromRollup(kysely, windowOf(hour + hourMs, 1))
      } finally {
        unsubscribe('pgstrata:query:start', listener)
      }
      expect(strata.pool.totalCount).toBeGreaterThan(0)
      expect(texts).toHaveLength(1)
    })

    test('by its old name, with the duration in the log and under its name in the monitor', async () => {
      await prepare()
      const { kysely, strata } = streamr()
      const lines: string[] = []
      const service = createPayoutService({
        db: kysely,
        monitor: strata.monitor,
        log: (line) => lines.push(line),
        now: () => new Date(hour + 2 * hourMs),
      })
      const expected = shown(await service.calculatePayouts({ hoursBack: 2, by: 'n-plus-one' }))
      expect(expected).toHaveLength(4)
      for (const by of Object.keys(ways) as (keyof typeof ways)[])
        expect(shown(await service.calculatePayouts({ hoursBack: 2, by }))).toEqual(expected)
      expect(shown(await service.calculate_payouts(2))).toEqual(expected)
      expect(lines).toHaveLength(5)
      for (const line of lines) expect(line).toMatch(/^Query calculate_payouts took \d+\.\d{3}s$/)
      expect(strata.monitor.getStats(600_000, 'calculate_payouts').count).toBe(5)
    })
  })
})
