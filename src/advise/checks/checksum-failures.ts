// Pages that were not what had been written.

import { sql } from '../../sql/sql.ts'
import type { Check } from '../model.ts'
import { defineCheck, findEach } from './tools/define.ts'

export const checksumFailures: Check = defineCheck({
  name: 'checksum-failures',
  category: 'storage',
  of: 'each',
  question: 'Has a page come back from the disk broken?',
  why: 'Disk, controller or memory damage data, and it goes into backups and replicas.',
  threshold: 'critical from the first',
  mends: 'advice',
  caps: true,
  find: ({ on }) =>
    findEach<{ name: string; failures: number; last: string | null }>(
      on,
      sql`
        select coalesce(datname::text, 'shared objects') as name, checksum_failures::float8 as failures,
          checksum_last_failure::text as last
        from pg_stat_database
        where checksum_failures > 0
        order by checksum_failures desc`,
      ({ name, failures, last }) => ({
        gravity: 'critical',
        subject: `database ${name}`,
        what: `${failures} ${failures === 1 ? 'page' : 'pages'} of ${name} failed the checksum`,
        evidence: { failures, last },
        advice:
          'Move to another machine from a backup or a replica that is whole; pg_amcheck says what is broken. The log names file and page. Once that is done: select pg_stat_reset().',
      }),
    ),
})
