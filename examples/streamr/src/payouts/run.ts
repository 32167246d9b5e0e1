// A payout run: computes the payouts of a time and writes them down, once.
//
// Promises: for an `as_of` and `hours_back` there is at most one run, whoever asks for it and however often; whoever comes later gets the
// one that is there. A run is one transaction: its lines, its ledger and the balances of its streams are all there, or nothing is. The
// ledger of a run comes to nothing, and no balance goes under zero: streams are locked before they are read, so runs of other times and
// whoever tops a stream up wait until this one has ended.

import { sql, type Kysely, type Selectable, type Transaction } from 'kysely'
import type { Database, PayoutRunsTable } from '../database.ts'
import { sumOf } from '../money.ts'
import type { ComputePayouts, PayoutWindow, StreamPayout } from './payout.ts'

export interface RunOptions {
  readonly window: PayoutWindow
  readonly compute: ComputePayouts
  /** Goes into `computed_by`. */
  readonly by: string
  /** Last in the transaction: may refuse. A job confirms its lease here. */
  readonly confirm?: ((transaction: Transaction<Database>) => Promise<void>) | undefined
}

export interface PayoutRun {
  readonly runId: string
  readonly asOf: Date
  readonly hoursBack: number
  readonly computedBy: string
  readonly streams: number
  readonly nodes: number
  readonly total: bigint
  readonly durationMs: number
  /** This call made it. */
  readonly isNew: boolean
}

export async function runPayouts(db: Kysely<Database>, options: RunOptions): Promise<PayoutRun> {
  const { window, by, confirm } = options
  const made = await db.transaction().execute(async (transaction) => {
    const runId = await beginRun(transaction, window, by)
    if (runId === undefined) return undefined
    await lockStreams(transaction)
    const beganMs = performance.now()
    const payouts = await options.compute(transaction, window)
    const durationMs = performance.now() - beganMs
    const paid = payouts.filter((stream) => stream.paid > 0n)
    await writeLines(transaction, { runId, asOf: window.asOf, paid })
    await writeLedger(transaction, runId)
    const run = await endRun(transaction, { runId, paid, durationMs })
    await confirm?.(transaction)
    return run
  })
  return made ?? (await readRun(db, window))
}

/** Waits for whoever makes the same run, and is undefined where that one did. */
async function beginRun(db: Kysely<Database>, window: PayoutWindow, by: string): Promise<string | undefined> {
  const row = await db
    .insertInto('payout_runs')
    .values({ as_of: window.asOf, hours_back: window.hoursBack, computed_by: by })
    .onConflict((conflict) => conflict.columns(['as_of', 'hours_back']).doNothing())
    .returning('run_id')
    .executeTakeFirst()
  return row?.run_id
}

/** Those that pay, always in one order. (One that begins to pay after this is guarded by the check on its balance alone.) */
async function lockStreams(db: Kysely<Database>): Promise<void> {
  await sql`
    select
    from streams
    where status = 'ACTIVE'
      and viewers > 0
      and not excluded
      and reward_per_hour > 0
    order by stream_id
    for no key update`.execute(db)
}

interface Lines {
  readonly runId: string
  readonly asOf: Date
  readonly paid: readonly StreamPayout[]
}

/** One statement, whose arrays are as long as there are nodes: five parameters, however many lines. */
async function writeLines(db: Kysely<Database>, { runId, asOf, paid }: Lines): Promise<void> {
  const lines = paid.flatMap(({ streamId, nodes }) =>
    nodes.filter(({ weight }) => weight > 0n).map((node) => ({ streamId, ...node })),
  )
  await sql`
    insert into payout_lines (run_id, stream_id, node_id, weight, amount, paid_for)
    select ${runId}::bigint, line.stream_id, line.node_id, line.weight, line.amount, ${asOf}::timestamptz
    from unnest(
      ${lines.map(({ streamId }) => streamId)}::text[],
      ${lines.map(({ nodeId }) => nodeId)}::text[],
      ${lines.map(({ weight }) => String(weight))}::numeric[],
      ${lines.map(({ amount }) => String(amount))}::numeric[]
    ) as line (stream_id, node_id, weight, amount)`.execute(db)
}

/** From streams to nodes, by what the lines say; the balances of the streams follow. */
async function writeLedger(db: Kysely<Database>, runId: string): Promise<void> {
  await sql`
    with entries as (
      insert into ledger_entries (run_id, account, amount)
      select run_id, 'stream:' || stream_id, -sum(amount)
      from payout_lines
      where run_id = ${runId}
      group by run_id, stream_id
      union all
      select run_id, 'node:' || node_id, sum(amount)
      from payout_lines
      where run_id = ${runId}
      group by run_id, node_id
      having sum(amount) > 0
    )
    update streams
    set token_balance = token_balance - paid.amount
    from (
      select stream_id, sum(amount) as amount
      from payout_lines
      where run_id = ${runId}
      group by stream_id
    ) as paid
    where streams.stream_id = paid.stream_id`.execute(db)
}

interface Ended {
  readonly runId: string
  readonly paid: readonly StreamPayout[]
  readonly durationMs: number
}

async function endRun(db: Kysely<Database>, { runId, paid, durationMs }: Ended): Promise<PayoutRun> {
  const row = await db
    .updateTable('payout_runs')
    .set({
      streams: paid.length,
      nodes: paid.reduce((count, { nodes }) => count + nodes.filter(({ weight }) => weight > 0n).length, 0),
      total: sumOf(paid.map((stream) => stream.paid)),
      duration_ms: durationMs.toFixed(3),
    })
    .where('run_id', '=', runId)
    .returningAll()
    .executeTakeFirstOrThrow()
  return runOf(row, true)
}

async function readRun(db: Kysely<Database>, { asOf, hoursBack }: PayoutWindow): Promise<PayoutRun> {
  const row = await db
    .selectFrom('payout_runs')
    .selectAll()
    .where('as_of', '=', asOf)
    .where('hours_back', '=', hoursBack)
    .executeTakeFirstOrThrow()
  return runOf(row, false)
}

function runOf(row: Selectable<PayoutRunsTable>, isNew: boolean): PayoutRun {
  return {
    runId: row.run_id,
    asOf: row.as_of,
    hoursBack: row.hours_back,
    computedBy: row.computed_by,
    streams: row.streams,
    nodes: row.nodes,
    total: BigInt(row.total),
    durationMs: Number(row.duration_ms),
    isNew,
  }
}
