// What stands beside the rows of `plays` and `payments` and is taken down while they are loaded: secondary indexes and foreign keys.
//
// Promises: each is noted as SQL, in a table that is there only meanwhile, in the transaction that drops it, and its note goes in the
// transaction that makes it again. So a load that was killed leaves notes of exactly what is missing, and whoever finds them can mend it.

import { onlyRow } from '../../db/rows.ts'
import { sql, type Queryable, type Session } from 'pgstrata'

export const loadedTables: readonly string[] = ['plays', 'payments']

/** `leaf`: an index of one partition. `index`: of a table, or of all partitions, and takes the leaves in. */
export type PartKind = 'leaf' | 'index' | 'key'

export interface TakenDown {
  readonly position: number
  readonly kind: PartKind
  readonly name: string
  readonly onTable: string
  /** Makes it again. */
  readonly statement: string
}

export async function readTakenDown(on: Queryable): Promise<readonly TakenDown[]> {
  const { exists } = onlyRow(
    await on.query<{ exists: boolean }>(sql`select to_regclass('taken_down') is not null as exists`),
  )
  if (!exists) return []
  const { rows } = await on.query<TakenDown>(sql`
    select position, kind, name, on_table as "onTable", statement
    from taken_down
    order by position`)
  return rows
}

/** In a transaction of the caller's, which has locked the tables. Returns how many there were. */
export async function takeDown(tx: Session): Promise<number> {
  await tx.query(sql`
    create table taken_down (
      position integer generated always as identity primary key,
      kind text not null,
      name text not null,
      on_table text not null,
      statement text not null
    )`)
  for (const [kind, parts] of [
    ['leaf', await readLeaves(tx)],
    ['index', await readIndexes(tx)],
    ['key', await readKeys(tx)],
  ] as const) {
    for (const { name, onTable, statement } of parts)
      await tx.query(sql`
        insert into taken_down (kind, name, on_table, statement)
        values (${kind}, ${name}, ${onTable}, ${statement})`)
  }
  const parts = await readTakenDown(tx)
  for (const { kind, name, onTable } of parts) {
    if (kind === 'key') await tx.query(sql.raw(`alter table ${onTable} drop constraint ${name}`))
    if (kind === 'index') await tx.query(sql.raw(`drop index ${name}`))
  }
  return parts.length
}

export async function forgetPart(tx: Session, { position }: TakenDown): Promise<void> {
  await tx.query(sql`delete from taken_down where position = ${position}`)
}

export async function forgetAll(tx: Session): Promise<void> {
  await tx.query(sql`drop table if exists taken_down`)
}

type Part = Pick<TakenDown, 'name' | 'onTable' | 'statement'>

const secondary = sql`
  select i.indexrelid, i.indrelid
  from pg_index as i
  where i.indrelid = any(${loadedTables}::text[]::regclass[])
    and not i.indisprimary
    and not exists (
      select
      from pg_constraint as c
      where c.conindid = i.indexrelid
        and c.contype in ('p', 'u', 'x')
    )`

async function readIndexes(on: Queryable): Promise<readonly Part[]> {
  const { rows } = await on.query<Part>(sql`
    select s.indexrelid::regclass::text as name, s.indrelid::regclass::text as "onTable",
      regexp_replace(pg_get_indexdef(s.indexrelid), ' ON ONLY ', ' ON ') as statement
    from (${secondary}) as s
    order by s.indexrelid`)
  return rows
}

async function readLeaves(on: Queryable): Promise<readonly Part[]> {
  const { rows } = await on.query<Part>(sql`
    select n.inhrelid::regclass::text as name, i.indrelid::regclass::text as "onTable",
      regexp_replace(pg_get_indexdef(n.inhrelid), ' INDEX ', ' INDEX IF NOT EXISTS ') as statement
    from (${secondary}) as s
    join pg_inherits as n on n.inhparent = s.indexrelid
    join pg_index as i on i.indexrelid = n.inhrelid
    order by i.indrelid, s.indexrelid`)
  return rows
}

async function readKeys(on: Queryable): Promise<readonly Part[]> {
  const { rows } = await on.query<Part>(sql`
    select quote_ident(conname) as name, conrelid::regclass::text as "onTable",
      format('alter table %s add constraint %I %s', conrelid::regclass, conname, pg_get_constraintdef(oid)) as statement
    from pg_constraint
    where conrelid = any(${loadedTables}::text[]::regclass[])
      and contype = 'f'
      and conparentid = 0
    order by oid`)
  return rows
}
