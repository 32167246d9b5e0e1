// Simulated nodes, a prober and a clock over the app's database: what happens in a minute is asked for, and nobody waits.

import { sql, type Kysely } from 'kysely'
import { afterEach, expect } from 'vitest'
import type { Database, ProbeType } from '../../../examples/streamr/src/database.ts'
import { usualFormula, weigh } from '../../../examples/streamr/src/payouts/formula.ts'
import type { NodePayout } from '../../../examples/streamr/src/payouts/payout.ts'
import { ways } from '../../../examples/streamr/src/payouts/service.ts'
import {
  openProber,
  type LookReport,
  type Prober,
  type ProberOptions,
} from '../../../examples/streamr/src/prober/index.ts'
import {
  openSimulatedNodes,
  type Behaviour,
  type SimulatedNodes,
} from '../../../examples/streamr/src/simulated/index.ts'
import { fakeClock, type FakeClock } from '../../support/fake-clock.ts'
import { seed } from '../../support/property.ts'
import type { Streamr } from './support.ts'

export interface World {
  readonly db: Kysely<Database>
  readonly clock: FakeClock
  readonly nodes: SimulatedNodes
  readonly prober: Prober
  readonly openProber: (options?: Partial<ProberOptions>) => Prober
  /** Looks six times in a minute; what the looks did, summed up. */
  readonly minutes: (count: number, prober?: Prober) => Promise<LookReport>
  /** One look, ten seconds later: as soon as it has asked the node, or is over. */
  readonly lookAt: (nodeId: string) => Promise<{ readonly look: Promise<LookReport>; readonly isAsked: boolean }>
  readonly probesOf: (nodeId: string, type?: ProbeType) => Promise<readonly Probe[]>
  readonly statusOf: (nodeId: string) => Promise<string | undefined>
  readonly findingsOf: (nodeId: string) => Promise<readonly Finding[]>
  /** Of the hour that ends now, the same by all three ways. */
  readonly payoutOf: (nodeId: string) => Promise<NodePayout | undefined>
}

interface Probe {
  readonly success: boolean
  readonly error: string | null
  readonly data: Readonly<Record<string, unknown>> | null
  readonly at: Date
}

interface Finding {
  readonly rule: string
  readonly times: number
  readonly evidence: Readonly<Record<string, unknown>>
  readonly isOpen: boolean
}

export interface WorldNode {
  readonly id: string
  readonly is?: Behaviour
  readonly address?: string
  readonly stream?: string
}

export const honest: Behaviour = { kind: 'honest' }

export interface Signal {
  readonly promise: Promise<void>
  resolve(): void
}

/** Something to wait for that a callback tells. */
export function createSignal(): Signal {
  let resolve = (): void => undefined
  const promise = new Promise<void>((done) => {
    resolve = done
  })
  return { promise, resolve: () => resolve() }
}

/** In a describe block. What is built is closed after its test. */
export function useWorld(
  streamr: () => Streamr,
): (listed: readonly WorldNode[], options?: Partial<ProberOptions>) => Promise<World> {
  const open: { close(): Promise<void> }[] = []
  afterEach(async () => {
    for (const each of open.splice(0).toReversed()) await each.close()
  })
  return async (listed, options = {}) => {
    const { kysely: db, strata } = streamr()
    const clock = fakeClock(Math.floor(Date.now() / 60_000) * 60_000)
    const onRequest = ({ nodeId }: { readonly nodeId: string }): void => awaited.get(nodeId)?.resolve()
    const awaited = new Map<string, Signal>()
    const nodes = await openSimulatedNodes({ port: 0, seed: `nodes ${seed}`, clock, usual: () => honest, onRequest })
    open.push(nodes)
    for (const { id, is = honest } of listed) nodes.node(id).behave(is)
    await writeNodes(db, listed, { nodes, clock })
    const openOne = (more: Partial<ProberOptions> = {}): Prober => {
      const settings = { spotShare: 0, ...options.settings, ...more.settings }
      const prober = openProber({ db, leases: strata.db, clock, seed: `prober ${seed}`, ...options, ...more, settings })
      open.push(prober)
      return prober
    }
    const first = openOne()
    return {
      db,
      clock,
      nodes,
      prober: first,
      openProber: openOne,
      lookAt: async (nodeId) => {
        const asked = createSignal()
        awaited.set(nodeId, asked)
        clock.advance(10_000)
        const look = first.look()
        return { look, isAsked: await Promise.race([asked.promise.then(() => true), look.then(() => false)]) }
      },
      minutes: async (count, prober = first) => await lookFor(count, prober, clock),
      ...questions(db, clock),
    }
  }
}

