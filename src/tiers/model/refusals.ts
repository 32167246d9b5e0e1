// What keeps a table from a tier, with the reason and the way out: told by the plan, and asked again before a move begins.

import { StrataError } from '../../base/errors.ts'
import { onlyRow, type Queryable } from '../../db/db.ts'
import { sql } from '../../sql/sql.ts'
import { readSourceColumns, type SourceColumn } from './columns.ts'
import { readerNames } from './objects.ts'
import type { Strength, TieredTable } from './options.ts'

/** What a move leads to. */
export type Tier = Strength | 'cold'

export interface Refusal {
  /** To which tiers the table cannot go. */
  readonly tiers: readonly Tier[]
  readonly why: string
  readonly todo: string
}

export interface RefusalFacts {
  readonly isPartitioned: boolean
  readonly isChild: boolean
  readonly rowSecurity: boolean
  /** Of the table or any of its partitions. */
  readonly unlogged: boolean
  readonly foreignPartition: string | null
  readonly exclusion: string | null
  readonly incoming: readonly string[]
  readonly outgoing: readonly string[]
  /** A publication that tells of truncated partitions by their own names. */
  readonly publication: string | null
  readonly columns: readonly SourceColumn[]
}

const all: readonly Tier[] = ['slim', 'packed', 'cold']

/** Undefined: there is no such table. */
export async function readRefusalFacts(on: Queryable, { partitioned }: TieredTable): Promise<RefusalFacts | undefined> {
  const { schema, table } = partitioned
  const { rows } = await on.query<{ oid: number }>(sql`
    select c.oid::int8::float8 as oid
    from pg_class c
    join pg_namespace n on n.oid = c.relnamespace
    where n.nspname = ${schema}
      and c.relname = ${table}
      and c.relkind in ('r', 'p')`)
  const [found] = rows
  if (found === undefined) return undefined
  const answer = await on.query<Omit<RefusalFacts, 'columns'>>(sql`
    with tree as (
      select c.*
      from pg_partition_tree(${found.oid}::oid) t
      join pg_class c on c.oid = t.relid
    )
    select c.relkind = 'p' as "isPartitioned",
      exists (select from pg_inherits where inhrelid = c.oid) as "isChild",
      exists (select from tree where relrowsecurity) as "rowSecurity",
      exists (select from tree where relpersistence = 'u') as unlogged,
      (select min(relname::text) from tree where relkind = 'f') as "foreignPartition",
      (select min(conname::text) from pg_constraint where conrelid in (select oid from tree) and contype = 'x') as exclusion,
      ${keysWhere('confrelid', 'conrelid')} as incoming,
      ${keysWhere('conrelid', 'confrelid')} as outgoing,
      (
        select min(p.pubname::text)
        from pg_publication p
        where p.pubtruncate
          and exists (
            select from pg_publication_tables t
            join tree on tree.relkind = 'r' and tree.relname = t.tablename and tree.relnamespace::regnamespace = to_regnamespace(quote_ident(t.schemaname))
            where t.pubname = p.pubname
          )
      ) as publication
    from pg_class c
    where c.oid = ${found.oid}::oid`)
  return { ...onlyRow(answer), columns: await readSourceColumns(on, found.oid) }
}

/** Foreign keys between the tree and tables outside of it, once each: PostgreSQL has one more for each partition. */
function keysWhere(ours: 'conrelid' | 'confrelid', theirs: 'conrelid' | 'confrelid'): ReturnType<typeof sql> {
  return sql`(
        select coalesce(json_agg(distinct format('%s of %s', quote_ident(k.conname), k.${sql.raw(theirs)}::regclass)), '[]')
        from pg_constraint k
        where k.contype = 'f'
          and k.conparentid = 0
          and k.${sql.raw(ours)} in (select oid from tree)
      )`
}

export async function readRefusals(on: Queryable, table: TieredTable): Promise<readonly Refusal[]> {
  const facts = await readRefusalFacts(on, table)
  return facts === undefined ? [] : findRefusals(table, facts)
}

/** Pure. */
export function findRefusals(table: TieredTable, facts: RefusalFacts): readonly Refusal[] {
  return [...findLayoutRefusals(table, facts), ...findBoundRefusals(table, facts), ...findColumnRefusals(table, facts)]
}

