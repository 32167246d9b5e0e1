// Sorts and hashes that do not fit into work_mem.

import { onlyRow } from '../../db/db.ts'
import { sql } from '../../sql/sql.ts'
import type { Check } from '../model.ts'
import { defineCheck, gravityOf } from './tools/define.ts'
import { countedSince } from './tools/relations.ts'

export const tempFiles: Check = defineCheck({
  name: 'temp-files',
  category: 'queries',
  of: 'each',
  question: 'Do statements write temporary files?',
  why: 'A sort or hash that goes through the disk takes several times as long, and takes the disk from others.',
  threshold: 'warn from one file in 100 transactions, critical from one in 10, where they come to at least 1 GB',
  mends: 'doubles work_mem',
  limits: { warn: 0.01, critical: 0.1, least: 1_073_741_824 },
  find: async ({ on, limits }) => {
    const row = onlyRow(
      await on.query<{ files: number; bytes: number; transactions: number; workMem: number; since: string | null }>(sql`
        select temp_files::float8 as files, temp_bytes::float8 as bytes,
          (xact_commit + xact_rollback)::float8 as transactions,
          (select reset_val::float8 from pg_settings where name = 'work_mem') as "workMem",
          ${countedSince} as since
        from pg_stat_database
        where datname = current_database()`),
    )
    const filesPerTransaction = row.files / Math.max(1, row.transactions)
    const gravity = row.bytes < limits.least ? undefined : gravityOf(filesPerTransaction, limits)
    if (gravity === undefined || row.files === 0) return []
    return [
      {
        gravity,
        subject: 'work_mem',
        what: `${row.files} temporary files were written`,
        evidence: {
          files: row.files,
          tempBytes: row.bytes,
          filesPerTransaction,
          workMemBytes: row.workMem * 1_024,
          since: row.since,
        },
        fix: [`alter system set work_mem = '${row.workMem * 2}kB'`, 'select pg_reload_conf()'],
        undo: ['alter system reset work_mem', 'select pg_reload_conf()'],
        advice:
          'Each sort or hash of each session may take that much. Where one report alone needs it, set it for its role or transaction only.',
      },
    ]
  },
})
