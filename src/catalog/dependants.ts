// What others have built on relations: views, functions, and columns of their row types. It would have to go with them, so whoever
// makes a relation anew asks first.

import type { Queryable } from '../db/db.ts'
import { sql } from '../sql/sql.ts'

export interface Dependant {
  /** As the server describes it: 'view weekly'. */
  readonly what: string
  /** Of a view or a materialized view; null: it is something else. */
  readonly schema: string | null
  readonly name: string | null
}

/** Their own rules, types and indexes aside, and what they have of each other. Those that are not there have none. */
export async function readDependants(
  on: Queryable,
  relations: readonly string[],
  /** As SQL writes them, with the types of their arguments. */
  { functions = [] }: { readonly functions?: readonly string[] } = {},
): Promise<readonly Dependant[]> {
  const { rows } = await on.query<Dependant>(sql`
    with own as (
      select c.oid, c.reltype
      from unnest(${relations}::text[]) as named (name)
      join pg_class c on c.oid = to_regclass(named.name)
    ),
    -- Gathered first, so that pg_depend is looked up by its index, and not read whole for each of them.
    needed as (
      select 'pg_class'::regclass as classid, oid
      from own
      union
      select 'pg_type'::regclass, t.oid
      from own c
      join pg_type t on t.typrelid = c.oid
      union
      select 'pg_type'::regclass, t.oid
      from own c
      join pg_type t on t.typelem = c.reltype
      where c.reltype <> 0
      union
      select 'pg_proc'::regclass, to_regprocedure(name)::oid
      from unnest(${functions}::text[]) as called (name)
    )
    select distinct pg_describe_object(
        case when r.oid is null then d.classid else 'pg_class'::regclass end,
        coalesce(r.ev_class, d.objid), case when r.oid is null then d.objsubid else 0 end) as what,
      n.nspname::text as schema, v.relname::text as name
    from needed
    join pg_depend d on d.refclassid = needed.classid
      and d.refobjid = needed.oid
      and d.deptype = 'n'
    left join pg_rewrite r on d.classid = 'pg_rewrite'::regclass and r.oid = d.objid
    left join pg_class v on v.oid = r.ev_class
    left join pg_namespace n on n.oid = v.relnamespace
    where coalesce(r.ev_class, 0) not in (select oid from own)
    order by 1`)
  return rows
}
