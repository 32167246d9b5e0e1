// Payout runs and their ledger: one run for a time, whoever asks and however many at once; all of it or nothing; a ledger that comes to
// nothing; balances that fall by what was paid and never under zero.

import fc from 'fast-check'
import pg from 'pg'
import { expect, test } from 'vitest'
import { sql } from '../../../src/sql/sql.ts'
import { openDatabase, openJobDatabase } from '../../../examples/streamr/src/database.ts'
import { payoutJob } from '../../../examples/streamr/src/payouts/job.ts'
import { createPayoutService, type PayoutService } from '../../../examples/streamr/src/payouts/service.ts'
import { silentLogger } from '../../../src/base/logger.ts'
import type { JobContext } from '../../../src/db/job.ts'
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
  someProbe,
  someStream,
  streamIds,
} from './payouts-support.ts'
import { useStreamr } from './support.ts'

const hour = midnight + 5 * hourMs
const asOf = new Date(hour + hourMs)

describeOnEachVersion('the ledger of streamr', (version) => {
  const streamr = useStreamr(version, { days: 3 })
  const service = (): PayoutService => createPayoutService({ db: streamr().kysely })

  /** s-1 pays 1,000 an hour to n-1 and n-2, as long as it has something. */
  async function prepare(balance = 2_500n): Promise<void> {
    await clear(streamr())
    await addStreams(streamr(), [{ id: 's-1', reward: 1_000n, balance, viewers: 3, excluded: false, status: 'ACTIVE' }])
    await addNodes(streamr(), 's-1', ['n-1', 'n-2'])
    for (let hours = 0; hours < 5; hours++) {
      const at = hour + hours * hourMs
      await addProbes(streamr(), [
        ...probesOf({ stream: 's-1', node: 'n-1', hour: at }, { polls: 6, ok: 6 }),
        ...probesOf({ stream: 's-1', node: 'n-2', hour: at }, { polls: 6, ok: 3 }),
      ])
    }
  }

  const written = async (): Promise<unknown> => {
    const { rows } = await streamr().db.query(sql`
      select (select count(*)::integer from payout_runs) as runs,
        (select count(*)::integer from payout_lines) as lines,
        (select count(*)::integer from ledger_entries) as entries,
        (select coalesce(sum(amount), 0)::text from ledger_entries) as sum,
        (select token_balance::text from streams where stream_id = 's-1') as balance`)
    return rows[0]
  }

  test('the same time twice is one run, also after what was measured has changed', async () => {
    await prepare()
    const first = await service().run({ asOf })
    expect(first).toMatchObject({
      isNew: true,
      streams: 1,
      nodes: 2,
      total: 1_000n,
      computedBy: 'rollup',
      hoursBack: 1,
    })
    await addProbes(streamr(), probesOf({ stream: 's-1', node: 'n-2', hour }, { polls: 3, ok: 3 }))
    const second = await service().run({ asOf, by: 'n-plus-one' })
    expect(second).toEqual({ ...first, isNew: false })
    expect(await written()).toEqual({ runs: 1, lines: 2, entries: 3, sum: '0', balance: '1500' })
    const lines = await streamr().kysely.selectFrom('payout_lines').selectAll().orderBy('node_id').execute()
    expect(lines.map(({ node_id: node, weight, amount }) => [node, weight, amount])).toEqual([
      ['n-1', '1000000000', '800'],
      ['n-2', '250000000', '200'],
    ])
    const { rows } = await streamr().db.query(sql`select node_id, amount::text from node_payouts order by node_id`)
    expect(rows).toEqual([
      { node_id: 'n-1', amount: '800' },
      { node_id: 'n-2', amount: '200' },
    ])
  })

  test('many at once make one run, and all of them get it', async () => {
    await prepare()
    const runs = await Promise.all(Array.from({ length: 6 }, async () => await service().run({ asOf })))
    expect(runs.filter(({ isNew }) => isNew)).toHaveLength(1)
    expect(new Set(runs.map(({ runId }) => runId)).size).toBe(1)
    expect(await written()).toEqual({ runs: 1, lines: 2, entries: 3, sum: '0', balance: '1500' })
  })

  test('runs of several hours at once pay no more than there is, whatever their order', async () => {
    await prepare(2_500n)
    const runs = await Promise.all(
      [1, 2, 3, 4, 5].map(async (hours) => await service().run({ asOf: new Date(hour + hours * hourMs) })),
    )
    expect(runs.map(({ total }) => Number(total)).toSorted((one, other) => one - other)).toEqual([
      0, 0, 500, 1_000, 1_000,
    ])
    expect(await written()).toMatchObject({ runs: 5, sum: '0', balance: '0' })
  })

  test('whoever is killed before the commit leaves nothing, and the next one makes the run', async () => {
    await prepare()
    const before = await written()
    await expect(
      service().run({ asOf }, async (transaction) => {
        const { pid } = await transaction
          .selectNoFrom((select) => select.fn<number>('pg_backend_pid').as('pid'))
          .executeTakeFirstOrThrow()
        await streamr().db.query(sql`select pg_terminate_backend(${pid})`)
        await transaction.selectFrom('payout_lines').selectAll().execute()
      }),
    ).rejects.toThrow('connection')
    expect(await written()).toEqual(before)
    expect(await service().run({ asOf })).toMatchObject({ isNew: true, total: 1_000n })
  })

  test('the job pays for the hour that ended before its tick, once, on connections of the job', async () => {
    await prepare()
    const outcomes = []
    for (const minute of [5, 5, 40]) {
      const tick = new Date(hour + hourMs + minute * 60_000)
      outcomes.push(await payoutJob({ db: streamr().db, tick, logger: silentLogger } as unknown as JobContext))
    }
    expect(outcomes.map(({ did }) => did)).toEqual(['2 nodes of 1 streams paid', '', ''])
    expect(await written()).toMatchObject({ runs: 1, sum: '0', balance: '1500' })
    const kysely = openJobDatabase(streamr().db)
    const kept = kysely.transaction().execute(async (transaction) => {
      await transaction.deleteFrom('payout_lines').execute()
      throw new Error('given up')
    })
    await expect(kept).rejects.toThrow('given up')
    expect(await written()).toMatchObject({ lines: 2 })
  })

  test('on random data every run comes to nothing, and balances fall by what was paid', async () => {
    const some = fc.record({
      streams: fc.tuple(someStream, someStream, someStream),
      probes: fc.array(someProbe, { minLength: 20, maxLength: 120 }),
      hours: fc.array(fc.integer({ min: 0, max: 12 }), { minLength: 1, maxLength: 4 }),
      hoursBack: fc.integer({ min: 1, max: 24 }),
    })
    let total = 0n
    await checkProperty(
      'ledger',
      // Values near their bounds are most of a short run otherwise, and most of those times are empty.
      fc.noBias(some),
      async ({ streams, probes, hours, hoursBack }) => {
        await clear(streamr())
        await addStreams(
          streamr(),
          streams.map((stream, index) => ({ id: streamIds[index] ?? '', ...stream })),
        )
        await addNodes(streamr(), 's-1', nodeIds)
        await addProbes(streamr(), probes)
        for (const at of hours)
          total += (await service().run({ asOf: new Date(midnight + at * hourMs), hoursBack })).total
        const { rows } = await streamr().db.query<{ amiss: string }>(sql`
          select 'run ' || run_id as amiss from ledger_entries group by run_id having sum(amount) <> 0
          union all
          select 'run ' || r.run_id from payout_runs r
          where r.total <> (select coalesce(sum(amount), 0) from payout_lines l where l.run_id = r.run_id)
            or r.total <> (
              select coalesce(sum(amount), 0) from ledger_entries e where e.run_id = r.run_id and e.account like 'node:%')`)
        expect(rows).toEqual([])
        for (const [index, { balance }] of streams.entries()) {
          const id = streamIds[index] ?? ''
          const left = await streamr().db.query<{ left: string }>(sql`
            select (s.token_balance - coalesce((select sum(amount) from ledger_entries where account = 'stream:' || ${id}::text), 0))::text
              as left
            from streams s
            where s.stream_id = ${id}`)
          expect(left.rows[0]?.left).toBe(String(balance))
        }
      },
      { runs: 15 },
    )
    expect(total).toBeGreaterThan(0n)
  })

  test('amounts beyond what a number holds arrive to the last digit', async () => {
    await prepare(10n ** 37n + 7n)
    await streamr().db.query(sql`update streams set reward_per_hour = ${String(10n ** 37n + 3n)}`)
    const [stream] = await service().calculatePayouts({ asOf })
    expect(stream?.paid).toBe(10n ** 37n + 3n)
    expect(await service().run({ asOf })).toMatchObject({ total: 10n ** 37n + 3n })
    expect(await written()).toMatchObject({ sum: '0', balance: '4' })
  })

  test('works on a plain pool as well: nothing but Kysely is needed', async () => {
    await prepare()
    const pool = new pg.Pool({ connectionString: streamr().url, max: 2 })
    // end() does not wait for connections to be closed, and the database goes with the tests.
    pool.on('error', () => undefined)
    try {
      const plain = createPayoutService({ db: openDatabase({ pool: pool as never }) })
      expect((await plain.run({ asOf })).total).toBe(1_000n)
    } finally {
      await pool.end()
    }
  })
})
