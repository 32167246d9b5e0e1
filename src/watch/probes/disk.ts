// How full the disk is that the server keeps its data on, where that is a disk of this machine.

import { statfs } from 'node:fs/promises'
import { onlyRow } from '../../db/db.ts'
import { sql } from '../../sql/sql.ts'
import type { ServerProbe } from '../model/server-probe.ts'
import { gauge } from './metrics.ts'

export const diskProbe: ServerProbe = {
  name: 'disk',
  question: 'How full is the disk of the data?',
  everyMs: 60_000,
  limitMs: 1_000,
  of: 'each',
  metrics: [gauge('pgstrata_disk_used_ratio', 'Share of the disk of the data that is in use.')],
  unavailable: ({ isLocal, seesAll }) =>
    isLocal && seesAll
      ? undefined
      : isLocal
        ? 'not available because the role may not see where the data is: grant pg_monitor to it'
        : 'not available because the server is on another machine: watch its disk there',
  read: async ({ on }) => {
    const { folder } = onlyRow(
      await on.query<{ folder: string }>(sql`select current_setting('data_directory') as folder`),
    )
    const { blocks, bfree, bavail } = await statfs(folder)
    const used = blocks - bfree
    // What is kept for root is nobody's: as df says it.
    return { points: [{ metric: 'pgstrata_disk_used_ratio', labels: [], value: used / Math.max(1, used + bavail) }] }
  },
}
