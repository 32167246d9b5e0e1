// The original design's "before": the nodes of each stream, and three queries for each node. Kept to be compared with, and as it would be
// at its best: every query is served by an index, and all of them go over one connection. They are not prepared by name: the server would
// then plan them for any time at all, over every partition, and take three times as long (measured on PostgreSQL 18, 98 partitions).

import type { Kysely } from 'kysely'
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

export async function nPlusOne(db: Kysely<Database>, window: PayoutWindow): Promise<readonly StreamPayout[]> {
  if (db.isTransaction) return await computeOn(db, window)
  return await db.connection().execute(async (connection) => await computeOn(connection, window))
}

async function computeOn(db: Kysely<Database>, window: PayoutWindow): Promise<readonly StreamPayout[]> {
  const payouts: StreamPayout[] = []
  for (const stream of await readPayingStreams(db, window.hoursBack)) {
    const time = { streamId: stream.streamId, from: startOf(window), until: window.asOf }
    const counted: CountedNode[] = []
    for (const nodeId of await participatingNodes(db, time)) {
      counted.push({
        nodeId,
        polls: await countOf(db, { ...time, nodeId, of: 'polls' }),
        ok: await countOf(db, { ...time, nodeId, of: 'ok' }),
        failed: await countOf(db, { ...time, nodeId, of: 'failed' }),
      })
    }
    if (counted.length > 0) payouts.push(payStream(stream, counted, window.weighing))
  }
  return payouts
}

async function participatingNodes(
  db: Kysely<Database>,
  { streamId, from, until }: StreamTime,
): Promise<readonly string[]> {
  const rows = await db
    .selectFrom(resultsOf({ from, until }))
    .select('result.node_id')
    .where('result.stream_id', '=', streamId)
    .where('probe_timestamp', '>=', from)
    .where('probe_timestamp', '<', until)
    .where(isNotSuspended)
    .groupBy('result.node_id')
    .orderBy('result.node_id')
    .execute()
  return rows.map((row) => row.node_id)
}

interface Count extends StreamTime {
  readonly nodeId: string
  readonly of: 'polls' | 'ok' | 'failed'
}

async function countOf(db: Kysely<Database>, { streamId, nodeId, from, until, of }: Count): Promise<number> {
  const asked = db
    .selectFrom(resultsOf({ from, until }))
    .select((select) => select.fn.countAll<string>().as('n'))
    .where('stream_id', '=', streamId)
    .where('node_id', '=', nodeId)
    .where('probe_timestamp', '>=', from)
    .where('probe_timestamp', '<', until)
    .where('probe_type', '=', of === 'failed' ? 'spot_check' : 'stats_poll')
  const row = await (of === 'polls' ? asked : asked.where('success', '=', of === 'ok')).executeTakeFirstOrThrow()
  return Number(row.n)
}
