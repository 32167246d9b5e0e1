// What the database did since the reading before: transactions, reads from memory and from disk, deadlocks, temporary files.
// State: the counters of the reading before. A ratio of a few reads says nothing; the one before is told for three minutes more.

import { onlyRow } from '../../db/db.ts'
import { sql } from '../../sql/sql.ts'
import type { Point } from '../model/metric.ts'
import type { ServerProbe } from '../model/server-probe.ts'
import { available, counter, gauge } from './metrics.ts'
import { createShares } from './shares.ts'

/** 8 MB */
const leastBlocks = 1_000
const leastTransactions = 100
/** Less than any rule about them waits. */
const staysFor = 3

interface Row {
  readonly epoch: string
  readonly commits: number
  readonly rollbacks: number
  readonly deadlocks: number
  readonly temp: number
  readonly checksums: number | null
  readonly hit: number
  readonly read: number
  readonly indexHit: number
  readonly indexRead: number
}

export function createDatabaseProbe(): ServerProbe {
  const buffers = createShares({ least: leastBlocks, staysFor })
  const indexes = createShares({ least: leastBlocks, staysFor })
  const rollbacks = createShares({ least: leastTransactions, staysFor })
  return {
    name: 'database',
    question: 'How many transactions, rollbacks, deadlocks and temporary files, and what is found in memory?',
    everyMs: 60_000,
    limitMs: 2_000,
    of: 'each',
    metrics: [
      counter('pgstrata_transactions_total', 'Transactions of this database.', { labels: ['outcome'], most: 2 }),
      gauge('pgstrata_rollback_ratio', 'Share of transactions that were rolled back.'),
      counter('pgstrata_deadlocks_total', 'Deadlocks.'),
      counter('pgstrata_temp_bytes_total', 'Bytes written to temporary files.'),
      gauge('pgstrata_buffer_hit_ratio', 'Share of blocks that were found in shared buffers.'),
      gauge('pgstrata_index_hit_ratio', 'The same of blocks of indexes.'),
      counter('pgstrata_checksum_failures_total', 'Pages whose checksum was wrong.'),
    ],
    unavailable: available,
    read: async ({ on, facts: { node } }) => {
      const row = onlyRow(await on.query<Row>(statement))
      const { epoch, commits, hit, indexHit } = row
      const point = (metric: string, value = Number.NaN): Point => ({ metric, labels: [], value })
      return {
        epoch,
        points: [
          { metric: 'pgstrata_transactions_total', labels: ['commit'], value: commits },
          { metric: 'pgstrata_transactions_total', labels: ['rollback'], value: row.rollbacks },
          { metric: 'pgstrata_deadlocks_total', labels: [], value: row.deadlocks },
          { metric: 'pgstrata_temp_bytes_total', labels: [], value: row.temp },
          // Null: this cluster has none.
          ...(row.checksums === null ? [] : [point('pgstrata_checksum_failures_total', row.checksums)]),
          point('pgstrata_rollback_ratio', rollbacks.of(node, epoch, { part: row.rollbacks, rest: commits })),
          point('pgstrata_buffer_hit_ratio', buffers.of(node, epoch, { part: hit, rest: row.read })),
          point('pgstrata_index_hit_ratio', indexes.of(node, epoch, { part: indexHit, rest: row.indexRead })),
        ],
      }
    },
  }
}

const statement = sql`
  select pg_postmaster_start_time()::text || coalesce(d.stats_reset::text, '') as epoch,
    d.xact_commit::float8 as commits,
    d.xact_rollback::float8 as rollbacks,
    d.deadlocks::float8 as deadlocks,
    d.temp_bytes::float8 as temp,
    d.checksum_failures::float8 as checksums,
    d.blks_hit::float8 as hit,
    d.blks_read::float8 as read,
    coalesce(i.hit, 0)::float8 as "indexHit",
    coalesce(i.read, 0)::float8 as "indexRead"
  from pg_stat_database d
  cross join (select sum(idx_blks_hit) as hit, sum(idx_blks_read) as read from pg_statio_user_tables) as i
  where d.datname = current_database()`
