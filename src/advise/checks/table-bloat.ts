// Tables that are much longer than their rows need, by the estimate that the probe of bloat has as well. Nothing of the table itself is
// read; pgstattuple tells it exactly.

import { bloatedTables, type Bloat, type BloatScope } from '../../catalog/bloat.ts'
import { quoteQualified } from '../../sql/quote.ts'
import type { Check, Limits } from '../model.ts'
import { defineCheck, findEach, gravityOf } from './tools/define.ts'
import { showName, usersOwn } from './tools/relations.ts'

export const tableBloat: Check = defineCheck({
  name: 'table-bloat',
  category: 'bloat',
  question: 'Are tables much longer than their rows need?',
  why: 'What reads the whole table reads the empty part as well, and it takes place in memory and backups.',
  threshold: 'warn from 30 %, critical from 50 %, of at least 100 MB that could be given back (an estimate)',
  mends: 'advice',
  limits: { warn: 0.3, critical: 0.5, least: 104_857_600 },
  find: ({ on, limits }) =>
    findEach<Bloat>(
      on,
      bloatedTables(scopeOf(limits)),
      ({ schema, name: table, sizeBytes, wastedBytes, wastedRatio }) => ({
        gravity: gravityOf(wastedRatio, limits) ?? 'warn',
        subject: `table ${showName(schema, table)}`,
        what: `About ${Math.round(wastedRatio * 100)} % of ${showName(schema, table)} is empty`,
        evidence: { sizeBytes, wastedBytes, wastedRatio, isEstimate: true },
        advice: `New rows fill it again once it is vacuumed. To give it back, pg_repack or pg_squeeze write it anew while it is used; vacuum (full, analyze) ${quoteQualified(schema, table)} does so while nobody may use it.`,
      }),
    ),
})

function scopeOf({ warn, least }: Limits): BloatScope {
  return { where: usersOwn, leastSizeBytes: least, leastWastedBytes: least, leastRatio: warn }
}
