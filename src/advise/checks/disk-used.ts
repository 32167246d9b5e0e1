// How full the disk of the data is, as `pgstrata serve` measured it: SQL itself does not tell.

import { sql } from '../../sql/sql.ts'
import type { Check } from '../model.ts'
import { defineCheck, gravityOf } from './tools/define.ts'
import { readsStore } from './tools/stored.ts'

const notMeasured = {
  notKnown:
    'because only `pgstrata serve` with `watch`, on the machine of the server, measures the disk (and what it stores may not be read by every role)',
}

/** What is older says nothing of now. */
const freshMinutes = 30

export const diskUsed: Check = defineCheck({
  name: 'disk-used',
  category: 'storage',
  question: 'Is the disk filling up?',
  why: 'Where it is full, the server stops taking writes, or stops altogether.',
  threshold: 'warn from 80 %, critical from 90 %',
  mends: 'advice',
  limits: { warn: 0.8, critical: 0.9, least: 0 },
  caps: true,
  find: async ({ on, limits }) => {
    if (!(await readsStore(on))) return notMeasured
    const { rows } = await on.query<{ node: string; value: number; at: string }>(sql`
      select distinct on (node) node, value, at::text as at
      from pgstrata.watch_metric
      where metric = 'pgstrata_disk_used_ratio'
        and at > clock_timestamp() - make_interval(mins => ${freshMinutes})
      order by node, at desc, value desc`)
    if (rows.length === 0) return notMeasured
    return rows.flatMap(({ node, value, at }) => {
      const gravity = gravityOf(value, limits)
      if (gravity === undefined) return []
      return [
        {
          gravity,
          subject: `disk of ${node}`,
          what: `The disk of ${node} is ${Math.round(value * 100)} % full`,
          evidence: { usedRatio: value, at },
          advice: 'See slots (slot-retention), temporary files, logs and bloat; then make it larger.',
        },
      ]
    })
  },
})
