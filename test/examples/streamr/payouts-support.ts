// What the tests of payouts share: streams, nodes and probes as a test wants them, and what of payouts can be compared.

import fc from 'fast-check'
import { sql } from '../../../src/sql/sql.ts'
import { usualFormula, weigh, type PayoutFormula } from '../../../examples/streamr/src/payouts/formula.ts'
import type { PayoutWindow, StreamPayout } from '../../../examples/streamr/src/payouts/payout.ts'
import type { Streamr } from './support.ts'

export interface TestStream {
  readonly id: string
  readonly reward: bigint
  readonly balance: bigint
  readonly viewers: number
  readonly excluded: boolean
  readonly status: string
}

export interface TestProbe {
  readonly stream: string
  readonly node: string
  readonly kind: 'stats_poll' | 'spot_check'
  readonly success: boolean
  readonly at: Date
}

/** Midnight of yesterday: in the middle of the partitions that tests have. */
export const midnight: number = Math.floor(Date.now() / 86_400_000) * 86_400_000 - 86_400_000
export const hourMs = 3_600_000
export const streamIds = ['s-1', 's-2', 's-3']
export const nodeIds = ['n-1', 'n-2', 'n-3', 'n-4', 'n-5', 'n-6', 'ñ', 'N-1']

export function windowOf(asOf: number, hoursBack: number, formula: Partial<PayoutFormula> = {}): PayoutWindow {
  return { asOf: new Date(asOf), hoursBack, weighing: weigh({ ...usualFormula, ...formula }, hoursBack) }
}

export async function clear({ db }: Streamr): Promise<void> {
  await db.query(sql`delete from ledger_entries`)
  await db.query(sql`delete from payout_runs`)
  await db.query(sql`delete from probe_results`)
  await db.query(sql`delete from nodes`)
  await db.query(sql`delete from streams`)
}

export async function addStreams({ db }: Streamr, streams: readonly TestStream[]): Promise<void> {
  for (const { id, reward, balance, viewers, excluded, status } of streams)
    await db.query(sql`
      insert into streams (stream_id, sponsor_address, token_balance, rtmp_url, status, reward_per_hour, viewers, excluded)
      values (${id}, '0x', ${String(balance)}, 'rtmp://', ${status}, ${String(reward)}, ${viewers}, ${excluded})`)
}

export async function addNodes({ db }: Streamr, stream: string, nodes: readonly string[]): Promise<void> {
  await db.query(sql`
    insert into nodes (node_id, stream_id, stats_url, status)
    select node, ${stream}, 'http://', 'ACTIVE'
    from unnest(${nodes}::text[]) as node`)
}

export async function addProbes({ db }: Streamr, probes: readonly TestProbe[]): Promise<void> {
  await db.query(sql`
    insert into probe_results (stream_id, node_id, probe_type, success, probe_timestamp)
    select *
    from unnest(
      ${probes.map(({ stream }) => stream)}::text[],
      ${probes.map(({ node }) => node)}::text[],
      ${probes.map(({ kind }) => kind)}::text[],
      ${probes.map(({ success }) => success)}::boolean[],
      ${probes.map(({ at }) => at)}::timestamptz[])`)
}

/** So many polls of a node within an hour, of which so many succeeded, and so many spot checks that failed. */
export function probesOf(
  place: { readonly stream: string; readonly node: string; readonly hour: number },
  { polls, ok, failed = 0 }: { readonly polls: number; readonly ok: number; readonly failed?: number },
): readonly TestProbe[] {
  const { stream, node, hour } = place
  const at = (index: number): Date => new Date(hour + index * 1000)
  return [
    ...Array.from({ length: polls }, (_, index): TestProbe => {
      return { stream, node, kind: 'stats_poll', success: index < ok, at: at(index) }
    }),
    ...Array.from({ length: failed }, (_, index): TestProbe => {
      return { stream, node, kind: 'spot_check', success: false, at: at(index) }
    }),
  ]
}

export const someStream: fc.Arbitrary<Omit<TestStream, 'id'>> = fc.record({
  reward: oneInEight(fc.constant(0n), fc.oneof(fc.bigInt(1n, 1000n), fc.bigInt(1n, 10n ** 30n))),
  balance: oneInEight(fc.constant(0n), fc.oneof(fc.bigInt(1n, 10n ** 4n), fc.bigInt(1n, 10n ** 32n))),
  viewers: oneInEight(fc.constant(0), fc.integer({ min: 1, max: 1000 })),
  excluded: oneInEight(fc.constant(true), fc.constant(false)),
  status: oneInEight(fc.constantFrom('PENDING', 'PAUSED', 'ENDED'), fc.constant('ACTIVE')),
})

function oneInEight<T>(rare: fc.Arbitrary<T>, usual: fc.Arbitrary<T>): fc.Arbitrary<T> {
  return fc.oneof({ weight: 1, arbitrary: rare }, { weight: 7, arbitrary: usual })
}

/** Most of them within a few hours, so that a node has several; and some at full hours and half ones, the bounds of times. */
export const someProbe: fc.Arbitrary<TestProbe> = fc.record({
  stream: fc.constantFrom(...streamIds),
  node: fc.constantFrom(...nodeIds),
  kind: fc.constantFrom('stats_poll', 'stats_poll', 'stats_poll', 'spot_check'),
  success: fc.constantFrom(true, true, false),
  at: fc
    .oneof(
      { weight: 3, arbitrary: fc.integer({ min: 0, max: 10 * hourMs }) },
      { weight: 2, arbitrary: fc.integer({ min: 0, max: 20 }).map((halves) => (halves * hourMs) / 2) },
      { weight: 1, arbitrary: fc.integer({ min: -30 * hourMs, max: 44 * hourMs }) },
    )
    .map((ms) => new Date(midnight + ms)),
})

/** As text, so that a difference can be read. */
export function shown(payouts: readonly StreamPayout[]): readonly string[] {
  return payouts.flatMap(({ streamId, pool, paid, nodes }) => [
    `${streamId} pool ${pool} paid ${paid}`,
    ...nodes.map(
      ({ nodeId, polls, ok, failed, weight, amount }) => `  ${nodeId} ${polls} ${ok} ${failed} ${weight} ${amount}`,
    ),
  ])
}
