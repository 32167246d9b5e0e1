// What keeps the rows of a default partition where they are, and the way out: what a new default partition would not have,
// what would be sent to subscribers a second time, and what would keep everybody waiting.

import type { Queryable } from '../db/db.ts'
import { sql, type Sql } from '../sql/sql.ts'
import type { DrainSubject } from './drain-queries.ts'
import { readGrants } from './grants.ts'
import { findWholePublication } from './published-whole.ts'
import { indexesOf, indexName } from './template.ts'

/** Undefined: they can be moved. */
export async function findObstacle(
  on: Queryable,
  subject: DrainSubject,
  { isLarge }: { readonly isLarge: boolean },
): Promise<string | undefined> {
  const { declared, from, keyColumns, hasForeignKeys } = subject
  if (!from.isPlain || from.schema !== declared.schema) {
    return `${from.name} is not an ordinary table beside its parent: its rows have to be moved by hand`
  }
  const own = await readOwn(on, subject)
  if (own.length > 0) {
    return `${from.name} has ${own.slice(0, 5).join(', ')} of its own, which the one that takes its place would not have: put it on the table, or drop it, or move the rows by hand`
  }
  const publication = await findWholePublication(on, [declared.schema])
  if (publication !== undefined) {
    return `publication "${publication}" has every table, and would send its subscribers the rows a second time while they are moved: publish the table by its name, or move the rows by hand`
  }
  if (!isLarge) return undefined
  if (keyColumns.length === 0) {
    return `${from.name} has too many rows to be moved at once, and the table has no primary key by which they could be moved bit by bit`
  }
  if (hasForeignKeys) {
    return `${from.name} has too many rows to be moved at once: the table's foreign keys would be checked for each of them while everybody waits. Drop them, and add them again afterwards`
  }
  return undefined
}

/** A trigger of statements on the default partition, `t`, that its table has, too: as those are that note what rollups count. */
const isShared = (parentOid: number): Sql => sql`(
          t.tgtype & 1 = 0
          and t.tgnargs = 0
          and t.tgqual is null
          and t.tgattr = ''
          and exists (
            select
            from pg_trigger above
            where above.tgrelid = ${parentOid}::oid
              and above.tgname = t.tgname
              and above.tgfoid = t.tgfoid
              and above.tgtype = t.tgtype
          )
        )`

/** What hangs on the default partition alone. Its grants are handed on, and triggers that its table has, too. */
async function readOwn(on: Queryable, { declared, from, parentOid }: DrainSubject): Promise<readonly string[]> {
  const declaredIndexes = indexesOf(declared, true).map((index) => indexName(from.name, index))
  const { rows } = await on.query<{ what: string }>(sql`
    select what
    from (
      select 'trigger ' || quote_ident(tgname)
      from pg_trigger t
      where tgrelid = ${from.oid}::oid
        and not tgisinternal
        and tgparentid = 0
        and not ${isShared(parentOid)}
      union all
      select 'policy ' || quote_ident(polname) from pg_policy where polrelid = ${from.oid}::oid
      union all
      select 'row level security' from pg_class where oid = ${from.oid}::oid and relrowsecurity
      union all
      select 'rule ' || quote_ident(rulename) from pg_rewrite where ev_class = ${from.oid}::oid
      union all
      select 'constraint ' || quote_ident(conname)
      from pg_constraint
      where conrelid = ${from.oid}::oid
        and (contype = 'c' and coninhcount = 0 or contype = 'f' and conparentid = 0)
      union all
      select 'foreign key ' || quote_ident(conname) || ' of ' || conrelid::regclass
      from pg_constraint
      where confrelid = ${from.oid}::oid
        and conparentid = 0
        and contype = 'f'
      union all
      select 'unique index ' || quote_ident(x.relname)
      from pg_index i
      join pg_class x on x.oid = i.indexrelid
      where i.indrelid = ${from.oid}::oid
        and (i.indisunique or i.indisexclusion)
        and not x.relispartition
        and x.relname <> all(${declaredIndexes}::text[])
      union all
      select 'publication ' || quote_ident(p.pubname)
      from pg_publication_rel r
      join pg_publication p on p.oid = r.prpubid
      where r.prrelid = ${from.oid}::oid
      union all
      select 'grants of column ' || quote_ident(attname)
      from pg_attribute
      where attrelid = ${from.oid}::oid
        and attacl is not null
    ) as own (what)
    order by what`)
  return rows.map(({ what }) => what)
}

/** What the default partition hands on to the one that takes its name, as statements. */
export async function readHandedOn(on: Queryable, subject: DrainSubject): Promise<readonly string[]> {
  return [...(await readGrants(on, subject.from.oid)), ...(await readTriggers(on, subject))]
}

async function readTriggers(on: Queryable, { from, parentOid }: DrainSubject): Promise<readonly string[]> {
  const { rows } = await on.query<{ statement: string }>(sql`
    select format('create trigger %I %s %s on %I.%I%s for each statement execute function %s()', t.tgname,
        case when t.tgtype & 2 <> 0 then 'before' else 'after' end,
        concat_ws(' or ', case when t.tgtype & 4 <> 0 then 'insert' end, case when t.tgtype & 8 <> 0 then 'delete' end,
          case when t.tgtype & 16 <> 0 then 'update' end, case when t.tgtype & 32 <> 0 then 'truncate' end),
        n.nspname, c.relname,
        coalesce(' referencing ' || nullif(concat_ws(' ', 'old table as ' || quote_ident(t.tgoldtable),
          'new table as ' || quote_ident(t.tgnewtable)), ''), ''),
        t.tgfoid::regproc)
      || case t.tgenabled
        when 'O' then ''
        else format('; alter table %I.%I %s trigger %I', n.nspname, c.relname,
          case t.tgenabled when 'A' then 'enable always' when 'R' then 'enable replica' else 'disable' end, t.tgname)
      end as statement
    from pg_trigger t
    join pg_class c on c.oid = t.tgrelid
    join pg_namespace n on n.oid = c.relnamespace
    where t.tgrelid = ${from.oid}::oid
      and not t.tgisinternal
      and t.tgparentid = 0
      and ${isShared(parentOid)}
    order by t.tgname`)
  return rows.map(({ statement }) => statement)
}
