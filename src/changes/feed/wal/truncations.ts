// TRUNCATE of a single partition. A publication by way of the root leaves it out of the stream (PostgreSQL 18, CREATE
// PUBLICATION), so a trigger on each partition says it in the WAL, within the transaction, by the oid of the root.
//
// What must be true: writers pay nothing but at TRUNCATE. A partition that comes later gets its trigger at the next look; where
// its file is not its first one by then, it may have been truncated before, and that is said, too: once too often is harmless.
// Each partition is changed in a transaction of its own, under a lock_timeout. Whose lock is not to be had is told, and tried
// again at the next look.

import type { Db, Queryable } from '../../../db/db.ts'
import { transaction } from '../../../db/transaction.ts'
import { sql } from '../../../sql/sql.ts'
import { sqlstate, sqlstateOf } from '../../../sql/sqlstate.ts'
import type { CapturedTable, FeedFinding, FeedTable } from './captured-tables.ts'
import type { PgoutputMessage } from './messages.ts'

export const truncateTrigger = 'pgstrata_feed_truncate'
/** As pgstrata.feed_note_truncate() writes it. */
const truncatePrefix = 'pgstrata_truncate'

/** undefined: it is not captured. */
export type TableOf = (oid: number) => FeedTable | undefined

/** The table of which a partition was truncated; undefined: the message is another one. */
export function truncatedRoot(
  { prefix, isTransactional, content }: Extract<PgoutputMessage, { type: 'message' }>,
  tableOf: TableOf,
): FeedTable | undefined {
  return prefix === truncatePrefix && isTransactional ? tableOf(Number(content)) : undefined
}

interface Partition {
  readonly root: FeedTable
  readonly schema: string
  readonly name: string
  readonly isWatched: boolean
}

/** Of captured tables, those with rows of their own; and what has our trigger and is no such partition (`root` undefined). */
async function readPartitions(
  on: Queryable,
  captured: readonly CapturedTable[],
): Promise<readonly (Omit<Partition, 'root'> & { readonly root: FeedTable | undefined })[]> {
  const { rows } = await on.query<Omit<Partition, 'root'> & { rootOid: string | null }>(sql`
    with leaf as (
      select r.oid as root, p.relid as oid
      from unnest(${captured.map(({ oid }) => oid)}::text[]) as r (oid)
      cross join lateral pg_partition_tree(r.oid::oid::regclass) p
      where p.isleaf
        and p.level > 0
    ), watched as (
      select tgrelid as oid
      from pg_trigger
      where tgname = ${truncateTrigger}
        and not tgisinternal
    )
    select leaf.root as "rootOid", n.nspname::text as schema, c.relname::text as name,
      watched.oid is not null as "isWatched"
    from leaf
    full join watched on watched.oid = leaf.oid
    join pg_class c on c.oid = coalesce(leaf.oid, watched.oid)
    join pg_namespace n on n.oid = c.relnamespace
    where c.relkind = 'r'
    order by c.oid`)
  return rows.map(({ rootOid, ...partition }) => ({
    ...partition,
    root: captured.find(({ oid }) => oid === rootOid),
  }))
}

/** Partitions whose TRUNCATE nobody would hear of. */
export async function findUnwatched(
  on: Queryable,
  captured: readonly CapturedTable[],
): Promise<readonly FeedFinding[]> {
  const partitions = await readPartitions(on, captured)
  return partitions.flatMap(({ root, schema, name, isWatched }): FeedFinding[] => {
    if (root === undefined || isWatched) return []
    const finding = `TRUNCATE of its partition ${schema}.${name} alone is not captured yet`
    return [{ schema: root.schema, table: root.table, finding, advice: 'The feed sees to it once it gets the lock.' }]
  })
}

export interface WatchOptions {
  readonly captured: readonly CapturedTable[]
  readonly lockTimeoutMs: number
}

/** Gives back what is still to be done. */
export async function watchTruncations(
  db: Db,
  { captured, lockTimeoutMs }: WatchOptions,
): Promise<readonly FeedFinding[]> {
  const partitions = await readPartitions(db, captured)
  const wrong = partitions.filter(({ root, isWatched }) => (root === undefined) === isWatched)
  for (const { root, schema, name } of wrong) {
    const change = async (tx: Queryable): Promise<void> => {
      if (root === undefined) await unwatch(tx, { schema, name })
      else await watch(tx, { schema, name })
    }
    await transaction(db, change, { lockTimeoutMs }).catch((error: unknown) => {
      if (!passing.has(sqlstateOf(error) ?? '')) throw error
    })
  }
  return wrong.length === 0 ? [] : await findUnwatched(db, captured)
}

/** The lock was not to be had, or the partition is gone. */
const passing: ReadonlySet<string> = new Set([sqlstate.lockNotAvailable, sqlstate.undefinedTable])

async function watch(tx: Queryable, { schema, name }: { schema: string; name: string }): Promise<void> {
  const on = sql.ident(schema, name)
  const trigger = sql.ident(truncateTrigger)
  await tx.query(sql`
    create or replace trigger ${trigger}
    after truncate on ${on}
    for each statement execute function pgstrata.feed_note_truncate()`)
  await tx.query(sql`alter table ${on} enable always trigger ${trigger}`)
  await tx.query(sql`
    select pg_logical_emit_message(true, ${truncatePrefix}, pg_partition_root(c.oid)::oid::text)
    from pg_class c
    join pg_namespace n on n.oid = c.relnamespace
    where n.nspname = ${schema}
      and c.relname = ${name}
      and pg_relation_filenode(c.oid) <> c.oid`)
}

async function unwatch(tx: Queryable, { schema, name }: { schema: string; name: string }): Promise<void> {
  await tx.query(sql`drop trigger if exists ${sql.ident(truncateTrigger)} on ${sql.ident(schema, name)}`)
}
