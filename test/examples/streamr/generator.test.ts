// The generator of streamr at a small scale: the shape that it promises, the same rows for the same seed, rollups and payouts that are
// current, and a database with data in it that is left alone.

import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { sql } from '../../../src/sql/sql.ts'
import { createFleet } from '../../../examples/streamr/src/generator/fleet.ts'
import { generate } from '../../../examples/streamr/src/generator/generate.ts'
import { estimateRows, probesOf, spansOf } from '../../../examples/streamr/src/generator/probes.ts'
import { sizesOf } from '../../../examples/streamr/src/generator/sizes.ts'
import { versions } from '../../support/postgres.ts'
import { useStreamr } from './support.ts'

const now = new Date(Date.UTC(2026, 10, 20, 14, 37, 11))

describe('what a seed gives', () => {
  test('at full size: 13,000 nodes on 100 streams by a power law, thousands of streams with none', () => {
    const fleet = createFleet({ sizes: sizesOf(1), seed: 1, now })
    const counts = fleet.map(({ nodes }) => nodes.length)
    const paying = fleet.filter(({ status, viewers, excluded, nodes }) => {
      return status === 'ACTIVE' && viewers > 0 && !excluded && nodes.length > 0
    })
    expect(paying).toHaveLength(100)
    expect(paying.reduce((sum, { nodes }) => sum + nodes.length, 0)).toBe(13_000)
    expect(counts.filter((count) => count > 1_000).length).toBeGreaterThanOrEqual(3)
    expect(counts.filter((count) => count > 1_000).length).toBeLessThanOrEqual(8)
    expect(fleet.filter(({ nodes, viewers }) => nodes.length === 0 && viewers === 0)).toHaveLength(4_000)
    expect(new Set(fleet.flatMap(({ nodes }) => nodes.map(({ nodeId }) => nodeId))).size).toBe(13_030)
  })

  test('the same rows again, and others for another seed', () => {
    const digest = (seed: number): string => {
      const sizes = sizesOf(0.01)
      const options = { fleet: createFleet({ sizes, seed, now }), sizes, seed, now }
      const hash = createHash('sha256')
      for (const span of spansOf(options)) for (const row of probesOf(options, span)) hash.update(row.join('\t'))
      return hash.digest('hex')
    }
    expect(digest(7)).toBe(digest(7))
    expect(digest(7)).not.toBe(digest(8))
  })

  test('ninety days of probes, in the order of time, none after now, none before its node was there', () => {
    const sizes = sizesOf(0.01)
    const fleet = createFleet({ sizes, seed: 3, now })
    const joined = new Map(fleet.flatMap(({ nodes }) => nodes.map(({ nodeId, createdAt }) => [nodeId, createdAt])))
    const options = { fleet, sizes, seed: 3, now }
    let last = ''
    let count = 0
    for (const span of spansOf(options)) {
      for (const [, nodeId, , , , , timestamp] of probesOf(options, span)) {
        const at = String(timestamp)
        if (at < last || new Date(at) < (joined.get(String(nodeId)) ?? now)) throw new Error(`out of order at ${at}`)
        last = at
        count++
      }
    }
    expect(new Date(last).getTime()).toBeLessThan(now.getTime())
    expect(new Date(last).getTime()).toBeGreaterThan(now.getTime() - 15 * 60_000)
    expect(new Date(spansOf(options)[0]?.from ?? 0).toISOString()).toBe('2026-08-23T00:00:00.000Z')
    expect(Math.abs(estimateRows(options) / count - 1)).toBeLessThan(0.1)
  })

  test('a scale that makes no sense is refused', () => {
    expect(() => sizesOf(0)).toThrow('above 0 and at most 10, got 0')
    expect(() => sizesOf(Number.NaN)).toThrow('above 0')
  })
})

describe('a generated database', () => {
  const version = versions.at(-1) ?? 18
  const streamr = useStreamr(version, { days: 6 })
  const sizes = { days: 5, silentStreams: 50, comments: 200, payoutHours: 6 }

  test('has rollups and payouts that are current, and is left alone by a second call', async () => {
    const { strata, db } = streamr()
    const bars: string[] = []
    const progress = ({ label }: { label: string }): { add(): void; set(): void; finish(): void } => ({
      add: () => undefined,
      set: () => undefined,
      finish: () => void bars.push(label),
    })
    const report = await generate(strata, { scale: 0.02, sizes, progress })
    expect(report).toMatchObject({ nodes: 269, users: 40, comments: 200, payoutRuns: 6 })
    expect(bars).toEqual(['Comments', 'Probes', 'Payouts'])
    const { rows } = await db.query(sql`
      select (select count(*)::integer from probe_results) as probes,
        (select sum(total_polls)::integer from node_earnings_hourly_merged)
          = (select count(*) from probe_results where probe_type = 'stats_poll') as merged,
        (select sum(total_polls) from stream_earnings_hourly) = (select sum(total_polls) from node_earnings_hourly) as agree,
        (select sum(amount) from ledger_entries) as ledger,
        (select sum(amount) from node_payouts_totals) = (select sum(total) from payout_runs) as totals,
        (select count(*)::integer from nodes where user_id is not null) between 10 and 45 as owned,
        (select count(*)::integer from friendships f join friendships g on (g.user_id, g.friend_id) = (f.friend_id, f.user_id)) as twice`)
    expect(rows).toEqual([
      { probes: report.probes, merged: true, agree: true, ledger: '0', totals: true, owned: true, twice: 0 },
    ])
    await expect(generate(strata, { scale: 0.02, sizes })).rejects.toThrow('say "reset" to begin anew, or "append"')
    const more = await generate(strata, { scale: 0.02, sizes, existing: 'append' })
    expect(more.nodes).toBe(269)
    const counted = sql`select count(*)::integer as nodes from nodes`
    expect((await db.query(counted)).rows).toEqual([{ nodes: 538 }])
    const anew = await generate(strata, { scale: 0.01, sizes, existing: 'reset' })
    expect((await db.query(counted)).rows).toEqual([{ nodes: anew.nodes }])
    const { rows: left } = await db.query(sql`
      select (select count(*)::integer from payout_runs) as runs,
        (select sum(total_polls)::integer from stream_earnings_hourly)
          = (select count(*) from probe_results where probe_type = 'stats_poll') as exact`)
    expect(left).toEqual([{ runs: 6, exact: true }])
  })
})
