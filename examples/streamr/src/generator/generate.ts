// A database of streamr with a life behind it: streams, nodes, people, ninety days of probes, a day of payouts.
//
// Promises: the same seed, scale and moment give the same rows. A database that has streams is left as it is, unless the caller says what is
// to become of them. All rollups are current at the end. Each day of probes is one COPY; where it was stopped in between, what is there
// stays, and the next call has to say `reset`.

import { silent, stopIfAsked, type MakeBar } from 'pgstrata-example-kit'
import { sql, type Strata } from 'pgstrata'
import { openDatabase } from '../database.ts'
import { createPayoutService } from '../payouts/service.ts'
import { createFleet } from './fleet.ts'
import { fillProbes, fillSociety } from './fill.ts'
import { createPeople } from './people.ts'
import { sizesOf, type Sizes } from './sizes.ts'

export interface GenerateOptions {
  /** 1 is the full size: 13,000 nodes, millions of probes. */
  readonly scale?: number
  readonly seed?: number
  /** The end of the ninety days. Default: now. */
  readonly now?: Date
  /** What becomes of streams that are there. Default: `refuse`. */
  readonly existing?: 'refuse' | 'reset' | 'append'
  readonly sizes?: Partial<Sizes>
  /** Where simulated nodes answer. Default: `http://127.0.0.1:8091`. */
  readonly nodesUrl?: string
  /** Makes the bar of a part of the work. Default: none is shown. */
  readonly progress?: MakeBar
  /** Stops it between two parts of the work; what is in by then stays. */
  readonly signal?: AbortSignal
}

export interface GenerateReport {
  readonly streams: number
  readonly nodes: number
  readonly users: number
  readonly comments: number
  readonly probes: number
  readonly payoutRuns: number
}

const hourMs = 3_600_000
const rollups = ['node_earnings_hourly', 'stream_earnings_hourly']

export async function generate(strata: Strata, options: GenerateOptions = {}): Promise<GenerateReport> {
  const { scale = 1, seed = 1, now = new Date(), existing = 'refuse', progress = () => silent } = options
  const { nodesUrl = 'http://127.0.0.1:8091', signal } = options
  const sizes = sizesOf(scale, options.sizes)
  const taken = await makeRoom(strata, existing)
  const ownSeed = seed + taken.takenStreams
  const fleet = createFleet({ sizes, seed: ownSeed, now, ...taken })
  const people = createPeople({ fleet, sizes, seed: ownSeed, now })
  const merge = async (): Promise<void> => {
    for (const name of rollups) await strata.rollup.merge(name)
  }
  const goOn = (): void => stopIfAsked(signal)
  const tools = { on: strata, progress, nodesUrl, merge, goOn }
  const comments = await fillSociety(tools, { fleet, people, sizes, seed: ownSeed, now })
  const probes = await fillProbes(tools, { fleet, sizes, seed: ownSeed, now })
  await strata.query(sql`
    analyze streams, nodes, users, friendships, comments, probe_results, node_earnings_hourly_merged, stream_earnings_hourly_merged`)
  const payoutRuns = await payHours(strata, { hours: sizes.payoutHours, now, progress, goOn })
  const nodes = fleet.reduce((count, stream) => count + stream.nodes.length, 0)
  return { streams: fleet.length, nodes, users: people.users.length, comments, probes, payoutRuns }
}

interface Hours {
  readonly hours: number
  readonly now: Date
  readonly progress: MakeBar
  readonly goOn: () => void
}

/** The runs that the hourly job would have made. Returns how many were new. */
async function payHours(strata: Strata, { hours, now, progress, goOn }: Hours): Promise<number> {
  const bar = progress({ label: 'Payouts', total: hours, unit: 'runs' })
  const service = createPayoutService({ db: openDatabase(strata) })
  const last = Math.floor(now.getTime() / hourMs)
  let made = 0
  for (let hour = last - hours + 1; hour <= last; hour++) {
    goOn()
    const { isNew } = await service.run({ asOf: new Date(hour * hourMs) })
    made += Number(isNew)
    bar.add()
  }
  for (const name of ['node_payouts', 'stream_payouts']) await strata.rollup.merge(name)
  bar.finish()
  return made
}

interface Taken {
  readonly takenStreams: number
  readonly takenNodes: number
}

/** Leaves the tables empty, or says how many numbers are taken in them. */
async function makeRoom(strata: Strata, existing: 'refuse' | 'reset' | 'append'): Promise<Taken> {
  if (existing === 'reset') {
    await unpackProbes(strata)
    await strata.query(sql`
      truncate streams, nodes, probe_results, users, friendships, comments, payout_runs, payout_lines, ledger_entries, fraud_findings
      restart identity`)
  }
  const { rows } = await strata.query<{ streams: number; nodes: number }>(sql`
    select (select count(*)::integer from streams) as streams,
      (select count(*)::integer from nodes) as nodes`)
  const { streams = 0, nodes = 0 } = rows[0] ?? {}
  if (existing === 'refuse' && streams > 0)
    throw new Error(
      `Expected an empty database, found ${streams} streams: say "reset" to begin anew, or "append" to add to them`,
    )
  return { takenStreams: streams, takenNodes: nodes }
}

/** TRUNCATE empties a table, and not what is packed of it. */
async function unpackProbes({ tiers }: Strata): Promise<void> {
  const [probes] = await tiers.status('probe_results')
  for (const { name, tier } of probes?.partitions ?? [])
    if (tier === 'packed') await tiers.move('probe_results', name, 'unpack')
}
