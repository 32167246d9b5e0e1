// What of the scenario stands in its table, and what a reader has to know: with it the figures that the original design published.

import { figuresOf, type Samples } from '../../harness/part.ts'
import type { Comparison, ScenarioResult, Unit } from '../../harness/scenario.ts'
import { publishedMix, requestsOfVisit } from './mix.ts'

export interface Told {
  readonly postgres: string
  readonly data: string
  /** Of each load, not counted. */
  readonly warmUpMs: number
}

/** Of each: ours, beside what it was before. */
const compared: readonly (readonly [name: string, ours: string, theirs: string, title: string])[] = [
  [
    'p95_ms_100',
    'after_p95_ms_100',
    'before_p95_ms_100',
    '100 requests a second, 95th percentile; published: 200 ms before',
  ],
  [
    'p95_ms_250_vs_before',
    'p95_ms_250',
    'before_p95_ms_250',
    '250 requests a second, 95th percentile; published: below 50 ms after',
  ],
  [
    'miss_vs_direct',
    'miss_ms',
    'direct_ms',
    'an answer that the cache has not, beside the database alone; published: 15 ms, 45 ms',
  ],
  ['hit_vs_direct', 'hit_ms', 'direct_ms', '… that it has'],
]

const titles: Readonly<Record<string, readonly [Unit, string]>> = {
  ...Object.fromEntries(
    compared.flatMap(([, ours, theirs, title]) => [
      [ours, ['ms', title]],
      [theirs, ['ms', title]],
    ]),
  ),
  rps_p95_50ms: ['count', 'requests a second at which the 95th percentile is 50 ms, after'],
  hit_rate: ['count', 'hits of the cache at 250 a second, of 1, from an empty one on; published: 0.72'],
  hit_rate_user: ['count', '… of users, who asks among them'],
  hit_rate_session: ['count', '… of sessions'],
  hit_rate_balance: ['count', '… of balances'],
  redis_mb: ['count', 'memory of Redis in MB; published: below 100'],
  before_failed_percent_100: ['percent', 'requests that failed at 100 a second, before'],
  before_failed_percent_250: ['percent', '… at 250 a second, before'],
  after_failed_percent_100: ['percent', '… at 100 a second, after'],
  after_failed_percent_250: ['percent', '… at 250 a second, after'],
  before_pool_wait_ms: ['ms', 'waiting for a connection at 250 a second, 95th percentile, before'],
  after_pool_wait_ms: ['ms', '… after; published: below 10 ms on average'],
  before_pool_used: ['percent', 'connections of the pool in use at 250 a second, of 20, before'],
  after_pool_used: ['percent', '… of 50, after; published: 60 %'],
}

export function describe(samples: Samples, { postgres, data, warmUpMs }: Told): ScenarioResult {
  const renamed: Samples = new Map(
    [...samples].map(([name, values]) => [name === 'after_p95_ms_250' ? 'p95_ms_250' : name, values]),
  )
  const comparisons: Readonly<Record<string, Comparison>> = Object.fromEntries(
    compared.map(([name, ours, theirs, title]) => [name, { title, ours, theirs }]),
  )
  return { postgres, figures: figuresOf(renamed, titles), comparisons, notes: notesOf({ data, warmUpMs }) }
}

function notesOf({ data, warmUpMs }: Pick<Told, 'data' | 'warmUpMs'>): readonly string[] {
  return [
    `${data}: the same rows in two databases of one server. Before: the tables with their keys and constraints, a pool of 20, no cache, the same routes and statements, and nothing beside. After: the app as it is deployed, with 42 indexes, months of telemetry, a pool of 50, one Redis, the feed of changes, merges, jobs and watching.`,
    `The mix: ${publishedMix}. Who asks is drawn from sessions, so wallets come in proportion to how much they are used, and asks ${requestsOfVisit} times, as the page does from a sign-in to a sign-out, with a hundred others in between. Requests start at their times whether or not those before are answered, and latency counts from then; one that fails counts as 10 s. Each side is a process that has just started; each of the two rates begins with an empty cache and with requests that were not sent before, and its first ${warmUpMs / 1_000} s do not count in its times. Telemetry is new each time, and nobody is matched when a rate begins. The highest rate is searched with a cache that has what is asked for. Service, load, Redis and server share the cores.`,
    'The hits are those of the four layers of the original design, over the whole time at 250 a second, its beginning included; a request asks once for the wallet that sends it. A miss asks Redis, the database, and Redis again, so beside a server on the same machine it costs more than the database alone: the cache pays by what it keeps away from the database, and by hits, most of which a process has by itself.',
  ]
}
