// A rollup of five million plays, hourly by song: reads beside the same answers from the plays, merging beside refreshing a
// materialized view, and writing beside writing without it. One cluster that is not durable, so that no disk hides what a
// rollup costs its writers; autovacuum is off and vacuums are made where they are said, so that none falls into a round.

import { startCluster, type EmbeddedCluster } from 'pgstrata/embedded'
import type { BenchContext, Scenario, ScenarioResult } from '../harness/scenario.ts'
import { withClient } from '../support/with-client.ts'
import { measureChanges } from './rollups/changes.ts'
import { openPlays, openSongPlays } from './rollups/declaration.ts'
import { measureDeltas, type DeltaSizes } from './rollups/deltas.ts'
import { measureFilling } from './rollups/filling.ts'
import { measureIngest, type IngestSizes } from './rollups/ingest.ts'
import { mergeParts, type Part } from '../harness/part.ts'
import { createPlays, loadPlays } from './rollups/plays.ts'
import { measureReads } from './rollups/reads.ts'

interface Sizes {
  readonly rows: number
  readonly fills: number
  readonly reads: number
  readonly changes: number
  readonly ingest: IngestSizes
  readonly deltas: DeltaSizes
}

const sizes: { readonly full: Sizes; readonly quick: Sizes } = {
  full: {
    rows: 5_000_000,
    fills: 2,
    reads: 11,
    changes: 3,
    ingest: { rounds: 9, otherRounds: 3, share: 1, loaded: 500_000, mergingMs: 4_000 },
    deltas: { rounds: 3, few: 3_000_000, many: 2_000_000 },
  },
  quick: {
    rows: 200_000,
    fills: 2,
    reads: 2,
    changes: 2,
    ingest: { rounds: 2, otherRounds: 2, share: 0.2, loaded: 20_000, mergingMs: 1_100 },
    deltas: { rounds: 2, few: 160_000, many: 100_000 },
  },
}

export const rollupsScenario: Scenario = {
  name: 'rollups',
  title: 'A rollup of plays, hourly by song',
  against: 'without a rollup',
  // Filling and refreshing take more than a minute each.
  fewestRounds: 2,
  goals: {
    topn_vs_raw: { atLeast: 1_000 },
    key_vs_raw: { atLeast: 50 },
    wide_vs_regrouped: { atLeast: 2 },
    merge_vs_refresh: { atLeast: 50 },
    ingest_1: { atLeast: 0.6 },
    ingest_100: { atLeast: 0.75 },
    ingest_1000: { atLeast: 0.75 },
  },
  run: async (context) => {
    const settings = { autovacuum: 'off', max_wal_size: '8GB', checkpoint_timeout: '1h', shared_buffers: '1GB' }
    const cluster = await startCluster({ settings, signal: context.signal })
    try {
      return await measure(cluster, context)
    } finally {
      await cluster.stop()
    }
  },
}

async function measure(cluster: EmbeddedCluster, context: BenchContext): Promise<ScenarioResult> {
  const chosen = context.quick ? sizes.quick : sizes.full
  const parts = [
    await measureIngest(cluster, chosen.ingest, context),
    await measureDeltas(cluster, chosen.deltas, context),
    ...(await measurePlays(cluster, chosen, context)),
  ]
  return {
    postgres: cluster.version,
    ...mergeParts(parts.toReversed()),
    notes: [
      `${chosen.rows.toLocaleString('en-US')} plays of 10,000 songs, by month, with indexes on (song_id, played_at) and (played_at); four fifths of them are of the last 60 days, and the song of rank k is played 1/k as often as the first. Times of writing are those of one row; writers, clients and server share the cores.`,
      'The goal about one key is that of songs that are played most: for one that is played a few times a day the index of the table is as good.',
    ],
  }
}

async function measurePlays(
  cluster: EmbeddedCluster,
  { rows, fills, reads, changes }: Sizes,
  context: BenchContext,
): Promise<readonly Part[]> {
  const url = await cluster.createDatabase('plays')
  return await withClient(url, async (client) => {
    await client.query(createPlays('plays'))
    const layout = openPlays(url)
    await layout.apply()
    await layout.close()
    await loadPlays(client, 'plays', rows)
    context.progress(`${rows.toLocaleString('en-US')} plays`)
    const filling = await measureFilling({ client, url, rows, rounds: fills }, context)
    const strata = openSongPlays(url)
    const changed = rows / 100
    try {
      const read = await measureReads({ client, strata, rounds: reads, pending: changed }, context)
      const change = await measureChanges({ client, strata, rounds: changes, changed }, context)
      return [change, filling, read]
    } finally {
      await strata.close()
    }
  })
}
