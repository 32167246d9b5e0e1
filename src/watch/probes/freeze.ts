// How near the numbers of transactions are to running out: what vacuum has to freeze before.

import { onlyRow } from '../../db/db.ts'
import { sql } from '../../sql/sql.ts'
import type { ServerProbe } from '../model/server-probe.ts'
import { available, gauge } from './metrics.ts'

export const freezeProbe: ServerProbe = {
  name: 'freeze',
  question: 'How near are transaction numbers to running out?',
  everyMs: 5 * 60_000,
  limitMs: 1_000,
  of: 'primary',
  metrics: [
    gauge(
      'pgstrata_freeze_age_ratio',
      'Age of the oldest unfrozen row of any database, as a share of what the server can count.',
    ),
    gauge('pgstrata_multixact_age_ratio', 'The same of row locks that several transactions share (multixacts).'),
  ],
  unavailable: available,
  read: async ({ on }) => {
    const answer = await on.query<Record<'xids' | 'multixacts', number>>(sql`
      select max(age(datfrozenxid)) / 2147483647.0::float8 as xids,
        max(mxid_age(datminmxid)) / 2147483647.0::float8 as multixacts
      from pg_database
      where datallowconn`)
    const { xids, multixacts } = onlyRow(answer)
    return {
      points: [
        { metric: 'pgstrata_freeze_age_ratio', labels: [], value: xids },
        { metric: 'pgstrata_multixact_age_ratio', labels: [], value: multixacts },
      ],
    }
  },
}
