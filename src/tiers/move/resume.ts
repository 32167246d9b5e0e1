// Moves that were under way in another database, from which this database was restored: they are given up.
//
// What a move has noted of transactions and of tables by their numbers means nothing here. Partitions are found again by their
// names, and columns by theirs; packs, views and functions came along as any object does.

import type { Session } from '../../db/db.ts'
import { transaction } from '../../db/transaction.ts'
import { quoteQualified } from '../../sql/quote.ts'
import { sql } from '../../sql/sql.ts'
import { StrataError } from '../../base/errors.ts'
import { ambiguousAdvice, findColumnChanges, isAmbiguous } from '../history/loose.ts'
import { readSourceColumns } from '../model/columns.ts'
import { renumber } from '../model/numbers.ts'
import { advance, readTierPartitions, takeOver } from '../model/record.ts'
import { isResting } from '../model/states.ts'
import { settleIn, type TierTable } from '../model/tables.ts'

/** Under the table's lock. */
export async function settleHere(session: Session, tier: TierTable): Promise<void> {
  if (tier.isAtHome) return
  await transaction(session, async (tx) => {
    if (!tier.isNumbered) {
      await requireTold(tx, tier)
      for (const statement of renumber(tier.id)) await tx.query(sql.raw(statement))
    }
    await tx.query(sql`
      update pgstrata.tier_partition
      set partition_oid = to_regclass(format('%I.%I', partition_schema, partition_name)), incoming = null, snapshot = null
      where tier_table = ${tier.id}
        and state <> 'cold'`)
    await tx.query(sql`
      update pgstrata.tier_table
      set table_oid = format('%I.%I', schema_name, table_name)::regclass
      where id = ${tier.id}`)
    for (const { id, state } of await readTierPartitions(tx, tier.id)) {
      if (isResting(state) || state === 'aborting') continue
      const record = await takeOver(tx, id)
      const event = state === 'archived' || state === 'dropping' ? 'anew' : 'abort'
      await advance(tx, record, event, { failure: 'given up: the database was restored in another cluster' })
    }
    await settleIn(tx, tier.id)
  })
}

/** A column that is gone by its name may be one that came, under another. */
async function requireTold(tx: Session, { schema, table, columns, oid }: TierTable): Promise<void> {
  const changes = findColumnChanges(columns, await readSourceColumns(tx, oid))
  if (!isAmbiguous(changes)) return
  throw new StrataError('TIER_STATE', {
    message: `Columns of ${quoteQualified(schema, table)} were changed since it was applied, and the database was restored in another one`,
    expected: changes.gone.map(({ name }) => name).join(', '),
    got: changes.added.map(({ name }) => name).join(', '),
    advice: ambiguousAdvice,
  })
}