const emptied = ['probe_results', 'fraud_findings', 'payout_lines', 'nodes', 'streams', 'pgstrata.lease']

async function writeNodes(
  db: Kysely<Database>,
  listed: readonly WorldNode[],
  { nodes, clock }: { readonly nodes: SimulatedNodes; readonly clock: FakeClock },
): Promise<void> {
  await sql`truncate ${sql.raw(emptied.join(', '))} cascade`.execute(db)
  const created_at = new Date(clock.now())
  const streams = [...new Set(listed.map(({ stream = 'stream' }) => stream))]
  const paying = {
    sponsor_address: '0x1',
    rtmp_url: 'rtmp://nowhere',
    reward_per_hour: 1_000n,
    token_balance: 10n ** 6n,
  }
  await db
    .insertInto('streams')
    .values(streams.map((stream_id) => ({ stream_id, viewers: 9, created_at, ...paying })))
    .execute()
  const rows = listed.map(({ id, address = null, stream = 'stream' }) => ({
    node_id: id,
    stream_id: stream,
    stats_url: nodes.statsUrl(id),
    address,
    created_at,
  }))
  await db.insertInto('nodes').values(rows).execute()
}

async function lookFor(minutes: number, prober: Prober, clock: FakeClock): Promise<LookReport> {
  const sum = { polled: 0, checked: 0, failed: 0, found: 0 }
  let isHolder = true
  for (let look = 0; look < minutes * 6; look++) {
    clock.advance(10_000)
    const report = await prober.look()
    isHolder &&= report.isHolder
    for (const key of ['polled', 'checked', 'failed', 'found'] as const) sum[key] += report[key]
  }
  return { isHolder, ...sum }
}

type Questions = Pick<World, 'probesOf' | 'statusOf' | 'findingsOf' | 'payoutOf'>

function questions(db: Kysely<Database>, clock: FakeClock): Questions {
  return {
    probesOf: async (nodeId, type = 'stats_poll') => {
      const rows = await db
        .selectFrom('probe_results')
        .select(['success', 'error_message', 'response_data', 'probe_timestamp'])
        .where('node_id', '=', nodeId)
        .where('probe_type', '=', type)
        .orderBy('probe_timestamp')
        .execute()
      return rows.map((row) => ({
        success: row.success,
        error: row.error_message,
        data: row.response_data as Probe['data'],
        at: row.probe_timestamp,
      }))
    },
    statusOf: async (nodeId) => {
      const row = await db.selectFrom('nodes').select('status').where('node_id', '=', nodeId).executeTakeFirst()
      return row?.status
    },
    findingsOf: async (nodeId) => {
      const rows = await db
        .selectFrom('fraud_findings')
        .select(['rule', 'evidence', 'resolved_at'])
        .where('node_id', '=', nodeId)
        .orderBy('finding_id')
        .execute()
      return rows.map(({ rule, evidence: kept, resolved_at }) => {
        const evidence = kept as Readonly<Record<string, unknown>>
        return { rule, times: Number(evidence['times']), evidence, isOpen: resolved_at === null }
      })
    },
    payoutOf: async (nodeId) => {
      const window = { asOf: new Date(clock.now() + 1), hoursBack: 1, weighing: weigh(usualFormula, 1) }
      const one = await ways['single-query'](db, window)
      for (const other of [ways['n-plus-one'], ways.rollup]) expect(await other(db, window)).toEqual(one)
      return one.flatMap(({ nodes }) => nodes).find((node) => node.nodeId === nodeId)
    },
  }
}
