// What stands on the tables of a partition and on nothing above them: what has to be carried over to the tables that take their
// place, and what cannot be, which keeps the partition from being rewritten.
//
// What holds: triggers, grants, comments and indexes of somebody's own making are as they were, triggers in the state that each
// had; the indexes that pgstrata makes by the declaration are not carried over, for the new table has its own. Nothing else may
// be lost without a word: constraints, policies, rules, and whatever depends on the table is told, and the move refused.

import { StrataError } from '../../base/errors.ts'
import type { Queryable } from '../../db/db.ts'
import { readGrants } from '../../partitions/for-tiers.ts'
import { quoteIdent, quoteLiteral, quoteQualified } from '../../sql/quote.ts'
import { sql } from '../../sql/sql.ts'
import { guardObjects, packedKeyTrigger } from '../model/objects.ts'
import type { TierPartition } from '../model/record.ts'
import { nameOf, type Leaf } from './leaves.ts'

/** A table of the partition, and the one that takes its place. */
export interface Successor {
  readonly leaf: Leaf
  /** In the same schema. */
  readonly incoming: string
}

/** Refuses a partition that has what the table in its place would not. */
export async function requireMovable(
  on: Queryable,
  record: TierPartition,
  {
    schema,
    leaves,
    expected,
  }: { readonly schema: string; readonly leaves: readonly Leaf[]; readonly expected: readonly string[] },
): Promise<void> {
  const foreign = leaves.find((leaf) => leaf.schema !== schema || !expected.includes(leaf.name))
  const own = [
    ...(record.schema === schema ? [] : [`a place in schema ${quoteIdent(record.schema)}, and not beside its table`]),
    ...(foreign === undefined && leaves.length === expected.length
      ? []
      : ['tables that no layout of pgstrata has made']),
    ...(await readOwn(on, record, leaves)),
  ]
  if (own.length === 0) return
  throw new StrataError('TIER_REFUSED', {
    message: `${nameOf(record)} has ${own.slice(0, 5).join(', ')} of its own, which the table that takes its place would not have`,
    advice: 'Put it on the table itself, or drop it; or keep this partition as it is.',
  })
}

async function readOwn(on: Queryable, record: TierPartition, leaves: readonly Leaf[]): Promise<readonly string[]> {
  const oids = [record.oid ?? 0, ...leaves.map(({ oid }) => oid)]
  const carried = leaves.map(({ oid }) => oid)
  const { rows } = await on.query<{ what: string }>(sql`
    with tree as (
      select c.*
      from pg_class c
      where c.oid = any(${oids}::int8[])
    )
    select distinct what
    from (
      select 'policy ' || quote_ident(polname) from pg_policy where polrelid in (select oid from tree)
      union all
      select 'row level security' from tree where relrowsecurity
      union all
      select 'constraint ' || quote_ident(conname)
      from pg_constraint
      where conrelid in (select oid from tree)
        and (contype = 'c' and coninhcount = 0 or contype in ('p', 'u', 'x') and conparentid = 0)
      union all
      select 'a column that is never null (' || quote_ident(a.attname) || ')'
      from pg_attribute a
      join pgstrata.tier_table t on t.id = ${record.tierTable}
      where a.attrelid in (select oid from tree)
        and a.attnotnull
        and exists (
          select
          from pg_attribute above
          where above.attrelid = t.table_oid
            and above.attname = a.attname
            and not above.attnotnull
        )
      union all
      select 'publication ' || quote_ident(p.pubname)
      from pg_publication_rel r
      join pg_publication p on p.oid = r.prpubid
      where r.prrelid in (select oid from tree)
      union all
      -- Those of the tables that have the rows are carried over; a period that is divided has a table above these.
      select 'trigger ' || quote_ident(tgname)
      from pg_trigger
      where tgrelid = ${record.oid}::oid
        and tgrelid <> all(${carried}::int8[])
        and tgparentid = 0
        and not tgisinternal
      union all
      select 'column grants'
      from pg_attribute
      where attrelid in (select oid from tree)
        and attacl is not null
      union all
      select 'a dependent ' || pg_describe_object(d.classid, d.objid, 0)
      from pg_depend d
      join tree t on d.refclassid = 'pg_class'::regclass and d.refobjid = t.oid
        or d.refclassid = 'pg_type'::regclass and d.refobjid in (t.reltype, (select typarray from pg_type where oid = t.reltype))
      where d.deptype = 'n'
        and not exists (
          select
          from tree
          where d.classid = 'pg_constraint'::regclass and d.objid in (select oid from pg_constraint where conrelid = tree.oid)
            or d.classid = 'pg_attrdef'::regclass and d.objid in (select oid from pg_attrdef where adrelid = tree.oid)
            or d.classid = 'pg_class'::regclass and d.objid in (select indexrelid from pg_index where indrelid = tree.oid)
            or d.classid = 'pg_trigger'::regclass and d.objid in (select oid from pg_trigger where tgrelid = tree.oid)
            or d.classid = 'pg_statistic_ext'::regclass and d.objid in (select oid from pg_statistic_ext where stxrelid = tree.oid)
        )
    ) as own (what)
    order by what`)
  return rows.map(({ what }) => what)
}

