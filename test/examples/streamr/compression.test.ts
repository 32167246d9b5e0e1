// Days of probes that are a week old are packed by the job: they take less, payouts of them come to the same in all three ways, also
// behind a measurement that comes late or is taken off, and a database that is filled anew keeps none of them.

import { expect, test } from 'vitest'
import { sql } from '../../../src/sql/sql.ts'
import { generate } from '../../../examples/streamr/src/generator/generate.ts'
import { fromRollup } from '../../../examples/streamr/src/payouts/from-rollup.ts'
import { nPlusOne } from '../../../examples/streamr/src/payouts/n-plus-one.ts'
import type { PayoutWindow } from '../../../examples/streamr/src/payouts/payout.ts'
import { packedAfterDays } from '../../../examples/streamr/src/payouts/results.ts'
import { singleQuery } from '../../../examples/streamr/src/payouts/single-query.ts'
import { describeOnEachVersion } from '../../support/postgres.ts'
import { addNodes, addProbes, addStreams, hourMs, midnight, probesOf, shown, windowOf } from './payouts-support.ts'
import { useStreamr } from './support.ts'

const dayMs = 24 * hourMs
const old = midnight - 8 * dayMs
const older = old - dayMs
const nameOf = (day: number): string => `probe_results_${new Date(day).toISOString().slice(0, 10).replaceAll('-', '_')}`

describeOnEachVersion('days of probes that are old', (version) => {
  const streamr = useStreamr(version, { days: 11 })

  /** The same in three ways. */
  const payoutsOf = async (window: PayoutWindow): Promise<readonly string[]> => {
    const { kysely } = streamr()
    const rolledUp = shown(await fromRollup(kysely, window))
    expect(shown(await singleQuery(kysely, window))).toEqual(rolledUp)
    expect(shown(await nPlusOne(kysely, window))).toEqual(rolledUp)
    return rolledUp
  }

  const countOf = async (relation: string): Promise<number> => {
    const { rows } = await streamr().db.query<{ n: number }>(sql.raw(`select count(*)::integer as n from ${relation}`))
    return rows[0]?.n ?? -1
  }

  test('are packed, and count as before', async () => {
    const { db, strata } = streamr()
    const stream = { viewers: 3, excluded: false, status: 'ACTIVE', reward: 1_000n, balance: 10n ** 9n }
    await addStreams(streamr(), [{ id: 's-1', ...stream }])
    await addNodes(streamr(), 's-1', ['n-1', 'n-2'])
    for (const day of [older, old, midnight])
      for (let hour = 0; hour < 24; hour++) {
        const at = day + hour * hourMs
        const place = { stream: 's-1', hour: at }
        await addProbes(streamr(), probesOf({ ...place, node: 'n-1' }, { polls: 100, ok: 90, failed: 2 }))
        await addProbes(streamr(), probesOf({ ...place, node: 'n-2' }, { polls: 100, ok: 50 + hour }))
      }
    // Over the end of a day, and through the middle of an hour at either end.
    const window = windowOf(old + 5.0125 * hourMs, 8)
    const before = await payoutsOf(window)
    expect(before.join('\n')).toContain('n-2')
    // As if it had been applied a while ago: whoever reads rollups knows of the history.
    await db.query(
      sql`update pgstrata.rollup set shape = shape || jsonb_build_object('tieredAt', now() - interval '1 hour')`,
    )

    expect(await strata.jobs.runNow('tiers')).toMatchObject({ state: 'done', warnings: [], failure: null })
    const [status] = await strata.tiers.status('probe_results')
    const packed = (status?.partitions ?? []).filter(({ tier }) => tier === 'packed')
    expect(packed.map(({ name }) => name)).toEqual(expect.arrayContaining([nameOf(older), nameOf(old)]))
    for (const { name, hotBytes, sizeBytes } of packed.filter(({ rows }) => rows !== null && rows > 0)) {
      expect(await countOf(name)).toBe(0)
      expect(sizeBytes, name).toBeLessThan((hotBytes ?? 0) / 3)
    }
    expect(await countOf(nameOf(midnight))).toBe(24 * 202)
    const first = Date.now() - (packedAfterDays + 1) * dayMs
    expect(packed.map(({ name }) => name).filter((name) => name > nameOf(first))).toEqual([])
    expect(await countOf('probe_results_history')).toBe(3 * 24 * 202)
    expect(await payoutsOf(window)).toEqual(before)

    await addProbes(streamr(), probesOf({ stream: 's-1', node: 'n-2', hour: old }, { polls: 40, ok: 40 }))
    const after = await payoutsOf(window)
    expect(after).not.toEqual(before)
    await db.query(sql`
      delete from probe_results_history
      where node_id = 'n-1'
        and not success
        and probe_timestamp >= ${new Date(old).toISOString()}::timestamptz
        and probe_timestamp < ${new Date(old + hourMs).toISOString()}::timestamptz`)
    expect(await payoutsOf(window)).not.toEqual(after)
    expect(await strata.rollup.verify('node_earnings_hourly')).toMatchObject({ different: 0 })
  })

  test('are gone when the database is filled anew', async () => {
    const { strata } = streamr()
    expect(await countOf('probe_results_history')).not.toBe(await countOf('probe_results'))
    await generate(strata, { scale: 0.005, existing: 'reset', sizes: { days: 2, silentStreams: 1, comments: 1 } })
    expect(await countOf('probe_results_history')).toBe(await countOf('probe_results'))
    expect(await countOf(`probe_results_history where node_id in ('n-1', 'n-2')`)).toBe(0)
  })
})
