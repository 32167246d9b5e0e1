// Between the copying and the swap: changes are carried over until few are pending, and the copy is compared with the table.

import { consumptionSettings, wasTruncated } from '../../changes/capture/index.ts'
import { StrataError } from '../../base/errors.ts'
import type { Session } from '../../db/db.ts'
import { onlyRow } from '../../db/db.ts'
import { quoteIdent, quoteQualified } from '../../sql/quote.ts'
import { sql } from '../../sql/sql.ts'
import { sqlstate, sqlstateOf } from '../../sql/sqlstate.ts'
import { startAnew, throttle } from './copy.ts'
import { advance, type ConversionRecord } from './record.ts'
import { inTransaction, refresh, type ConversionRun } from './run-context.ts'
import { captureOf, consumeInto, steadySnapshot, syncBatchOf } from './sync.ts'

/** Notes that the swap may have to carry over while everybody waits: about 10 ms of work. */
export const mostPendingAtSwap = 500

/** One batch; the state ends when so few were left that the rest can wait for the swap. */
export async function catchUpStep(run: ConversionRun): Promise<void> {
  await throttle(run)
  const { taken, truncated } = await syncBatchOf(run, run.size.notes)
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
    if (taken <= mostPendingAtSwap) await inTransaction(run, {}, (tx) => advance(tx, run.record, 'completed'))
  }
  await refresh(run)
}

interface Content {
  readonly rows: string
  readonly hash: string
}

/**
 * Everything visible is carried over, and then both are read in the very same snapshot: as many rows, and the same sum
 * of their hashes, in whatever order. A difference ends the conversion; nothing was swapped.
 */
export async function verifyStep(run: ConversionRun): Promise<void> {
  const { record } = run
  const { schema, table, incoming } = record.names
  const hash = await hashText(run.session, record)
  const contentOf = async (tx: Session, relation: string, condition = 'true'): Promise<Content> =>
    onlyRow(
      await tx.query<Content>(
        sql.raw(
          `select count(*)::text as rows, coalesce(sum(${hash}), 0)::text as hash from ${relation} where ${condition}`,
        ),
      ),
    )
  const old = `only ${quoteQualified(schema, table)}`
  await inTransaction(run, steadySnapshot(record), async (tx) => {
    if (await wasTruncated(tx, captureOf(record))) return await startAnew(tx, run, 'truncated')
    while ((await consumeInto(tx, record, undefined)) > 0);
    await tx.query(sql.raw(consumptionSettings.replaceAll('= off', 'to default')))
    await tx.query(sql`set local row_security = off`)
    const is = await contentOf(tx, quoteQualified(schema, incoming))
    const was = await contentOf(tx, old)
    if (is.rows !== was.rows || is.hash !== was.hash) {
      const where: string[] = []
      for (const leaf of await readLeaves(tx, record)) {
        const copied = await contentOf(tx, leaf.name)
        const there = await contentOf(tx, old, leaf.condition)
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

/** Of the binary values where each column's type can be hashed (three times as fast), else of the row as text. */
async function hashText(session: Session, record: ConversionRecord): Promise<string> {
  const { names, facts } = record
  const row = `row(${facts.columns.map(quoteIdent).join(', ')})`
  const byValue = `hash_record_extended(${row}, 0)`
  try {
    // One row of nulls is enough: the types are looked up before the values.
    await session.query(
      sql.raw(
        `select ${byValue} from (select 1 as one) as one left join lateral (select * from only ${quoteQualified(names.schema, names.table)} where false) as none on true`,
      ),
    )
    return byValue
  } catch (error) {
    if (sqlstateOf(error) !== sqlstate.undefinedFunction) throw error
    return `hashtextextended(${row}::text, 0)`
  }
}
