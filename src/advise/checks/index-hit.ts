// Which indexes do not stay in memory.

import { sql } from '../../sql/sql.ts'
import type { Check } from '../model.ts'
import { defineCheck, findEach, gravityOf } from './tools/define.ts'
import { countedSince, showName, usersOwn } from './tools/relations.ts'

interface Missed {
  readonly schema: string
  readonly index: string
  readonly missRatio: number
  readonly blocks: number
  readonly sizeBytes: number
  readonly since: string | null
}

export const indexHit: Check = defineCheck({
  name: 'index-hit',
  category: 'cache',
  of: 'each',
  question: 'Do indexes stay in memory?',
  why: 'A look-up goes through several blocks of an index, one after the other: each miss is waited for.',
  threshold: 'warn where 5 % are missed, critical from 20 %, over at least 50,000 blocks',
  mends: 'advice',
  limits: { warn: 0.05, critical: 0.2, least: 50_000 },
  find: ({ on, limits }) =>
    findEach<Missed>(
      on,
      sql`
        select n.nspname::text as schema, c.relname::text as index,
          s.idx_blks_read / (s.idx_blks_hit + s.idx_blks_read)::float8 as "missRatio",
          (s.idx_blks_hit + s.idx_blks_read)::float8 as blocks,
          pg_relation_size(c.oid)::float8 as "sizeBytes", ${countedSince} as since
        from pg_statio_user_indexes s
        join pg_class c on c.oid = s.indexrelid
        join pg_namespace n on n.oid = c.relnamespace
        where ${usersOwn}
          and s.idx_blks_hit + s.idx_blks_read >= greatest(${limits.least}::float8, 1)
          and s.idx_blks_read / (s.idx_blks_hit + s.idx_blks_read)::float8 >= ${limits.warn}::float8
        order by s.idx_blks_read desc`,
      ({ schema, index, missRatio, blocks, sizeBytes, since }) => ({
        gravity: gravityOf(missRatio, limits) ?? 'warn',
        subject: `index ${showName(schema, index)}`,
        what: `${((1 - missRatio) * 100).toFixed(1)} % of the blocks of index ${showName(schema, index)} are found in memory`,
        evidence: { hitRatio: 1 - missRatio, blocks, sizeBytes, since },
        advice: 'Make it smaller (bloat, INCLUDE columns, a partial index), or give the server more memory.',
      }),
    ),
})
