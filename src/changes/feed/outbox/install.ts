// Brings the triggers of the outbox to what is declared: looks first, and changes a table only where something is missing.
//
// What must be true: each table is changed in a transaction of its own under a lock_timeout, parent before child. Whether
// something may have been missed is decided under the lock that keeps writers out: a relation that had no triggers and holds
// rows may have been written to.

import { onlyRow, type Db, type Queryable } from '../../../db/db.ts'
import { transaction } from '../../../db/transaction.ts'
import { sql } from '../../../sql/sql.ts'
import { breakEpoch } from '../epoch.ts'
import type { CapturedTable } from '../wal/captured-tables.ts'
import {
  dropStatements,
  functionNames,
  functionStatements,
  outboxFunctionPrefix,
  outboxTriggerPrefix,
  triggerStatements,
  type NotedRelation,
  type NotedTable,
} from './triggers.ts'

interface RelationRow extends NotedRelation {
  readonly root: string
  readonly isRoot: boolean
  /** Functions that its triggers call. */
  readonly functions: readonly string[]
}

const neededTriggers = 3

async function readRelations(on: Queryable, captured: readonly CapturedTable[]): Promise<readonly RelationRow[]> {
  const oids = captured.map(({ oid }) => oid)
  const loose = captured.map((one) => one.loose?.oid ?? null)
  const { rows } = await on.query<RelationRow>(sql`
    select n.nspname::text as schema, c.relname::text as name, c.relkind = 'r' as "isLeaf", r.oid as root,
      r.oid::oid = c.oid as "isRoot", coalesce(c.oid = r.loose::oid, false) as "isLoose",
      array(
        select p.proname::text
        from pg_trigger t
        join pg_proc p on p.oid = t.tgfoid
        where t.tgrelid = c.oid
          and starts_with(t.tgname::text, ${outboxTriggerPrefix})
        order by 1
      ) as functions
    from unnest(${oids}::text[], ${loose}::text[]) as r (oid, loose)
    cross join lateral (
      select r.oid::oid as relid, 0 as level
      union
      select p.relid, p.level from pg_partition_tree(r.oid::oid::regclass) p
      union
      select r.loose::oid, 100 where r.loose is not null
    ) as tree
    join pg_class c on c.oid = tree.relid
    join pg_namespace n on n.oid = c.relnamespace
    where c.relkind in ('r', 'p')
    order by r.oid, tree.level, c.oid`)
  return rows
}

function isComplete(table: NotedTable, { functions, isLeaf, isLoose }: RelationRow): boolean {
  const names = functionNames(table)
  const needed = neededTriggers + (isLeaf ? 1 : 0) - (isLoose ? 1 : 0)
  return functions.length === needed && functions.every((name) => names.includes(name))
}

/** Whether nothing is to be done. */
export async function isInstalled(on: Queryable, captured: readonly OutboxTable[]): Promise<boolean> {
  const relations = await readRelations(on, captured)
  return captured.every((table) =>
    relations.filter(({ root }) => root === table.oid).every((row) => isComplete(table, row)),
  )
}

export type OutboxTable = CapturedTable & NotedTable

export interface InstallOptions {
  readonly captured: readonly OutboxTable[]
  readonly lockTimeoutMs: number
}

/** Where changes may have been missed, the epoch that stands is broken in the same transaction. */
export async function installOutbox(db: Db, { captured, lockTimeoutMs }: InstallOptions): Promise<void> {
  const relations = await readRelations(db, captured)
  for (const table of captured) {
    const missing = relations.filter((row) => row.root === table.oid && !isComplete(table, row))
    if (missing.length > 0) await transaction(db, (tx) => install(tx, table, missing), { lockTimeoutMs })
  }
}

async function install(tx: Queryable, table: NotedTable, missing: readonly RelationRow[]): Promise<void> {
  for (const statement of functionStatements(table)) await tx.query(sql.raw(statement))
  for (const relation of missing) {
    for (const statement of triggerStatements(table, relation)) await tx.query(sql.raw(statement))
    if (relation.functions.length > 0) continue
    if (!relation.isLeaf || relation.isRoot || (await hasRows(tx, relation)))
      await breakEpoch(tx, 'tables were added to it')
  }
}

async function hasRows(tx: Queryable, { schema, name }: NotedRelation): Promise<boolean> {
  const answer = await tx.query<{ found: boolean }>(
    sql`select exists (select from only ${sql.ident(schema, name)}) as found`,
  )
  return onlyRow(answer).found
}

/** Takes the triggers away from every relation that is not captured, and functions that nothing calls. */
export async function trimOutbox(db: Db, { captured, lockTimeoutMs }: InstallOptions): Promise<void> {
  const kept = await readRelations(db, captured)
  const { rows } = await db.query<{ schema: string; name: string }>(sql`
    select distinct n.nspname::text as schema, c.relname::text as name
    from pg_trigger t
    join pg_class c on c.oid = t.tgrelid
    join pg_namespace n on n.oid = c.relnamespace
    where not t.tgisinternal
      and starts_with(t.tgname::text, ${outboxTriggerPrefix})`)
  for (const relation of rows) {
    if (kept.some(({ schema, name }) => schema === relation.schema && name === relation.name)) continue
    await transaction(
      db,
      async (tx) => {
        for (const statement of dropStatements(relation)) await tx.query(sql.raw(statement))
      },
      { lockTimeoutMs },
    )
  }
  const { rows: idle } = await db.query<{ name: string }>(sql`
    select p.proname::text as name
    from pg_proc p
    where p.pronamespace = 'pgstrata'::regnamespace
      and starts_with(p.proname::text, ${outboxFunctionPrefix})
      and not exists (select from pg_trigger t where t.tgfoid = p.oid)`)
  const needed = new Set(captured.flatMap((table) => functionNames(table)))
  for (const { name } of idle)
    if (!needed.has(name)) await db.query(sql`drop function if exists ${sql.ident('pgstrata', name)}()`)
}