function findLayoutRefusals({ partitioned }: TieredTable, facts: RefusalFacts): readonly Refusal[] {
  const refusals: Refusal[] = []
  const longest = Object.values(readerNames(partitioned)).reduce((left, right) =>
    left.length > right.length ? left : right,
  )
  if (!facts.isPartitioned || partitioned.layout.kind === 'hash') {
    const todo = `divide it by time or by ids first: \`pgstrata convert ${partitioned.key}\``
    refusals.push({ tiers: all, why: 'it has no partitions by time or by ids', todo })
  }
  if (facts.isChild) {
    refusals.push({ tiers: all, why: 'it is part of another table', todo: 'declare the table that it belongs to' })
  }
  if (Buffer.byteLength(longest) > 63) {
    const why = `"${longest}" would be a name of more than the 63 bytes that PostgreSQL keeps`
    refusals.push({ tiers: all, why, todo: 'give the table a shorter name' })
  }
  if (facts.foreignPartition !== null) {
    const why = `its partition "${facts.foreignPartition}" is a foreign table`
    refusals.push({ tiers: all, why, todo: 'take that partition out of the table' })
  }
  if (facts.unlogged) {
    const why = 'it is unlogged, or one of its partitions is: a crash would lose what is to be kept'
    refusals.push({ tiers: ['cold'], why, todo: 'run `alter table … set logged` for each of them' })
  }
  return refusals
}

function findBoundRefusals({ warm }: TieredTable, facts: RefusalFacts): readonly Refusal[] {
  const refusals: Refusal[] = []
  if (facts.rowSecurity) {
    const why = 'it has row security, and policies do not reach what is not in the table'
    refusals.push({ tiers: all, why, todo: 'keep it hot, or drop its policies and disable row security' })
  }
  if (facts.incoming.length > 0) {
    const why = `other tables refer to it (${facts.incoming.join(', ')}), and would not find rows that have moved`
    refusals.push({ tiers: all, why, todo: 'drop these foreign keys, or keep the table hot' })
  }
  if (facts.outgoing.length > 0 && warm?.accept.includes('unenforced-references') !== true) {
    const why = `it refers to other tables (${facts.outgoing.join(', ')}), which is not enforced for packed rows`
    const todo = "declare accept: ['unenforced-references'], or strength: 'slim'"
    refusals.push({ tiers: ['packed'], why, todo })
  }
  if (facts.exclusion !== null) {
    const why = `its exclusion constraint "${facts.exclusion}" does not see packed rows`
    refusals.push({ tiers: ['packed'], why, todo: "declare strength: 'slim'" })
  }
  if (facts.publication !== null) {
    const why = `publication "${facts.publication}" tells of its partitions by their own names, and would truncate them at its subscribers`
    const todo = 'alter the publication: publish_via_partition_root = true, or publish without truncate'
    refusals.push({ tiers: ['packed'], why, todo })
  }
  return refusals
}

function findColumnRefusals({ warm }: TieredTable, { columns }: RefusalFacts): readonly Refusal[] {
  const refusals: Refusal[] = []
  const refuse = (why: string, todo: string): number => refusals.push({ tiers: ['packed'], why, todo })
  const ours = columns.find(({ name }) => name.startsWith('pgstrata_'))
  if (ours !== undefined) {
    refuse(`its column "${ours.name}" has a name of the kind that packs use themselves`, 'rename that column')
  }
  const bare = columns.find(({ kind, hasArray, generated }) => kind !== 'array' && !hasArray && !generated)
  if (bare !== undefined) {
    refuse(`type ${bare.type} of its column "${bare.name}" has no arrays`, "declare strength: 'slim'")
  }
  for (const name of warm?.segmentBy ?? []) {
    const column = columns.find((one) => one.name === name)
    if (column === undefined) refuse(`it has no column "${name}", by which it is to be cut`, namesOf(columns))
    else if (!column.groupable) refuse(`values of "${name}" cannot be told apart by equality`, 'name another column')
  }
  for (const { column: name } of warm?.orderBy ?? []) {
    const column = columns.find((one) => one.name === name)
    if (column === undefined) refuse(`it has no column "${name}", by which it is to be ordered`, namesOf(columns))
    else if (!column.orderable) refuse(`values of "${name}" have no order`, 'name another column')
  }
  return refusals
}

function namesOf(columns: readonly SourceColumn[]): string {
  return `name one of its columns: ${columns.map(({ name }) => name).join(', ')}`
}

/** Refuses a move to a tier that the table cannot go to. */
export async function requireAllowed(on: Queryable, table: TieredTable, tier: Tier): Promise<void> {
  const refusals = (await readRefusals(on, table)).filter(({ tiers }) => tiers.includes(tier))
  const [first] = refusals
  if (first === undefined) return
  const { schema, table: name } = table.partitioned
  throw new StrataError('TIER_REFUSED', {
    message: `Table ${schema}.${name} cannot be ${tier}: ${first.why}`,
    advice: `${first.todo[0]?.toUpperCase() ?? ''}${first.todo.slice(1)}.`,
    notes: refusals.slice(1).map(({ why, todo }) => `${why}: ${todo}`),
  })
}
