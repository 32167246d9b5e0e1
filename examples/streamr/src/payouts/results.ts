// Where the results of a time are read: in the table, or, where the time reaches back to days that may be packed, in its history.
//
// What holds: a day is packed when its end is a week old, so that all of what is younger is in the table. Nothing else is asked of
// packs: a statement for any of eighty days is planned for all of them.

import { sql, type AliasedRawBuilder, type Selectable } from 'kysely'
import type { ProbeResultsTable } from '../database.ts'
import type { StreamTime } from './payout.ts'

/** `warm` of `probe_results` in pgstrata.config.ts. */
export const packedAfterDays = 7

const dayMs = 86_400_000

/** A day less: the clock here and that of the database are two. */
export function resultsOf({
  from,
  until,
}: Pick<StreamTime, 'from' | 'until'>): AliasedRawBuilder<Selectable<ProbeResultsTable>, 'result'> {
  const mayBePacked = from.getTime() < Date.now() - (packedAfterDays - 1) * dayMs
  const rows = mayBePacked ? sql`probe_results_between(${from}, ${until})` : sql`probe_results`
  return sql<Selectable<ProbeResultsTable>>`${rows}`.as('result')
}
