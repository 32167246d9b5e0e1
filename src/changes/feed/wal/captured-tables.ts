// Which of the declared tables can be captured, and how far; and the two publications that hold exactly those.
//
// What must be true: capturing a table never makes a statement on it fail. A publication of updates makes UPDATE and DELETE
// fail on a table without replica identity (and on a partitioned one whose leaf has none), so such a table goes into a
// publication of inserts and TRUNCATE alone, and a finding says so. Partitions are published as their root; what is not seen
// then is TRUNCATE of a single partition (PostgreSQL 18, CREATE PUBLICATION), as DETACH and DROP are not.
// Changing a publication takes SHARE UPDATE EXCLUSIVE on its tables, under a lock_timeout.

import type { Db, Queryable, Session } from '../../../db/db.ts'
import { transaction } from '../../../db/transaction.ts'
import { sql, type Sql } from '../../../sql/sql.ts'
import { readLooseTables, type LooseTable } from './loose.ts'

export interface FeedTable {
  readonly schema: string
  readonly table: string
}

export interface CapturedTable extends FeedTable {
  readonly oid: string
  /** 'inserts': it has no replica identity. */
  readonly extent: 'all' | 'inserts'
  /** undefined: it has none. */
  readonly primaryKey: readonly string[] | undefined
  /** Where rows of it are changed that were packed. */
  readonly loose?: LooseTable | undefined
}

export interface FeedFinding extends FeedTable {
  readonly finding: string
  readonly advice: string
}

export interface CapturedTables {
  readonly captured: readonly CapturedTable[]
  readonly findings: readonly FeedFinding[]
}

interface TableRow {
  readonly schema: string
  readonly table: string
  readonly oid: string | null
  readonly kind: string | null
  readonly persistence: string | null
  readonly identified: boolean
  readonly primaryKey: readonly string[] | null
}

export async function readTables(on: Queryable, tables: readonly FeedTable[]): Promise<CapturedTables> {
  const { rows } = await on.query<TableRow>(sql`
    with declared as (
      select s.name as schema, t.name as "table", s.place
      from unnest(${tables.map(({ schema }) => schema)}::text[]) with ordinality as s (name, place)
      join unnest(${tables.map(({ table }) => table)}::text[]) with ordinality as t (name, place) using (place)
    )
    select d.schema, d."table", c.oid::text as oid, c.relkind::text as kind, c.relpersistence::text as persistence,
      coalesce((
        select bool_and(
          case r.relreplident
            when 'f' then true
            when 'd' then exists (
              select from pg_index i where i.indrelid = r.oid and i.indisprimary and i.indisvalid)
            when 'i' then exists (
              select from pg_index i where i.indrelid = r.oid and i.indisreplident and i.indisvalid)
            else false
          end)
        from (
          select c.oid
          union
          select p.relid from pg_partition_tree(c.oid) p
        ) as part
        join pg_class r on r.oid = part.oid
      ), false) as identified,
      (
        select array_agg(a.attname::text order by array_position(i.indkey::int2[], a.attnum))
        from pg_index i
        join pg_attribute a on a.attrelid = i.indrelid and a.attnum = any(i.indkey::int2[])
        where i.indrelid = c.oid
          and i.indisprimary
      ) as "primaryKey"
    from declared d
    left join pg_namespace n on n.nspname = d.schema
    left join pg_class c on c.relnamespace = n.oid and c.relname = d."table"
    order by d.place`)
  const faults = rows.flatMap((row) => findFault(row) ?? [])
  const looseTables = await readLooseTables(on)
  const captured = rows.flatMap((row): CapturedTable[] => {
    const { schema, table, oid, identified, primaryKey } = row
    if (oid === null || !isCapturable(row)) return []
    const loose = looseTables.get(oid)
    const extent = identified && loose?.identified !== false ? 'all' : 'inserts'
    return [{ schema, table, oid, extent, primaryKey: primaryKey ?? undefined, loose }]
  })
  const unheard = captured.flatMap(({ schema, table, loose }) =>
    loose?.identified === false ? [{ schema, table }] : [],
  )
  return { captured, findings: [...faults, ...unheard.map((table) => ({ ...table, ...looseFault }))] }
}

const looseFault = {
  finding: 'Its loose rows have no replica identity: only inserts and TRUNCATE are captured',
  advice: 'alter table … replica identity full, of the loose rows and their partitions.',
}

/** What a publication has to hold, for a table to be captured by it. */
function membersOf(captured: readonly CapturedTable[], extent: CapturedTable['extent']): readonly Member[] {
  return captured.flatMap((one) => {
    if (one.extent !== extent) return []
    return one.loose === undefined || extent === 'inserts' ? [one] : [one, one.loose]
  })
}

type Member = FeedTable & { readonly oid: string }

