// Archives that end: those that a younger one replaced, those of moves that were given up, and those that are older than they are to
// be kept.
//
// What must be true: before the first file goes, one transaction has seen that nobody needs the archive, and has noted that it ends.
// From then on nothing relies on it: no reader, no restore, no drop. What is killed behind that is done again.

import { StrataError } from '../../base/errors.ts'
import type { Db, Queryable } from '../../db/db.ts'
import { transaction } from '../../db/transaction.ts'
import { sql } from '../../sql/sql.ts'
import type { Store } from '../store/store.ts'
import { readArchive, readFiles, setArchiveState, type ArchiveRecord, type ArchiveState } from './catalog.ts'
import { manifestKey } from './layout.ts'

/** Numbers of archives that nothing needs: their rows are in the database, or in a younger archive. */
export async function readNeedless(on: Queryable): Promise<readonly bigint[]> {
  const { rows } = await on.query<{ id: string }>(sql`
    select a.id::text as id
    from pgstrata.archive a
    where a.state in ('superseded', 'removing')
      or (a.state = 'exporting' and not exists (select from pgstrata.tier_partition p where p.archive = a.id))
    order by a.id`)
  return rows.map(({ id }) => BigInt(id))
}

export interface KeptTable {
  readonly schema: string
  readonly table: string
  /** Its partitions are bounded by moments: an archive is as old as the end of what it holds. Others are as old as they are. */
  readonly isByTime: boolean
}

/** Numbers of archives of the table that have been kept for as long as `retain` says. Those of moves under way are not among them. */
export async function readOverdue(
  on: Queryable,
  { schema, table, isByTime }: KeptTable,
  { retain, at }: { readonly retain: string; readonly at: Date | undefined },
): Promise<readonly bigint[]> {
  const end = isByTime
    ? sql`case when a.upper_bound ~ '^[0-9]' then a.upper_bound::timestamptz else a.archived_at end`
    : sql`a.archived_at`
  const { rows } = await on.query<{ id: string }>(sql`
    select a.id::text as id
    from pgstrata.archive a
    left join pgstrata.tier_partition p on p.archive = a.id
    where a.schema_name = ${schema}
      and a.table_name = ${table}
      and a.state in ('verified', 'only copy', 'lost')
      and (p.id is null or p.state = 'cold')
      and ${end} + ${retain}::interval <= coalesce(${at ?? null}::timestamptz, clock_timestamp())
    order by a.id`)
  return rows.map(({ id }) => BigInt(id))
}

export interface Removal {
  readonly from: readonly ArchiveState[]
  /** Also where its rows may be nowhere else. */
  readonly onlyCopy: boolean
}

/** Of a partition that is in no other place, nothing is left behind it. `store`: in which it is. */
export async function removeArchive(
  db: Db,
  { store, id }: { readonly store: Store; readonly id: bigint },
  removal: Removal,
): Promise<void> {
  const { prefix } = await transaction(db, (tx) => claim(tx, id, removal), { isolation: 'read committed' })
  if (prefix !== '') {
    for (const { key } of await readFiles(db, id)) await store.remove(key)
    await store.remove(manifestKey(prefix))
  }
  await setArchiveState(db, id, { from: ['removing'], to: 'removed' })
}

/** Locks first, in the order in which moves take them: what is read behind them stays. */
async function claim(tx: Queryable, id: bigint, { from, onlyCopy }: Removal): Promise<ArchiveRecord> {
  await tx.query(sql`select from pgstrata.archive where id = ${id}::int8 for update`)
  const { rows: holders } = await tx.query<{ state: string }>(sql`
    select state from pgstrata.tier_partition where archive = ${id}::int8 for update`)
  const archive = await readArchive(tx, id)
  if (archive === undefined || !from.includes(archive.state)) throw ended(id, archive)
  const moving = holders.find(({ state }) => state !== 'cold')
  if (moving !== undefined) throw needed(archive, moving.state)
  if (!onlyCopy) requireCopies(archive, holders.length > 0)
  await setArchiveState(tx, id, { from, to: 'removing' })
  await tx.query(sql`delete from pgstrata.tier_partition where archive = ${id}::int8`)
  return archive
}

function ended(id: bigint, archive: ArchiveRecord | undefined): StrataError {
  return new StrataError('TIER_STATE', {
    message: `Archive ${id} cannot be removed: it is ${archive?.state ?? 'not known'}`,
    advice: 'See what there is with `pgstrata archive list --all`.',
  })
}

function needed({ id, partition }: ArchiveRecord, state: string): StrataError {
  return new StrataError('TIER_STATE', {
    message: `Archive ${id} is needed: ${partition} is being moved (${state})`,
    advice: 'Run `pgstrata tier abort` first, or wait until it is at rest.',
  })
}

function requireCopies({ id, partition, state, isOwn }: ArchiveRecord, isCold: boolean): void {
  if (state === 'removing') return
  if (state === 'only copy' || isCold) {
    throw new StrataError('TIER_STATE', {
      message: `Archive ${id} is the only copy of the rows of ${partition}`,
      advice: 'Restore it first; or say that the rows may be lost.',
    })
  }
  if (isOwn) return
  throw new StrataError('TIER_STATE', {
    message: `Archive ${id} was made by another database: it may be the only copy of its rows of ${partition}`,
    advice: 'Look there first; or say that the rows may be lost.',
  })
}
