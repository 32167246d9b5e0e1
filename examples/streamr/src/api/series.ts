// What was measured and paid by the hour, of a stream or of one node, as columns: a sparkline takes them as they are, and a phone loads a
// third of what rows would be. Hours without anything are zeros.

import { sql, type Kysely } from 'kysely'
import type { Database } from '../database.ts'

export interface Series {
  /** The hour of the first point. */
  readonly start: Date
  readonly step_seconds: 3600
  readonly total_polls: readonly number[]
  readonly successful_polls: readonly number[]
  readonly failed_spot_checks: readonly number[]
  /** Paid for that hour, as text: amounts are larger than what a JSON number holds exactly. */
  readonly amount: readonly string[]
}

interface Point {
  readonly hour: Date
  readonly total_polls: number
  readonly successful_polls: number
  readonly failed_spot_checks: number
  readonly amount: string
}

type Of = { readonly stream_id: string; readonly node_id?: string }

/** The last hours, the one that has begun included. */
export async function readSeries(db: Kysely<Database>, of: Of, hours: number): Promise<Series> {
  const { rows } = await sql<Point>`
    with hour as (
      select hour
      from generate_series(
        date_trunc('hour', now(), 'UTC') - (${hours}::int - 1) * interval '1 hour',
        date_trunc('hour', now(), 'UTC'),
        interval '1 hour'
      ) as hour
    ),
    measured as (${measuredOf(of, hours)}),
    paid as (${paidOf(of, hours)})
    select
      hour.hour,
      coalesce(measured.total_polls, 0)::float8 as total_polls,
      coalesce(measured.successful_polls, 0)::float8 as successful_polls,
      coalesce(measured.failed_spot_checks, 0)::float8 as failed_spot_checks,
      coalesce(paid.amount, 0)::text as amount
    from hour
    left join measured on measured.bucket = hour.hour
    left join paid on paid.bucket = hour.hour
    order by hour.hour`.execute(db)
  return {
    start: rows[0]?.hour ?? new Date(0),
    step_seconds: 3600,
    total_polls: rows.map((row) => row.total_polls),
    successful_polls: rows.map((row) => row.successful_polls),
    failed_spot_checks: rows.map((row) => row.failed_spot_checks),
    amount: rows.map((row) => row.amount),
  }
}

function measuredOf({ stream_id, node_id }: Of, hours: number) {
  return node_id === undefined
    ? sql`
      select bucket, total_polls, successful_polls, failed_spot_checks
      from stream_earnings_hourly
      where stream_id = ${stream_id}
        and bucket > date_trunc('hour', now(), 'UTC') - ${hours}::int * interval '1 hour'`
    : sql`
      select bucket, total_polls, successful_polls, failed_spot_checks
      from node_earnings_hourly
      where stream_id = ${stream_id}
        and node_id = ${node_id}
        and bucket > date_trunc('hour', now(), 'UTC') - ${hours}::int * interval '1 hour'`
}

/** A payout at ten is for the hour before. */
function paidOf({ stream_id, node_id }: Of, hours: number) {
  const source = node_id === undefined ? sql`stream_payouts` : sql`node_payouts`
  const key = node_id === undefined ? sql`stream_id = ${stream_id}` : sql`node_id = ${node_id}`
  return sql`
      select bucket - interval '1 hour' as bucket, amount
      from ${source}
      where ${key}
        and bucket > date_trunc('hour', now(), 'UTC') - (${hours}::int - 1) * interval '1 hour'`
}
