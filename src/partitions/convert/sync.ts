// Carries noted changes over to the copy, batch by batch. What makes that right is at the head of
// changes/capture/consume.ts; here: each batch is one transaction with the record of it, in one snapshot that is taken behind the
// lock on the table.

import { consume, consumptionSettings, wasTruncated, type Capture } from '../../changes/capture/index.ts'
import type { Session } from '../../db/db.ts'
import { quoteQualified } from '../../sql/quote.ts'
import { sql } from '../../sql/sql.ts'
import { sqlstate, sqlstateOf } from '../../sql/sqlstate.ts'
import { capturedColumns } from './read-table.ts'
import type { ConversionRecord } from './record.ts'
import { inTransaction, refresh, type ConversionRun, type TransactionPlan } from './run-context.ts'

export function captureOf(record: ConversionRecord): Capture {
  return {
    id: record.id,
    schema: record.names.schema,
    table: record.names.table,
    columns: capturedColumns(record.facts),
    level: 'statement',
  }
}

/** One state of the table from here on, in which nobody can have truncated or rewritten it unseen. */
export function steadySnapshot(record: ConversionRecord): TransactionPlan {
  const { schema, table } = record.names
  return {
    isolation: 'repeatable read',
    first: [consumptionSettings, `lock table only ${quoteQualified(schema, table)} in access share mode`],
  }
}

/** How many notes are taken at once while nothing says more: about 200 ms. */
export const syncBatch = 5_000

export interface Synced {
  readonly taken: number
  readonly truncated: boolean
}

/** One batch. A second unique key that a part of the changes would break is satisfied by all of them. */
export async function syncBatchOf(run: ConversionRun, limit: number): Promise<Synced> {
  const { record } = run
  const attempt = (most: number | undefined): Promise<Synced> =>
    inTransaction(run, steadySnapshot(record), async (tx) => {
      if (await wasTruncated(tx, captureOf(record))) return { taken: 0, truncated: true }
      return { taken: await consumeInto(tx, record, most), truncated: false }
    })
  const synced = await attempt(limit).catch(async (error: unknown) => {
    if (!partial.has(sqlstateOf(error) ?? '')) throw error
    return await attempt(undefined)
  })
  if (synced.taken > 0) await refresh(run)
  return synced
}

const partial: ReadonlySet<string> = new Set([sqlstate.uniqueViolation, sqlstate.exclusionViolation])

/** In a transaction that `consume` accepts: takes up to `limit` notes and records how many. */
export async function consumeInto(tx: Session, record: ConversionRecord, limit: number | undefined): Promise<number> {
  const taken = await consume(tx, {
    capture: captureOf(record),
    into: { schema: record.names.schema, table: record.names.incoming },
    columns: record.facts.columns,
    limit,
  })
  if (taken > 0) {
    await tx.query(sql`
      update pgstrata.conversion
      set rows_synced = rows_synced + ${taken}, updated_at = clock_timestamp()
      where id = ${record.id}::int8`)
  }
  return taken
}
