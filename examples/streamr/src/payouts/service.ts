// Payouts as the app asks for them: computed in one of three ways that agree to the last unit, or run and written down.
//
// Each calculation is timed under the name `calculate_payouts`: in the log, as the original design has it, and by the monitor, whose rule
// `PayoutSlow` tells somebody when one takes more than two seconds.

import type { Kysely } from 'kysely'
import type { DatabasePerformanceMonitor } from 'pgstrata'
import type { Database } from '../database.ts'
import { usualFormula, weigh, type PayoutFormula } from './formula.ts'
import { fromRollup, streamTotals, type StreamTotals } from './from-rollup.ts'
import { nPlusOne } from './n-plus-one.ts'
import type { ComputePayouts, PayoutWindow, StreamPayout } from './payout.ts'
import { runPayouts, type PayoutRun, type RunOptions } from './run.ts'
import { singleQuery } from './single-query.ts'

export const ways = { 'n-plus-one': nPlusOne, 'single-query': singleQuery, rollup: fromRollup } as const

export type Way = keyof typeof ways

export interface PayoutServiceOptions {
  readonly db: Kysely<Database>
  readonly formula?: PayoutFormula
  /** `strata.monitor`. */
  readonly monitor?: Pick<DatabasePerformanceMonitor, 'trackQuery'> | undefined
  readonly log?: (line: string) => void
  readonly now?: () => Date
}

interface PayoutQuestion {
  /** Whole hours. Default 1. */
  readonly hoursBack?: number | undefined
  /** The end of the time. Default: now. */
  readonly asOf?: Date | undefined
  /** Default: `rollup`. */
  readonly by?: Way | undefined
}

export interface PayoutService {
  /** What each stream and node would be paid. Nothing is written. */
  calculatePayouts(question?: PayoutQuestion): Promise<readonly StreamPayout[]>
  /** The same by its name in the original design. */
  calculate_payouts(hours_back?: number): Promise<readonly StreamPayout[]>
  /** What was measured and is at stake of each paying stream, without its nodes. */
  streamTotals(question?: Omit<PayoutQuestion, 'by'>): Promise<readonly StreamTotals[]>
  /** Computes and writes down, once for an `asOf` and `hoursBack`. */
  run(question?: PayoutQuestion, confirm?: RunOptions['confirm']): Promise<PayoutRun>
}

const name = 'calculate_payouts'

export function createPayoutService(options: PayoutServiceOptions): PayoutService {
  const { db, formula = usualFormula, monitor, log = () => undefined, now = () => new Date() } = options
  const windowOf = ({ hoursBack = 1, asOf = now() }: PayoutQuestion): PayoutWindow => ({
    asOf,
    hoursBack,
    weighing: weigh(formula, hoursBack),
  })
  const timed = async <T>(work: () => Promise<T>): Promise<T> => {
    const beganMs = performance.now()
    try {
      return await (monitor === undefined ? work() : monitor.trackQuery(work, name))
    } finally {
      log(`Query ${name} took ${((performance.now() - beganMs) / 1000).toFixed(3)}s`)
    }
  }
  const computeBy =
    (by: Way): ComputePayouts =>
    async (on, window) =>
      await timed(async () => await ways[by](on, window))
  const calculatePayouts = async (question: PayoutQuestion = {}): Promise<readonly StreamPayout[]> =>
    await computeBy(question.by ?? 'rollup')(db, windowOf(question))
  return {
    calculatePayouts,
    calculate_payouts: async (hoursBack) => await calculatePayouts({ hoursBack }),
    streamTotals: async (question = {}) => await streamTotals(db, windowOf(question)),
    run: async (question = {}, confirm) => {
      const by = question.by ?? 'rollup'
      return await runPayouts(db, { window: windowOf(question), compute: computeBy(by), by, confirm })
    },
  }
}
