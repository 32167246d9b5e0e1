// What readers read of packs, replaced in the transaction that changes which packs there are.
//
// What must be true: it comes before the partition's own locks, as readers lock these views before they lock partitions. It takes
// ACCESS EXCLUSIVE on the views alone. Whoever waits for them finds the new packs and the emptied partition, or neither.

import { StrataError } from '../../base/errors.ts'
import { onlyRow, type Queryable, type Session } from '../../db/db.ts'
import { joint, openPatience } from '../../plan/index.ts'
import { quoteQualified } from '../../sql/quote.ts'
import { sql } from '../../sql/sql.ts'
import { sqlstate } from '../../sql/sqlstate.ts'
import type { TierObjects } from '../history/objects.ts'
import { findColumnChanges } from '../history/loose.ts'
import { readObjects } from '../history/read-objects.ts'
import { movedFunction } from '../history/cut.ts'
import { segmentsView } from '../history/segments-view.ts'
import { unpackedView } from '../history/unpacked-view.ts'
import { amend, type TierPartition } from '../model/record.ts'
import { readTierTables } from '../model/tables.ts'
import type { MoveRun } from './context.ts'
import { lockText } from './leaves.ts'

interface Reading {
  /** A pack that is about to go. */
  readonly without?: bigint
  /** What was kept for old snapshots is about to go. */
  readonly withoutLateRows?: boolean
}

interface Readers {
  readonly objects: TierObjects
  readonly statements: readonly string[]
}

/** As the rows of pgstrata.tier_partition say in this transaction. */
export async function replaceReaders(
  tx: Session,
  { record }: { readonly record: Pick<TierPartition, 'tierTable'> },
  reading: Reading = {},
): Promise<TierObjects> {
  const { objects, statements } = await writeReaders(tx, record, reading)
  await tx.query(sql.raw(statements.join(joint)))
  return objects
}

async function writeReaders(
  tx: Session,
  record: Pick<TierPartition, 'tierTable'>,
  { without, withoutLateRows = false }: Reading,
): Promise<Readers> {
  const objects = await readApplied(tx, record)
  const packs = objects.packs
    .filter(({ id }) => id !== without)
    .map((pack) => (withoutLateRows ? { ...pack, hasLateRows: false } : pack))
  const read = { ...objects, packs }
  return { objects: read, statements: [...unpackedView(read), ...movedFunction(read), ...segmentsView(read)] }
}

/**
 * ACCESS EXCLUSIVE on the table, and then readers without the pack of a partition that is about to go. Of hundreds of packs much is
 * read for that, so it is read before; the row of the partition comes first of all, and keeps others from changing what packs there
 * are.
 */
export async function lockTable(
  tx: Session,
  { record, table, clock }: Pick<MoveRun, 'record' | 'table' | 'clock'>,
  lockTimeoutMs: number,
): Promise<void> {
  const { schema, table: name } = table.partitioned
  await amend(tx, record, {})
  const before = await readColumnState(tx, record)
  const statements = record.pack === null ? [] : (await writeReaders(tx, record, { without: record.pack })).statements
  const patience = openPatience(tx, clock, lockTimeoutMs)
  await tx.query(sql.raw(lockText([quoteQualified(schema, name)], 'access exclusive')))
  await patience.share()
  if (statements.length === 0) return
  if ((await readColumnState(tx, record)) !== before) {
    throw Object.assign(new Error(`Columns of ${name} were changed meanwhile`), { code: sqlstate.lockNotAvailable })
  }
  await tx.query(sql.raw(statements.join(joint)))
  await patience.share()
}

async function readColumnState(on: Queryable, { tierTable }: Pick<TierPartition, 'tierTable'>): Promise<string> {
  const answer = await on.query<{ state: string }>(sql`
    select coalesce(string_agg(concat_ws(' ', a.attnum, a.attname, a.atttypid, a.atttypmod, a.attisdropped), ',' order by a.attnum), '')
      as state
    from pgstrata.tier_table t
    join pg_attribute a on a.attrelid = t.table_oid
    where t.id = ${tierTable}
      and a.attnum > 0`)
  return onlyRow(answer).state
}

/** Readers have the columns that the table had when it was applied: refused where it has others by now. */
export async function readApplied(
  on: Queryable,
  { tierTable }: Pick<TierPartition, 'tierTable'>,
): Promise<TierObjects> {
  const objects = await readObjects(on, tierTable)
  const tier = (await readTierTables(on)).find(({ id }) => id === tierTable)
  const changes = findColumnChanges(tier?.columns ?? [], objects.columns)
  if (Object.values(changes).every((some) => some.length === 0)) return objects
  const { schema, table } = objects.table
  throw new StrataError('TIER_STATE', {
    message: `Columns of ${quoteQualified(schema, table)} were changed, and the readers of its history do not have them yet`,
    advice: 'Run `pgstrata apply`; the move goes on by itself then.',
  })
}
