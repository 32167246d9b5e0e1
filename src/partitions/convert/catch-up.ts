// Between the copying and the swap: changes are carried over until few are pending, and the copy is compared with the table.

import { consumptionSettings } from '../../changes/capture/index.ts'
import { StrataError } from '../../base/errors.ts'
import type { Session } from '../../db/db.ts'
import { quoteQualified } from '../../sql/quote.ts'
import { sql } from '../../sql/sql.ts'
import { contentSettings, readContent, readRowHash } from './content.ts'
import { startAnew, throttle } from './copy.ts'
import { advance, type ConversionRecord } from './record.ts'
import { inTransaction, refresh, type ConversionRun } from './run-context.ts'
import { consumeInto, pendingAllowed, readLockedTable, steadySnapshot, syncBatchOf } from './sync.ts'

/** One batch; the state ends when so few were left that the rest can wait for the swap. */
export async function catchUpStep(run: ConversionRun): Promise<void> {
  await throttle(run)
  const { taken, truncated, isAll } = await syncBatchOf(run)
  if (truncated) {
    await inTransaction(run, steadySnapshot(run.record), (tx) => startAnew(tx, run, 'truncated'))
  } else {
    await run.emit({
      type: 'progress',
      state: run.record.state,
      done: run.record.rowsSynced,
      total: undefined,
      unit: 'rows',
      rowsPerSecond: undefined,
      leftMs: undefined,
      note: 'catching up',
    })
    await run.pace.spend(taken)
    if (isAll && taken <= pendingAllowed(run))
      await inTransaction(run, {}, (tx) => advance(tx, run.record, 'completed'))
  }
  await refresh(run)
}

/**
 * Everything visible is carried over, and then both are read in the very same snapshot: as many rows, and the same sum
 * of their hashes, in whatever order. A difference ends the conversion; nothing was swapped.
 */
export async function verifyStep(run: ConversionRun): Promise<void> {
  const { record } = run
  const { schema, table, incoming } = record.names
  const rowHash = await readRowHash(run.session, record)
  const old = `only ${quoteQualified(schema, table)}`
  await inTransaction(run, steadySnapshot(record), async (tx) => {
    if ((await readLockedTable(tx, record)).truncated) return await startAnew(tx, run, 'truncated')
    while ((await consumeInto(tx, record, undefined)) > 0);
    await tx.query(sql.raw(consumptionSettings.replaceAll('= off', 'to default')))
    await tx.query(sql.raw(contentSettings))
    const is = await readContent(tx, quoteQualified(schema, incoming), { rowHash })
    const was = await readContent(tx, old, { rowHash })
    if (is.rows !== was.rows || is.hash !== was.hash) {
      const where: string[] = []
      for (const leaf of await readLeaves(tx, record)) {
        const copied = await readContent(tx, leaf.name, { rowHash })
        const there = await readContent(tx, old, { rowHash, condition: leaf.condition })
        if (copied.rows !== there.rows) where.push(`${leaf.name}: ${there.rows} rows became ${copied.rows}`)
        else if (copied.hash !== there.hash) where.push(`${leaf.name}: rows differ`)
      }
      throw new StrataError('CONVERT_MISMATCH', {
        message: `${quoteQualified(schema, table)}: the copy has other rows than the table`,
        expected: `${was.rows} rows, content ${was.hash}`,
        got: `${is.rows} rows, content ${is.hash}`,
        notes: where.slice(0, 20),
      })
    }
    await advance(tx, record, 'completed', { evidence: { rows: is.rows, content: is.hash } })
    return undefined
  })
  await refresh(run)
}

interface Leaf {
  readonly name: string
  readonly condition: string
}

/** Each partition of the copy, with the condition that tells which rows of the old table belong there. */
async function readLeaves(tx: Session, record: ConversionRecord): Promise<readonly Leaf[]> {
  const { rows } = await tx.query<Leaf>(sql`
    select relid::regclass::text as name, coalesce(pg_get_partition_constraintdef(relid), 'true') as condition
    from pg_partition_tree(${quoteQualified(record.names.schema, record.names.incoming)}::regclass)
    where isleaf
    order by 1`)
  return rows
}
