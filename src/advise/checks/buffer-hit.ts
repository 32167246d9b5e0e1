// How many blocks were found in shared_buffers.

import { onlyRow } from '../../db/db.ts'
import { sql } from '../../sql/sql.ts'
import type { Check } from '../model.ts'
import { defineCheck, gravityOf } from './tools/define.ts'
import { countedSince } from './tools/relations.ts'

export const bufferHit: Check = defineCheck({
  name: 'buffer-hit',
  category: 'cache',
  of: 'each',
  question: 'Are blocks found in memory?',
  why: 'Each miss goes to the operating system, and perhaps to the disk.',
  threshold: 'warn where 5 % are missed, critical from 10 %, over at least 50,000 blocks',
  mends: 'advice',
  limits: { warn: 0.05, critical: 0.1, least: 50_000 },
  find: async ({ on, limits }) => {
    const row = onlyRow(
      await on.query<{
        hit: number
        missed: number
        buffersBytes: number
        sizeBytes: number
        since: string | null
      }>(sql`
        select blks_hit::float8 as hit, blks_read::float8 as missed, ${countedSince} as since,
          (select setting::float8 from pg_settings where name = 'shared_buffers') * current_setting('block_size')::float8 as "buffersBytes",
          pg_database_size(datname)::float8 as "sizeBytes"
        from pg_stat_database
        where datname = current_database()`),
    )
    const { hit, missed, buffersBytes, sizeBytes, since } = row
    const missRatio = missed / Math.max(1, hit + missed)
    const gravity = hit + missed < limits.least ? undefined : gravityOf(missRatio, limits)
    if (gravity === undefined) return []
    return [
      {
        gravity,
        subject: 'shared_buffers',
        what: `${((1 - missRatio) * 100).toFixed(1)} % of blocks are found in shared_buffers`,
        evidence: { hitRatio: 1 - missRatio, blocks: hit + missed, buffersBytes, databaseSizeBytes: sizeBytes, since },
        advice:
          sizeBytes > buffersBytes
            ? 'Look first at what reads whole tables (missing-index); then raise shared_buffers, up to about a quarter of the memory.'
            : 'The database fits into shared_buffers: it is being read in, or large scans go round the buffers.',
      },
    ]
  },
})
