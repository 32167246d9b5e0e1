// B-trees that are much larger than their entries need, by the estimate that the probe of bloat and the job that rebuilds them have as
// well.

import { bloatedIndexes, type Bloat, type BloatScope } from '../../catalog/bloat.ts'
import { quoteQualified } from '../../sql/quote.ts'
import { sql } from '../../sql/sql.ts'
import type { Check, Limits } from '../model.ts'
import { defineCheck, findEach, gravityOf } from './tools/define.ts'
import { showName, usersOwn } from './tools/relations.ts'

export const indexBloat: Check = defineCheck({
  name: 'index-bloat',
  category: 'bloat',
  question: 'Are indexes much larger than their entries need?',
  why: 'Pages of an index are given back only when they are wholly empty, so it keeps the size of its worst day, in memory too.',
  threshold: 'warn from 30 %, critical from 70 %, of at least 100 MB that could be given back (an estimate)',
  mends: 'builds the index anew, CONCURRENTLY',
  limits: { warn: 0.3, critical: 0.7, least: 104_857_600 },
  find: ({ on, limits }) =>
    findEach<Bloat>(
      on,
      bloatedIndexes(scopeOf(limits)),
      ({ schema, name: index, sizeBytes, wastedBytes, wastedRatio }) => ({
        gravity: gravityOf(wastedRatio, limits) ?? 'warn',
        subject: `index ${showName(schema, index)}`,
        what: `About ${Math.round(wastedRatio * 100)} % of index ${showName(schema, index)} is empty`,
        evidence: { sizeBytes, wastedBytes, wastedRatio, isEstimate: true },
        fix: [`reindex index concurrently ${quoteQualified(schema, index)}`],
      }),
    ),
})

function scopeOf({ warn, least }: Limits): BloatScope {
  // That of an exclusion constraint cannot be built anew CONCURRENTLY.
  const where = sql`${usersOwn}
    and not i.indisexclusion`
  return { where, leastSizeBytes: least, leastWastedBytes: least, leastRatio: warn }
}