function isCapturable({ kind, persistence }: TableRow): boolean {
  return (kind === 'r' || kind === 'p') && persistence === 'p'
}

function findFault(row: TableRow): FeedFinding | undefined {
  const { schema, table, oid, identified } = row
  if (oid === null)
    return { schema, table, finding: 'The table is not there', advice: 'Create it, or take it out of the declaration.' }
  if (!isCapturable(row)) {
    const finding = 'Its changes are not in the WAL: it is no ordinary table, or unlogged, or temporary'
    return { schema, table, finding, advice: 'Declare the tables that it is made of.' }
  }
  if (identified) return undefined
  return {
    schema,
    table,
    finding: 'It, or one of its partitions, has no replica identity: only inserts and TRUNCATE are captured',
    advice: 'Give it a primary key, or: alter table … replica identity full.',
  }
}

export const publications: Readonly<Record<CapturedTable['extent'], string>> = {
  all: 'pgstrata_feed',
  inserts: 'pgstrata_feed_inserts',
}

const published: Readonly<Record<CapturedTable['extent'], string>> = {
  all: 'insert, update, delete, truncate',
  inserts: 'insert, truncate',
}

async function readMembers(on: Queryable): Promise<ReadonlyMap<string, readonly string[]>> {
  const { rows } = await on.query<{ publication: string; oid: string | null }>(sql`
    select p.pubname::text as publication, r.prrelid::text as oid
    from pg_publication p
    left join pg_publication_rel r on r.prpubid = p.oid
    where p.pubname = any(${Object.values(publications)}::text[])
    order by 1, r.prrelid`)
  const members = new Map<string, string[]>()
  for (const { publication, oid } of rows) {
    const known = members.get(publication) ?? []
    members.set(publication, oid === null ? known : [...known, oid])
  }
  return members
}

/** 'joining': changes of a table, or of a kind, were not captured until now, so what is known of it may be wrong. */
export type SyncVerdict = 'same' | 'leaving' | 'joining'

/** What bringing the publications up to date would mean. */
export async function comparePublications(on: Queryable, captured: readonly CapturedTable[]): Promise<SyncVerdict> {
  const members = await readMembers(on)
  const before = new Set(
    Object.values(publications).flatMap((name) => (members.get(name) ?? []).map((oid) => `${name} ${oid}`)),
  )
  const after = new Set(
    (['all', 'inserts'] as const).flatMap((extent) =>
      membersOf(captured, extent).map(({ oid }) => `${publications[extent]} ${oid}`),
    ),
  )
  const demoted = (key: string): boolean => before.has(key.replace(publications.inserts, publications.all))
  const joins = [...after].some((key) => !before.has(key) && !demoted(key))
  if (joins || members.size < 2) return 'joining'
  const isSame = before.size === after.size && [...after].every((key) => before.has(key))
  return isSame ? 'same' : 'leaving'
}

export interface SyncOptions {
  readonly captured: readonly CapturedTable[]
  readonly lockTimeoutMs: number
}

/** Makes the publications hold exactly `captured`. */
export async function syncPublications(db: Db | Session, { captured, lockTimeoutMs }: SyncOptions): Promise<void> {
  await transaction(
    db,
    async (tx) => {
      const members = await readMembers(tx)
      for (const extent of ['all', 'inserts'] as const) {
        const name = publications[extent]
        const tables = membersOf(captured, extent)
        const known = members.get(name)
        const options = `publish = '${published[extent]}', publish_via_partition_root = true`
        if (known === undefined) await tx.query(sql`create publication ${sql.ident(name)} with (${sql.raw(options)})`)
        const leaving = (known ?? []).filter((oid) => !tables.some((table) => table.oid === oid))
        if (leaving.length > 0) await dropMembers(tx, name, leaving)
        const joining = tables.filter(({ oid }) => known?.includes(oid) !== true)
        if (joining.length > 0)
          await tx.query(sql`alter publication ${sql.ident(name)} add table only ${sql.join(joining.map(nameOf))}`)
      }
    },
    { lockTimeoutMs },
  )
}

async function dropMembers(tx: Queryable, publication: string, oids: readonly string[]): Promise<void> {
  const { rows } = await tx.query<FeedTable>(sql`
    select n.nspname::text as schema, c.relname::text as "table"
    from pg_class c
    join pg_namespace n on n.oid = c.relnamespace
    where c.oid = any(${oids}::text[]::oid[])`)
  if (rows.length === 0) return
  await tx.query(sql`alter publication ${sql.ident(publication)} drop table only ${sql.join(rows.map(nameOf))}`)
}

function nameOf({ schema, table }: FeedTable): Sql {
  return sql.ident(schema, table)
}

/** The tables themselves are left as they are. */
export async function dropPublications(on: Queryable): Promise<void> {
  for (const name of Object.values(publications)) await on.query(sql`drop publication if exists ${sql.ident(name)}`)
}
