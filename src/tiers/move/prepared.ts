// Whether everybody who reads a table's rows by way of its rollups knows where they will be.
//
// What must be true before rows leave the table: no process takes the rows at the ends of an interval, or builds a rollup anew, from
// the table alone. A process that reads rollups remembers for a minute how they are kept.

import { StrataError } from '../../base/errors.ts'
import { readUnprepared, shapeMemoryMs } from '../../catalog/tiered.ts'
import type { Queryable } from '../../db/db.ts'
import { quoteQualified } from '../../sql/quote.ts'
import type { TieredTable } from '../model/options.ts'

export async function requirePrepared(on: Queryable, { partitioned }: Pick<TieredTable, 'partitioned'>): Promise<void> {
  const { schema, table } = partitioned
  const names = await readUnprepared(on, { schema, table })
  if (names.length === 0) return
  const minutes = (2 * shapeMemoryMs) / 60_000
  throw new StrataError('TIER_BUSY', {
    message: `Nothing of ${quoteQualified(schema, table)} can be packed yet: processes may still read rollups of it (${names.join(', ')}) from the table alone`,
    advice: `They know of its history ${minutes} minutes after \`pgstrata apply\` has told its rollups: try again then. \`pgstrata plan\` says what keeps it from that.`,
  })
}
