// A move that begins again, because what it has read is not what is there any more; and one that is given up for a while, because
// that happens again and again.

import type { Session } from '../../db/db.ts'
import { joint } from '../../plan/index.ts'
import { quoteQualified } from '../../sql/quote.ts'
import { sql } from '../../sql/sql.ts'
import { dropLateRows } from '../history/late-rows.ts'
import { loosePartition, packObjectNames } from '../model/objects.ts'
import { advance } from '../model/record.ts'
import { dropPack } from '../pack/build.ts'
import { inTransaction, type MoveRun } from './context.ts'
import { dropIncoming } from './incoming.ts'

/** In a row, before the partition is left alone for a while. */
const mostAnew = 5

/** Behind the transaction that failed. `why`: for a person, 'rows of it were changed'. */
export async function goAnew(run: MoveRun, why: string): Promise<void> {
  await inTransaction(run, {}, async (tx) => {
    const { record } = run
    await discardBuilt(tx, run)
    const times = record.anew + 1
    const failure = `began again: ${why}`
    if (times % mostAnew !== 0) {
      return await advance(tx, record, 'anew', { nextPack: null, incoming: null, failure })
    }
    const rounds = times / mostAnew - 1
    return await advance(tx, record, 'abort', {
      nextPack: null,
      incoming: null,
      anew: times,
      failure: `given up after ${times} tries: ${why}`,
      notBefore: sql`clock_timestamp() + least(interval '1 hour' * (2 ^ ${rounds}::int4), interval '1 day')`,
    })
  })
}

/** What the move has made, and nobody reads yet. */
export async function discardBuilt(tx: Session, { table, record }: Pick<MoveRun, 'table' | 'record'>): Promise<void> {
  const { nextPack, tierTable } = record
  if (nextPack !== null) {
    await tx.query(sql.raw(packRemains(tierTable, nextPack).join(joint)))
    await tx.query(sql`delete from pgstrata.tier_pack where id = ${nextPack}::int8`)
  }
  await tx.query(sql.raw(dropIncoming({ table, record })))
}

/** All that is made for one pack, but what stands on its partition. Of one that is read: behind the replaced views. */
export function packRemains(tierTable: number, pack: bigint): readonly string[] {
  const { take, key } = packObjectNames(pack)
  const own = (name: string): string => quoteQualified('pgstrata', name)
  return [
    `drop table if exists ${own(loosePartition(tierTable, pack))}`,
    `drop function if exists ${own(take)}`,
    `drop function if exists ${own(key)}`,
    ...dropLateRows(pack),
    ...dropPack(pack),
  ]
}
