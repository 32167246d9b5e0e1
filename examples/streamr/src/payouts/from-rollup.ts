// All streams and all nodes in one statement, from the rollup: the hours that lie in the time are read from it, what is cut off at either
// end from the table, and what is not merged yet from its changes. Exact at any instant, like the other two ways.
//
// Thousands of nodes come to a few hundred different counts, so the server sends for each stream and count the names of those nodes: a
// third of the time that a row for each node takes.

import { sql, type Kysely } from 'kysely'
import type { Database } from '../database.ts'
import { isNotSuspended, payStream, startOf, type CountedNode, type PayoutWindow, type StreamPayout } from './payout.ts'
import { compareText } from './share.ts'

interface Alike {
  readonly streamId: string
  readonly pool: string
  readonly polls: string
  readonly ok: string
  readonly failed: string
  readonly nodeIds: readonly string[]
}

export async function fromRollup(db: Kysely<Database>, window: PayoutWindow): Promise<readonly StreamPayout[]> {
  const { rows } = await sql<Alike>`
    select stream.stream_id as "streamId",
      least(stream.reward_per_hour * ${window.hoursBack}::integer, stream.token_balance)::text as pool,
      result.total_polls as polls,
      result.successful_polls as ok,
      result.failed_spot_checks as failed,
      json_agg(result.node_id) as "nodeIds"
    from node_earnings_hourly_between(${startOf(window)}::timestamptz, ${window.asOf}::timestamptz) as result
    join streams as stream on stream.stream_id = result.stream_id
    where stream.status = 'ACTIVE'
      and stream.viewers > 0
      and not stream.excluded
      and stream.reward_per_hour > 0
      and stream.token_balance > 0
      and ${isNotSuspended()}
    group by stream.stream_id, result.total_polls, result.successful_polls, result.failed_spot_checks`.execute(db)
  return [...byStream(rows).values()]
    .map(({ streamId, pool, counted }) =>
      payStream(
        { streamId, pool },
        counted.toSorted((one, other) => compareText(one.nodeId, other.nodeId)),
        window.weighing,
      ),
    )
    .toSorted((one, other) => compareText(one.streamId, other.streamId))
}

interface Counted {
  readonly streamId: string
  readonly pool: bigint
  readonly counted: CountedNode[]
}

function byStream(rows: readonly Alike[]): ReadonlyMap<string, Counted> {
  const streams = new Map<string, Counted>()
  for (const { streamId, pool, nodeIds, ...counts } of rows) {
    const stream = streams.get(streamId) ?? { streamId, pool: BigInt(pool), counted: [] }
    streams.set(streamId, stream)
    const [polls, ok, failed] = [Number(counts.polls), Number(counts.ok), Number(counts.failed)]
    for (const nodeId of nodeIds) stream.counted.push({ nodeId, polls, ok, failed })
  }
  return streams
}

/** What was measured of a stream's nodes, and what is at stake: for a list of streams. */
export interface StreamTotals {
  readonly streamId: string
  readonly pool: bigint
  readonly polls: number
  readonly ok: number
  readonly failed: number
}

/**
 * Of all paying streams, in one statement from the rollup by stream: a row for each of them is read, and none for its nodes, unless
 * there are suspended ones, whose results are taken off again.
 */
export async function streamTotals(db: Kysely<Database>, window: PayoutWindow): Promise<readonly StreamTotals[]> {
  const [from, until] = [sql`${startOf(window)}::timestamptz`, sql`${window.asOf}::timestamptz`]
  const { rows } = await sql<Record<'streamId' | 'pool' | 'polls' | 'ok' | 'failed', string>>`
    with suspended as (
      select result.stream_id,
        sum(result.total_polls) as polls,
        sum(result.successful_polls) as ok,
        sum(result.failed_spot_checks) as failed
      from nodes
      join node_earnings_hourly_between(${from}, ${until}) as result on result.node_id = nodes.node_id
      where nodes.status = 'SUSPENDED'
      group by result.stream_id
    )
    select stream.stream_id as "streamId",
      least(stream.reward_per_hour * ${window.hoursBack}::integer, stream.token_balance)::text as pool,
      result.total_polls - coalesce(suspended.polls, 0) as polls,
      result.successful_polls - coalesce(suspended.ok, 0) as ok,
      result.failed_spot_checks - coalesce(suspended.failed, 0) as failed
    from stream_earnings_hourly_between(${from}, ${until}) as result
    join streams as stream on stream.stream_id = result.stream_id
    left join suspended on suspended.stream_id = result.stream_id
    where stream.status = 'ACTIVE'
      and stream.viewers > 0
      and not stream.excluded
      and stream.reward_per_hour > 0
      and stream.token_balance > 0
    order by stream.stream_id`.execute(db)
  return rows.map(({ streamId, pool, polls, ok, failed }) => ({
    streamId,
    pool: BigInt(pool),
    polls: Number(polls),
    ok: Number(ok),
    failed: Number(failed),
  }))
}
