// A month of plays of the example app mycelix and a day of probes of streamr, as their generators make them: what they take in the
// table, packed and archived, what moving them costs, and how they are read. One server that is not durable, with the compression
// that PostgreSQL begins with; autovacuum is off and vacuums are made where they are said, so that none falls into a round.

import { startCluster, type EmbeddedCluster } from 'pgstrata/embedded'
import { figuresOf, type Samples } from '../harness/part.ts'
import type { BenchContext, Scenario, ScenarioResult } from '../harness/scenario.ts'
import { inTemporaryFolder } from '../support/temporary-folder.ts'
import { measureMonth, type MonthSizes } from './tiers/month.ts'
import { measureProbes, type ProbeSizes } from './tiers/probes.ts'

interface Sizes {
  readonly plays: MonthSizes
  readonly probes: ProbeSizes
}

const sizes: { readonly full: Sizes; readonly quick: Sizes } = {
  full: {
    plays: { plays: 5_000_000, rounds: 3, asked: 10, keys: 200 },
    probes: { scale: 1, days: 3, rounds: 3 },
  },
  quick: {
    plays: { plays: 150_000, rounds: 2, asked: 3, keys: 20 },
    probes: { scale: 0.05, days: 2, rounds: 2 },
  },
}

const settings = {
  autovacuum: 'off',
  shared_buffers: '1GB',
  max_wal_size: '8GB',
  checkpoint_timeout: '1h',
  default_toast_compression: 'pglz',
}

export const tiersScenario: Scenario = {
  name: 'tiers',
  title: 'A month of plays, packed and archived',
  against: 'in the table',
  // Each round moves a month there and back, twice.
  fewestRounds: 3,
  goals: {
    packed_vs_heap: { atLeast: 5 },
    packed_probes_vs_heap: { atLeast: 12 },
    parquet_vs_heap: { atLeast: 8 },
    packed_sum_vs_heap: { atLeast: 0.5 },
  },
  run: (context) =>
    inTemporaryFolder(async (folder) => {
      const cluster = await startCluster({ settings, preload: ['pg_stat_statements'], signal: context.signal })
      try {
        return await measure(cluster, folder, context)
      } finally {
        await cluster.stop()
      }
    }),
}

async function measure(cluster: EmbeddedCluster, folder: string, context: BenchContext): Promise<ScenarioResult> {
  const { plays, probes } = context.quick ? sizes.quick : sizes.full
  const day = await measureProbes(await cluster.createDatabase('streamr'), probes, context)
  const month = await measureMonth({ url: await cluster.createDatabase('mycelix'), folder }, plays, context)
  const shown = (count: number): string => count.toLocaleString('en-US')
  return {
    postgres: cluster.version,
    ...describe(new Map([...month.samples, ...day.samples])),
    notes: [
      `${shown(month.rows)} plays of one month and ${shown(day.rows)} probes of one day, of the generators and with the indexes of the two example apps. Sizes are those of tables with their indexes and what is out of line, as the generator leaves them, which is smaller than after rows came one by one; packed, also of the words, and of the table that was emptied.`,
      'Sums are those of `strata.tiers.reader(…).sum(…)`, which adds up the sums of whole segments; scans unfold every row, of a function that any client can call.',
      'Packing, archiving and restoring each read everything back and compare it; COPY beside them only writes rows as text.',
    ],
  }
}

function describe(samples: Samples): Pick<ScenarioResult, 'figures' | 'comparisons'> {
  return {
    figures: figuresOf(samples, {
      packed_mb: ['count', 'a month of plays, packed, MB'],
      heap_mb: ['count', '… in the table, MB'],
      parquet_mb: ['count', '… as an archive, MB'],
      packed_probes_mb: ['count', 'a day of probes, packed, MB'],
      heap_probes_mb: ['count', '… in the table, MB'],
      packed_sum_ms: ['ms', 'the sum of a month, packed'],
      heap_sum_ms: ['ms', '… in the table'],
      packed_scan_ms: ['ms', 'the same, unfolding every row'],
      packed_point_ms: ['ms', 'a song on a day, packed'],
      heap_point_ms: ['ms', '… in the table'],
      pack_rows_per_s: ['count', 'packing, rows a second'],
      pack_probes_rows_per_s: ['count', '… of probes'],
      unpack_rows_per_s: ['count', 'unpacking, rows a second'],
      archive_rows_per_s: ['count', 'archiving and proving it, rows a second'],
      verify_rows_per_s: ['count', 'reading an archive back, rows a second'],
      restore_rows_per_s: ['count', 'restoring, rows a second'],
      packed_read_rows_per_s: ['count', 'reading all columns, packed, rows a second'],
      heap_read_rows_per_s: ['count', '… in the table'],
      copy_rows_per_s: ['count', 'COPY out of the table, rows a second'],
    }),
    comparisons: {
      packed_vs_heap: { title: 'size of a month, packed', ours: 'packed_mb', theirs: 'heap_mb' },
      packed_probes_vs_heap: {
        title: 'size of a day of probes, packed',
        ours: 'packed_probes_mb',
        theirs: 'heap_probes_mb',
      },
      parquet_vs_heap: { title: 'size of a month, archived', ours: 'parquet_mb', theirs: 'heap_mb' },
      packed_sum_vs_heap: { title: 'sum of a month', ours: 'packed_sum_ms', theirs: 'heap_sum_ms' },
      packed_scan_vs_heap: { title: '… unfolding every row', ours: 'packed_scan_ms', theirs: 'heap_sum_ms' },
      packed_point_vs_heap: { title: 'a song on a day', ours: 'packed_point_ms', theirs: 'heap_point_ms' },
    },
  }
}
