// The exchange of a partition for a table that was filled beside it: what slimming and unpacking end with.
//
// I2. Under the locks, in this order: the table, what readers read of packs, the partition's own tables, its loose rows. Nothing is
// dropped unless behind them the guard shows that nothing was changed since the snapshot up to which the new table has all rows
// (late.ts brings it those that come later); and the definition of every table of the partition is what it was.
// I3. The new table has no trigger until it has its last row, so nothing that is moved counts anywhere.
// I5. Nothing is read under the locks but whether a row came: the new table has a CHECK that ATTACH believes, and its foreign keys are
// validated. A statement behind the locks that takes longer all the same is given up.
//
// Who reads finds the old table or the new one: nobody is left whose snapshot is older than the rows of the new one (barrier.ts).

import { StrataError } from '../../base/errors.ts'
import { onlyRow, type Queryable, type Session } from '../../db/db.ts'
import { leafNames } from '../../partitions/for-tiers.ts'
import { quoteQualified } from '../../sql/quote.ts'
import { sql } from '../../sql/sql.ts'
import { advance, type TierPartition } from '../model/record.ts'
import { goAnew, packRemains } from './anew.ts'
import { readBelongings, type Successor } from './belongings.ts'
import { inTransaction, NotNow, type MoveRun } from './context.ts'
import { readGuarded, relationsOf, requireUnchanged, unguard, type Guarded } from './guard.ts'
import { attachStatements, incomingName, renameParts, runAll, type IncomingSubject } from './incoming.ts'
import { CameLate, withLateRows } from './late.ts'
import { lockText, nameOf, requireSame, type Leaf } from './leaves.ts'
import { lockTable } from './readers.ts'
import { addReferences } from './references.ts'

/** A statement behind the locks that takes longer keeps everybody waiting. */
const mostStatementMs = 5_000

/** `anew`: somebody wrote, or something was altered; the state says so, and the table that was filled is gone. */
export async function exchange(run: MoveRun, to: 'slim' | 'hot'): Promise<'done' | 'anew'> {
  const subject: IncomingSubject = { table: run.table, record: run.record, form: to === 'slim' ? 'slim' : 'whole' }
  try {
    await requireIncoming(run.session, subject, run.record)
    const guarded = await readGuarded(run.session, run.record)
    const successors = successorsOf(subject, run.record, guarded.leaves)
    await addReferences(run, successors)
    const into = quoteQualified(run.table.partitioned.schema, incomingName(run.record.id))
    await withLateRows(run, { guarded, into }, () =>
      inTransaction(run, {}, (tx, lockTimeoutMs) => swap(tx, run, { subject, guarded, successors, lockTimeoutMs })),
    )
    return 'done'
  } catch (error) {
    if (!(error instanceof NotNow)) throw error
    await goAnew(run, error.message)
    return 'anew'
  }
}

/** Both are made by one template: what is divided is divided in the same way. */
export function successorsOf(
  { table, record: { id } }: Pick<IncomingSubject, 'table' | 'record'>,
  { name }: Pick<TierPartition, 'name'>,
  leaves: readonly Leaf[],
): readonly Successor[] {
  const incoming = leafNames(table.partitioned, incomingName(id))
  return leafNames(table.partitioned, name).flatMap((own, index) => {
    const leaf = leaves.find((one) => one.name === own)
    return leaf === undefined ? [] : [{ leaf, incoming: incoming[index] ?? '' }]
  })
}

async function requireIncoming(
  on: Queryable,
  { table, record }: IncomingSubject,
  { incoming }: TierPartition,
): Promise<void> {
  const name = quoteQualified(table.partitioned.schema, incomingName(record.id))
  const { rows } = await on.query(sql`select where to_regclass(${name})::oid::int8 = ${incoming}::int8`)
  if (rows.length === 0) throw new NotNow('the table that was filled for it is gone')
}

interface Swap {
  readonly subject: IncomingSubject
  readonly guarded: Guarded
  readonly successors: readonly Successor[]
  readonly lockTimeoutMs: number
}

async function swap(
  tx: Session,
  run: MoveRun,
  { subject, guarded, successors, lockTimeoutMs }: Swap,
): Promise<TierPartition> {
  const { record } = run
  // Read before the locks: the definition behind them is that of all this, or the exchange does not take place.
  const settle = await readBelongings(tx, record, successors)
  const attach = await attachStatements(tx, subject, { name: record.name, bound: await readBound(tx, record) })
  await lockAll(tx, run, { guarded, lockTimeoutMs })
  const { late } = await requireUnchanged(tx, record, guarded)
  if (late > 0) throw new CameLate()
  await runAll(tx, [
    `set local statement_timeout = '${mostStatementMs}ms'`,
    ...unguard(record, guarded),
    `drop table ${nameOf(record)}`,
    ...attach,
  ])
  await runAll(tx, [...settle, ...(record.pack === null ? [] : packRemains(record.tierTable, record.pack))])
  await renameParts(tx, subject, record.name)
  if (record.pack !== null) await tx.query(sql`delete from pgstrata.tier_pack where id = ${record.pack}::int8`)
  await tx.query(sql`delete from pgstrata.tier_touch where tier_partition = ${record.id}::int8`)
  await runAll(tx, ['set local statement_timeout = 0'])
  return await noteExchanged(tx, record, subject)
}

async function noteExchanged(tx: Session, record: TierPartition, { form }: IncomingSubject): Promise<TierPartition> {
  const isSlim = form === 'slim'
  const { bytes } = onlyRow(
    await tx.query<{ bytes: number }>(sql`
      select sum(pg_total_relation_size(relid))::float8 as bytes
      from pg_partition_tree(${record.incoming}::oid)`),
  )
  return await advance(tx, record, 'completed', {
    oid: record.incoming,
    pack: null,
    fingerprint: null,
    tierBytes: isSlim ? bytes : null,
    heapBytes: isSlim ? record.heapBytes : null,
    // Who unpacked it has a reason to: a policy would pack it again at once.
    held: isSlim ? record.held : true,
  })
}

async function readBound(on: Queryable, { oid }: TierPartition): Promise<string> {
  const { bound } = onlyRow(
    await on.query<{ bound: string | null }>(sql`
      select pg_get_expr(relpartbound, oid) as bound
      from pg_class
      where oid = ${oid}::oid`),
  )
  if (bound === null) throw new StrataError('TIER_STATE', { message: 'The partition is none any more' })
  return bound
}

async function lockAll(
  tx: Session,
  run: MoveRun,
  { guarded, lockTimeoutMs }: Pick<Swap, 'guarded' | 'lockTimeoutMs'>,
): Promise<void> {
  const { record } = run
  await lockTable(tx, run, lockTimeoutMs)
  await runAll(tx, [lockText(relationsOf(guarded), 'access exclusive')])
  await requireSame(tx, record, guarded.leaves)
}