interface CarriedIndex {
  readonly oid: number
  readonly name: string
  readonly create: string
}

/** While it has not yet the name of the one whose place it takes. */
function carriedName(incoming: string, oid: number): string {
  return `${incoming}_own_${oid}`
}

/** Indexes of somebody's own making. */
async function readOwnIndexes(on: Queryable, { leaf, incoming }: Successor): Promise<readonly CarriedIndex[]> {
  // The server's own words behind the name of the table: USING ….
  const { rows } = await on.query<{ oid: number; name: string; rest: string; unique: boolean }>(sql`
    select x.oid::int8::float8 as oid, x.relname::text as name, i.indisunique as unique,
      substr(pg_get_indexdef(x.oid), length(format('CREATE %sINDEX %I ON %I.%I ', case when i.indisunique then 'UNIQUE ' end,
        x.relname, ${leaf.schema}::text, ${leaf.name}::text)) + 1) as rest
    from pg_index i
    join pg_class x on x.oid = i.indexrelid
    where i.indrelid = ${leaf.oid}::oid
      and i.indisvalid
      and not x.relispartition
      and not exists (select from pg_constraint where conindid = x.oid and conrelid = i.indrelid)
      and coalesce(obj_description(x.oid, 'pg_class'), '') not like 'pgstrata %'
    order by x.relname`)
  return rows.map(({ oid, name, rest, unique }) => {
    const kind = unique ? 'unique index' : 'index'
    const table = quoteQualified(leaf.schema, incoming)
    return { oid, name, create: `create ${kind} ${quoteIdent(carriedName(incoming, oid))} on ${table} ${rest}` }
  })
}

/** In the transaction that fills the table, behind the rows. */
export async function carryIndexes(on: Queryable, successors: readonly Successor[]): Promise<readonly string[]> {
  const each: string[] = []
  for (const successor of successors) each.push(...(await readOwnIndexes(on, successor)).map(({ create }) => create))
  return each
}

/** Statements that make the tables, attached and under their names, as those were whose place they take. Read before these go. */
export async function readBelongings(
  on: Queryable,
  record: TierPartition,
  successors: readonly Successor[],
): Promise<readonly string[]> {
  const settle: string[] = []
  for (const successor of successors) {
    const { leaf, incoming } = successor
    const indexes = await readOwnIndexes(on, successor)
    settle.push(
      ...indexes.map(
        ({ oid, name }) =>
          `alter index ${quoteQualified(leaf.schema, carriedName(incoming, oid))} rename to ${quoteIdent(name)}`,
      ),
      ...(await readTriggers(on, record, leaf)),
      ...(await readGrants(on, leaf.oid)),
    )
  }
  const isDivided = !successors.some(({ leaf }) => leaf.oid === record.oid)
  const grants = isDivided ? await readGrants(on, record.oid ?? 0) : []
  return [...settle, ...grants, ...(await readComment(on, record))]
}

const states: Readonly<Record<string, string>> = { O: 'enable', D: 'disable', R: 'enable replica', A: 'enable always' }

/** Its own are made again; those of the table above come with ATTACH, in the state that they have there. */
async function readTriggers(on: Queryable, record: TierPartition, leaf: Leaf): Promise<readonly string[]> {
  const { rowTrigger, truncateTrigger } = guardObjects(record.id)
  const { rows } = await on.query<{
    name: string
    definition: string
    enabled: string
    own: boolean
    differs: boolean
  }>(sql`
    select quote_ident(t.tgname) as name, pg_get_triggerdef(t.oid) as definition, t.tgenabled as enabled, t.tgparentid = 0 as own,
      t.tgenabled <> coalesce((select tgenabled from pg_trigger above where above.oid = t.tgparentid), 'O') as differs
    from pg_trigger t
    where t.tgrelid = ${leaf.oid}::oid
      and not t.tgisinternal
      and t.tgname <> all(${[rowTrigger, truncateTrigger, packedKeyTrigger]}::text[])
    order by t.tgname`)
  return rows.flatMap(({ name, definition, enabled, own, differs }) => [
    ...(own ? [definition] : []),
    ...(differs ? [`alter table ${nameOf(leaf)} ${states[enabled] ?? 'enable'} trigger ${name}`] : []),
  ])
}

async function readComment(on: Queryable, record: TierPartition): Promise<readonly string[]> {
  const { rows } = await on.query<{ comment: string }>(sql`
    select description as comment
    from pg_description
    where objoid = ${record.oid}::oid
      and classoid = 'pg_class'::regclass
      and objsubid = 0`)
  return rows.map(({ comment }) => `comment on table ${nameOf(record)} is ${quoteLiteral(comment)}`)
}
