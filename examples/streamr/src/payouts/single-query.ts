// The original design's "after": one query for each stream, which counts the results of all its nodes at once.

import { sql, type Kysely } from 'kysely'
import type { Database } from '../database.ts'
import {
  isNotSuspended,
  payStream,
  readPayingStreams,
  startOf,
  type CountedNode,
  type PayoutWindow,
  type StreamPayout,
  type StreamTime,
} from './payout.ts'
import { resultsOf } from './results.ts'

export async function singleQuery(db: Kysely<Database>, window: PayoutWindow): Promise<readonly StreamPayout[]> {
  const payouts: StreamPayout[] = []
  for (const stream of await readPayingStreams(db, window.hoursBack)) {
    const counted = await countNodes(db, { streamId: stream.streamId, from: startOf(window), until: window.asOf })
    if (counted.length > 0) payouts.push(payStream(stream, counted, window.weighing))
  }
  return payouts
}

async function countNodes(
  db: Kysely<Database>,
  { streamId, from, until }: StreamTime,
): Promise<readonly CountedNode[]> {
  return await db
    .selectFrom(resultsOf({ from, until }))
    .select([
      'result.node_id as nodeId',
      sql<number>`count(*) filter (where probe_type = 'stats_poll')::integer`.as('polls'),
      sql<number>`count(*) filter (where probe_type = 'stats_poll' and success)::integer`.as('ok'),
      sql<number>`count(*) filter (where probe_type = 'spot_check' and not success)::integer`.as('failed'),
    ])
    .where('result.stream_id', '=', streamId)
    .where('probe_timestamp', '>=', from)
    .where('probe_timestamp', '<', until)
    .where(isNotSuspended)
    .groupBy('result.node_id')
    .orderBy('result.node_id')
    .execute()
}
