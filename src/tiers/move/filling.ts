// Fills the table that is to take a partition's place, in one transaction with one snapshot: all that the partition's tables, its
// pack and its loose rows have by then.
//
// I2. The content of both is read in that snapshot, and the state goes on only where they are the same. What comes later is noted
// by the guard, which was committed before. On failure the transaction takes all of it back.

import { StrataError } from '../../base/errors.ts'
import { onlyRow, type Session } from '../../db/db.ts'
import { leafNames } from '../../partitions/for-tiers.ts'
import { quoteIdent, quoteQualified } from '../../sql/quote.ts'
import { sql } from '../../sql/sql.ts'
import { isSameContent, readContent } from '../content/content.ts'
import { contentSettings } from '../content/settings.ts'
import { readSourceColumns } from '../model/columns.ts'
import type { SegmentOrder, Warm } from '../model/options.ts'
import { advance, type TierPartition } from '../model/record.ts'
import { carryIndexes, requireMovable } from './belongings.ts'
import { inTransaction, type MoveRun } from './context.ts'
import { successorsOf } from './exchange.ts'
import { readGuarded, relationsOf, type Guarded } from './guard.ts'
import { fillIncoming, incomingName, makeIncoming, runAll, settleIncoming, type IncomingForm } from './incoming.ts'
import { lockText, nameOf, readDefinition, readLeaves, requireSame } from './leaves.ts'
import { requireUnpublished } from './publications.ts'
import { readSource } from './source.ts'

export async function fillStep(run: MoveRun, form: IncomingForm): Promise<void> {
  const guarded = await readGuarded(run.session, run.record)
  await inTransaction(
    run,
    { isolation: 'repeatable read', first: [lockText(relationsOf(guarded), 'access share')] },
    (tx) => fill(tx, run, { form, guarded }),
  )
}

async function fill(
  tx: Session,
  { table, record }: MoveRun,
  { form, guarded }: { readonly form: IncomingForm; readonly guarded: Guarded },
): Promise<TierPartition> {
  const subject = { table, record, form }
  const { schema, table: name } = table.partitioned
  await requireSame(tx, record, guarded.leaves)
  await requireMovable(tx, record, {
    schema,
    leaves: guarded.leaves,
    expected: leafNames(table.partitioned, record.name),
  })
  await requireUnpublished(tx, { into: [schema, 'pgstrata'], schema, table: name })
  await tx.query(sql`set local row_security = off`)
  const columns = await readSourceColumns(tx, record.oid ?? 0)
  const from = await readSource(tx, { record })
  const incoming = await makeIncoming(tx, subject)
  await fillIncoming(tx, subject, { from, columns, order: form === 'slim' ? orderOf(table.warm) : [] })
  await runAll(tx, await carryIndexes(tx, successorsOf(subject, record, guarded.leaves)))
  await settleIncoming(tx, subject)
  await tx.query(sql.raw(contentSettings))
  const before = await readContent(tx, columns, from)
  const after = await readContent(tx, columns, quoteQualified(schema, incomingName(record.id)))
  if (!isSameContent(before, after)) {
    throw new StrataError('TIER_MISMATCH', {
      message: `${nameOf(record)}: what was read back is not what was written`,
      expected: `${before.rows} rows`,
      got: `${after.rows} rows, or others`,
      advice: 'Nothing was changed. Look for failing memory or storage, and report it: this must not happen.',
    })
  }
  const { snapshot, bytes } = onlyRow(
    await tx.query<{ snapshot: string; bytes: number }>(sql`
      select pg_current_snapshot()::text as snapshot,
        (select sum(pg_total_relation_size(relid))::float8 from pg_partition_tree(${record.oid}::oid)) as bytes`),
  )
  return await advance(tx, record, 'completed', {
    incoming,
    snapshot,
    content: before,
    fingerprint: await readDefinition(tx, await readLeaves(tx, record)),
    // Of a packed one only what came late is there.
    ...(record.heapBytes === null && record.pack === null ? { heapBytes: bytes } : {}),
  })
}

function orderOf(warm: Warm | undefined): readonly string[] {
  if (warm === undefined) return []
  const byOrder = ({ column, descending }: SegmentOrder): string => `${quoteIdent(column)}${descending ? ' desc' : ''}`
  return [...warm.segmentBy.map(quoteIdent), ...warm.orderBy.map(byOrder)]
}
