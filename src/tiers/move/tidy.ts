// What is left behind: touches of partitions that are at rest, old entries of the history, tables of waits that were killed, rows that
// were kept for old snapshots, rows of partitions that are not there any more, and files of moves that were killed. Under the table's
// lock; each may be left for the next time.

import type { Session } from '../../db/db.ts'
import { transaction } from '../../db/transaction.ts'
import { isRace, joint, type Ladder } from '../../plan/index.ts'
import { sql } from '../../sql/sql.ts'
import { removeOld } from '../archive/leftovers.ts'
import { dropLateRows } from '../history/late-rows.ts'
import type { TierTable } from '../model/tables.ts'
import { awaitOlderSnapshots, dropBarrier } from './barrier.ts'
import { replaceReaders } from './readers.ts'

/** Of each table. */
const mostMoves = 1_000

/** `work`: where files of moves are on this machine. */
export async function tidy(session: Session, { id }: TierTable, work: string | undefined): Promise<void> {
  if (work !== undefined) await removeFolders(session, id, work)
  await session.query(sql`
    delete from pgstrata.tier_touch as t
    using pgstrata.tier_partition as p
    where p.id = t.tier_partition
      and p.tier_table = ${id}
      and p.state in ('hot', 'slim', 'packed', 'cold')`)
  await session.query(sql`
    delete from pgstrata.tier_move
    where id in (
      select m.id
      from pgstrata.tier_move as m
      join pgstrata.tier_partition as p on p.id = m.tier_partition
      where p.tier_table = ${id}
      order by m.id desc
      offset ${mostMoves}
    )`)
  // Nothing of these is kept anywhere else; packed and archived ones stay known.
  await session.query(sql`
    delete from pgstrata.tier_partition as p
    where tier_table = ${id}
      and state in ('hot', 'slim')
      and not exists (select from pg_class where oid = p.partition_oid)
      and not exists (select from pgstrata.archive where tier_partition = p.id)
      and not exists (select from pgstrata.tier_move where tier_partition = p.id)`)
  const { rows } = await session.query<{ id: string }>(sql`
    select id::text as id
    from pgstrata.tier_partition as p
    where tier_table = ${id}
      and to_regclass('pgstrata.tier_barrier_' || p.id) is not null`)
  for (const left of rows) await dropBarrier(session, BigInt(left.id))
}

/** A process that was killed behind its last step leaves its folder. */
async function removeFolders(session: Session, tierTable: number, work: string): Promise<void> {
  const { rows } = await session.query<{ id: string }>(sql`
    select id::text as id
    from pgstrata.tier_partition
    where tier_table = ${tierTable}
      and state in ('hot', 'slim', 'packed', 'cold', 'archived')`)
  const idle = new Set(rows.map((row) => row.id))
  await removeOld(work, (name) => idle.has(/^(?:archive|restore)-(\d+)(?:-|$)/.exec(name)?.[1] ?? ''))
}

/** Of one snapshot that is older; the next time it may be gone. */
const patienceMs = 2_000

interface Kept {
  readonly pack: string
  readonly partition: string
}

/** Rows that came late, once nobody is left to whom the swap has not happened. */
export async function forgetLateRows(session: Session, { id }: TierTable, ladder: Ladder): Promise<void> {
  const { rows } = await session.query<Kept>(sql`
    select k.id::text as pack, k.tier_partition::text as partition
    from pgstrata.tier_pack as k
    where k.tier_table = ${id}
      and to_regclass('pgstrata.pack_' || k.id || '_late') is not null
    order by k.id`)
  const [first] = rows
  if (first === undefined) return
  try {
    await awaitOlderSnapshots(session, BigInt(first.partition), patienceMs)
    await transaction(session, async (tx) => {
      await tx.query(sql.raw(`set local lock_timeout = '${ladder.rungs[0]?.lockTimeoutMs ?? patienceMs}ms'`))
      // As whoever writes the row of a partition, before the readers.
      await tx.query(sql`lock table pgstrata.tier_partition in row exclusive mode`)
      await replaceReaders(tx, { record: { tierTable: id } }, { withoutLateRows: true })
      await tx.query(sql.raw(rows.flatMap(({ pack }) => dropLateRows(BigInt(pack))).join(joint)))
    })
  } catch (error) {
    if (!isRace(error)) throw error
  }
}
