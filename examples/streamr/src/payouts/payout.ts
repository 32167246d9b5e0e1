// What all three ways of computing payouts share: what is asked, what is answered, and how counts become amounts.
//
// Which streams pay: those that are ACTIVE, have viewers, a reward and a balance, and are not excluded. Which nodes take part: those with
// any result for the stream in the time, but for suspended ones.

import { sql, type Kysely, type RawBuilder } from 'kysely'
import type { Database } from '../database.ts'
import { least } from '../money.ts'
import { weightOf, type Counts, type Weighing } from './formula.ts'
import { shareOut } from './share.ts'

export interface PayoutWindow {
  /** The end of the time, which is not part of it. */
  readonly asOf: Date
  readonly hoursBack: number
  readonly weighing: Weighing
}

export interface NodePayout extends Counts {
  readonly nodeId: string
  /** Billionths. */
  readonly weight: bigint
  readonly amount: bigint
}

export interface StreamPayout {
  readonly streamId: string
  /** What it would pay: the reward of the hours, at most what it has. */
  readonly pool: bigint
  /** What it pays: the pool, or nothing where no node has a weight. */
  readonly paid: bigint
  /** By `nodeId`, in the order of bytes. */
  readonly nodes: readonly NodePayout[]
}

/** By `streamId`, in the order of bytes; streams without any result are left out. */
export type ComputePayouts = (db: Kysely<Database>, window: PayoutWindow) => Promise<readonly StreamPayout[]>

export interface CountedNode extends Counts {
  readonly nodeId: string
}

export interface PayingStream {
  readonly streamId: string
  readonly pool: bigint
}

/** What is counted: the results of one stream in a time, `until` not being part of it. */
export interface StreamTime {
  readonly streamId: string
  readonly from: Date
  readonly until: Date
}

export function startOf({ asOf, hoursBack }: PayoutWindow): Date {
  return new Date(asOf.getTime() - hoursBack * 3_600_000)
}

export async function readPayingStreams(db: Kysely<Database>, hoursBack: number): Promise<readonly PayingStream[]> {
  const rows = await db
    .selectFrom('streams')
    .select(['stream_id', 'reward_per_hour', 'token_balance'])
    .where('status', '=', 'ACTIVE')
    .where('viewers', '>', 0)
    .where('excluded', '=', false)
    .where('reward_per_hour', '>', '0')
    .where('token_balance', '>', '0')
    .orderBy('stream_id')
    .execute()
  return rows.map((row) => ({
    streamId: row.stream_id,
    pool: least(BigInt(row.reward_per_hour) * BigInt(hoursBack), BigInt(row.token_balance)),
  }))
}

/** Of a table or rollup that goes by the name `result`. */
export function isNotSuspended(): RawBuilder<boolean> {
  return sql`not exists (
    select
    from nodes
    where nodes.node_id = result.node_id
      and nodes.status = 'SUSPENDED')`
}

/** `counted` in the order of `nodeId`. */
export function payStream(
  { streamId, pool }: PayingStream,
  counted: readonly CountedNode[],
  weighing: Weighing,
): StreamPayout {
  // Of thousands of nodes most were counted alike.
  const weights = new Map<string, bigint>()
  const shares = counted.map(({ nodeId, polls, ok, failed }) => {
    const alike = `${polls} ${ok} ${failed}`
    const weight = weights.get(alike) ?? weightOf({ polls, ok, failed }, weighing)
    weights.set(alike, weight)
    return { nodeId, weight }
  })
  const amounts = shareOut(pool, shares)
  return {
    streamId,
    pool,
    paid: shares.some(({ weight }) => weight > 0n) ? pool : 0n,
    nodes: counted.map(({ nodeId, polls, ok, failed }, index) => ({
      nodeId,
      polls,
      ok,
      failed,
      weight: shares[index]?.weight ?? 0n,
      amount: amounts[index] ?? 0n,
    })),
  }
}
