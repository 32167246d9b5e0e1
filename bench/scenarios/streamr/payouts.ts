// Payouts of one hour by the original design's three queries a node, by its one query a stream, and by the rollup: what each takes, and
// what the server does for it. Before anything is timed all of them have to come to the same results, to the last unit.

import { isDeepStrictEqual } from 'node:util'
import { availableParallelism } from 'node:os'
import { openDatabase } from '../../../examples/streamr/src/database.ts'
import { createPayoutService, type PayoutService, type Way } from '../../../examples/streamr/src/payouts/service.ts'
import type { StreamPayout } from '../../../examples/streamr/src/payouts/payout.ts'
import { measureRounds, timeMs, type Variant } from '../../harness/rounds.ts'
import type { Samples } from '../../harness/part.ts'
import type { BenchContext } from '../../harness/scenario.ts'
import { serverCpuMs } from '../../support/server-cpu.ts'
import type { KeptServer } from '../../support/kept-server.ts'
import { withStreamr } from './database.ts'

export interface PayoutSizes {
  readonly rounds: number
  /** Quick ones are repeated for so long. */
  readonly forMs: number
}

export interface Statements {
  readonly byNodes: number
  readonly byStreams: number
  readonly byRollup: number
}

interface Measuring {
  readonly service: PayoutService
  /** The end of the hour, which is a whole one; and one that is not. */
  readonly asOf: Date
  readonly ragged: Date
  readonly pid: number
  readonly forMs: number
}

const hourMs = 3_600_000
const raggedByMs = 17 * 60_000 + 13_000

/** Samples by the names of figures; how many statements each way takes. */
export async function measurePayouts(
  { cluster, url }: KeptServer,
  { rounds, forMs }: PayoutSizes,
  { signal, progress }: BenchContext,
): Promise<{ readonly samples: Samples; readonly statements: Statements }> {
  return await withStreamr(url, async (strata) => {
    const db = openDatabase(strata)
    const service = createPayoutService({ db })
    const asOf = await lastPaidFor(service)
    const measuring = {
      service,
      asOf,
      ragged: new Date(asOf.getTime() - raggedByMs),
      pid: cluster.primary.pid,
      forMs,
    }
    const statements = await checkSame(db, measuring)
    progress(`the same results to the last unit; statements: ${JSON.stringify(statements)}`)
    const variants = payoutVariants(measuring)
    const samples = new Map(await measureRounds(variants, { rounds, signal, progress }))
    const writing = [ledgerVariant(measuring)]
    for (const [name, written] of await measureRounds(writing, { rounds, signal, progress })) samples.set(name, written)
    return { samples, statements }
  })
}

/** The end of the last whole hour of the data: it is there, whenever it was generated. */
async function lastPaidFor(service: PayoutService): Promise<Date> {
  for (let hoursAgo = 0; hoursAgo < 24; hoursAgo++) {
    const asOf = new Date((Math.floor(Date.now() / hourMs) - hoursAgo) * hourMs)
    const { isNew } = await service.run({ asOf })
    if (!isNew) return asOf
  }
  throw new Error('Expected payouts of the last day, and found none')
}

async function checkSame(
  db: ReturnType<typeof openDatabase>,
  { service, asOf, ragged }: Measuring,
): Promise<Statements> {
  const counted = async (by: Way, at: Date): Promise<{ rows: readonly StreamPayout[]; statements: number }> => {
    let statements = 0
    const counting = db.withPlugin({
      transformQuery: ({ node }) => {
        statements++
        return node
      },
      transformResult: async ({ result }) => await Promise.resolve(result),
    })
    return { rows: await createPayoutService({ db: counting }).calculatePayouts({ by, asOf: at }), statements }
  }
  const byRagged = await counted('rollup', ragged)
  requireSame('an hour that begins within one', byRagged.rows, (await counted('single-query', ragged)).rows)
  const byNodes = await counted('n-plus-one', asOf)
  const byStreams = await counted('single-query', asOf)
  const byRollup = await counted('rollup', asOf)
  if (byNodes.rows.length === 0) throw new Error('Expected payouts to compare, and there are none')
  requireSame('one query a stream', byStreams.rows, byNodes.rows)
  requireSame('the rollup', byRollup.rows, byNodes.rows)
  requireSame('totals of streams', await service.streamTotals({ asOf }), byNodes.rows.map(totalsOf))
  return { byNodes: byNodes.statements, byStreams: byStreams.statements, byRollup: byRollup.statements }
}

function requireSame(what: string, found: unknown, expected: unknown): void {
  if (!isDeepStrictEqual(found, expected)) throw new Error(`${what}: expected the same results, and got others`)
}

function totalsOf({ streamId, pool, nodes }: StreamPayout): object {
  const sum = (of: 'polls' | 'ok' | 'failed'): number => nodes.reduce((all, node) => all + node[of], 0)
  return { streamId, pool, polls: sum('polls'), ok: sum('ok'), failed: sum('failed') }
}

function payoutVariants(measuring: Measuring): readonly Variant[] {
  const { service, asOf, ragged, forMs } = measuring
  const by = (way: Way) => async () => await service.calculatePayouts({ by: way, asOf })
  return [
    variantOf('n1', measuring, { forMs: 0, work: by('n-plus-one') }),
    variantOf('single', measuring, { forMs, work: by('single-query') }),
    variantOf('node', measuring, { forMs, work: by('rollup') }),
    variantOf('ragged', measuring, { forMs, work: async () => await service.calculatePayouts({ asOf: ragged }) }),
    variantOf('stream', measuring, { forMs, work: async () => await service.streamTotals({ asOf }) }),
  ]
}

/** Of one calculation: how long it takes, and the server's processor time; of the cores, the share that the server takes meanwhile. */
function variantOf(
  name: string,
  { pid }: Measuring,
  { forMs, work }: { readonly forMs: number; readonly work: () => Promise<readonly unknown[]> },
): Variant {
  return {
    name,
    run: async () => {
      const before = await serverCpuMs(pid)
      const begun = performance.now()
      let times = 0
      do {
        if ((await work()).length === 0) throw new Error(`${name}: nothing is paid`)
        times++
      } while (performance.now() - begun < forMs)
      const tookMs = performance.now() - begun
      const cpuMs = (await serverCpuMs(pid)) - before
      return {
        [`payout_${name}_ms`]: tookMs / times,
        [`payout_${name}_cpu_ms`]: cpuMs / times,
        [`payout_${name}_cpu_percent`]: (100 * cpuMs) / tookMs / availableParallelism(),
      }
    },
  }
}

/** A run of an hour that was not paid for yet, without its calculation: lines, ledger, balances, commit. */
function ledgerVariant({ service, asOf }: Measuring): Variant {
  let back = 0
  return {
    name: 'ledger',
    run: async () => {
      let computedMs = 0
      const tookMs = await timeMs(async () => {
        let run
        do run = await service.run({ asOf: new Date(asOf.getTime() - ++back * 1_000) })
        while (!run.isNew)
        computedMs = run.durationMs
      })
      return { ledger_ms: tookMs - computedMs }
    },
  }
}
