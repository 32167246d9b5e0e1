// Whether the server answers. Where it cannot be reached, whoever asks says 0 in its place.

import { sql } from '../../sql/sql.ts'
import type { ServerProbe } from '../model/server-probe.ts'
import { available, gauge } from './metrics.ts'

export const upProbe: ServerProbe = {
  name: 'up',
  question: 'Does the server answer?',
  everyMs: 5_000,
  limitMs: 1_000,
  of: 'each',
  metrics: [gauge('pgstrata_up', '1 where the server answers, 0 where it does not.')],
  unavailable: available,
  read: async ({ on }) => {
    await on.query(sql`select 1`)
    return { points: [{ metric: 'pgstrata_up', labels: [], value: 1 }] }
  },
}
