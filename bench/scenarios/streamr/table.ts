// What of the scenario stands in its table, and what a reader has to know: with it the figures that the original design published.

import type { Comparison, Figure, ScenarioResult, Unit } from '../../harness/scenario.ts'
import { figuresOf, type Samples } from '../../harness/part.ts'
import { httpRows } from '../../support/http-service.ts'
import { probesPerSecond } from './live.ts'
import { publishedMix } from './mix.ts'
import type { Statements } from './payouts.ts'

export interface Told {
  readonly postgres: string
  readonly data: string
  readonly statements: Statements
  readonly pages: number
}

/** Samples of payouts under the settings of the small server end in this. */
export const smallSuffix = '_small'

const payoutRows = [
  ['payout_stream_vs_n1', 'payout_stream_ms', 'payout_n1_ms', 'totals of every stream; published before: 8–12 s'],
  [
    'payout_node_vs_n1',
    'payout_node_ms',
    'payout_n1_ms',
    'the row of every node, in one round trip; published before: 8–12 s',
  ],
  [
    'payout_node_vs_single',
    'payout_node_ms',
    'payout_single_ms',
    '… beside one query a stream; published after: below 1 s',
  ],
  ['payout_ragged_vs_n1', 'payout_ragged_ms', 'payout_n1_ms', '… of an hour that begins within one'],
  ['payout_cpu_vs_n1', 'payout_node_cpu_ms', 'payout_n1_cpu_ms', "… the server's processor time"],
] as const

const cpuRows: Readonly<Record<string, readonly [Unit, string]>> = {
  payout_n1_cpu_percent: ['percent', 'processors that the server takes meanwhile: N+1; published before: 80–95 %'],
  payout_single_cpu_percent: ['percent', '… one query a stream; published after: below 20 %'],
  payout_node_cpu_percent: ['percent', '… the rollup, again and again'],
}

const otherRows: Readonly<Record<string, readonly [Unit, string]>> = {
  ledger_ms: ['ms', 'writing a run down: lines, ledger, balances'],
  ...httpRows,
  probe_to_page_p50_ms: ['ms', 'a probe written, until a page has parsed it, median'],
  probe_to_page_p99_ms: ['ms', '… 99th percentile'],
}

export function describe(samples: Samples, told: Told): ScenarioResult {
  const sizes = ['', smallSuffix]
  return {
    postgres: told.postgres,
    figures: Object.assign(
      {},
      ...sizes.map((size) => payoutFigures(samples, size)),
      figuresOf(samples, otherRows),
    ) as Record<string, Figure>,
    comparisons: Object.assign({}, ...sizes.map(payoutComparisons)) as Record<string, Comparison>,
    notes: notesOf(told),
  }
}

const titled = (title: string, size: string): string =>
  size === '' ? title : `${title}; server of 2 processors and 1 GB`

function payoutFigures(samples: Samples, size: string): Readonly<Record<string, Figure>> {
  const compared = payoutRows.flatMap(([, ours, theirs, title]) => [
    [`${ours}${size}`, ['ms', title]] as const,
    [`${theirs}${size}`, ['ms', title]] as const,
  ])
  const shares = Object.entries(cpuRows).map(
    ([name, [unit, title]]) => [`${name}${size}`, [unit, titled(title, size)]] as const,
  )
  return figuresOf(samples, Object.fromEntries([...compared, ...shares]))
}

function payoutComparisons(size: string): Readonly<Record<string, Comparison>> {
  return Object.fromEntries(
    payoutRows.map(([name, ours, theirs, title]) => [
      `${name}${size}`,
      { title: titled(title, size), ours: `${ours}${size}`, theirs: `${theirs}${size}` },
    ]),
  )
}

function notesOf({ data, statements: { byNodes, byStreams, byRollup }, pages }: Told): readonly string[] {
  const shown = (count: number): string => count.toLocaleString('en-US')
  return [
    `Published by the original design: before, more than 40,000 queries, 8–12 s, the database at 80–95 % of its processors; after, one query a stream, below a second, below 20 %. Here, on ${data}: ${shown(byNodes)} statements by N+1, ${shown(byStreams)} by one query a stream, ${shown(byRollup)} by the rollup. Before anything is timed all three, and the totals, are compared to the last unit.`,
    'N+1 and one query a stream have their indexes and one connection; N+1 is not prepared by name, which is its better way: over 98 partitions the plan for any time at all takes three times as long. One client computes, so a way that waits for round trips leaves a core idle; the share of processors is of all of the machine, over everything that the server does.',
    'The small server has the settings of 2 processors and 1 GB (shared_buffers 256MB, work_mem 4MB); the file cache of the machine is not taken from it.',
    `HTTP, in one process of the service with all that it runs in the background: ${publishedMix}. Requests start at their times whether or not those before are answered, and latency counts from then; one that fails counts as 10 s. Nothing cached: server and service have just been started, and all requests of the first 20 seconds count (the file cache of the machine stays). Service, load and server share the cores.`,
    `${shown(pages)} pages show one stream; ${probesPerSecond} probes a second, every other one of a node of that stream, each written as the prober writes it, in a transaction of its own. The time begins before that transaction, and ends in each of the pages, which are one process.`,
  ]
}
