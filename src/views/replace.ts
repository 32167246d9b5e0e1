// What becomes of everything at a view that is replaced: its owner, the rights of others, comments and indexes made by hand are
// carried over, and so are plain views declared here that read it; what else reads it stands in the way, and is named.

import type { Queryable } from '../db/db.ts'
import type { CarriedReaders } from '../plan/index.ts'
import { quoteIdent, quoteLiteral } from '../sql/quote.ts'
import { sql } from '../sql/sql.ts'
import { placeOf } from './names.ts'
import type { MaterializedView } from './options.ts'

export type ViewNoun = 'view' | 'materialized view'
type Place = Pick<MaterializedView, 'schema' | 'name'>

export interface Attached {
  readonly readers: CarriedReaders
  /** What stands behind the name of the relation: `with (…)`, `tablespace …`; empty mostly. */
  readonly storage: string
  /** Indexes that were not declared: how they are called, and what stands behind USING. */
  readonly indexes: readonly {
    readonly name: string
    readonly unique: boolean
    readonly using: string
    readonly columns: readonly string[]
  }[]
  /** To be run when the replacement has the name. */
  readonly attributes: readonly string[]
}

/** `declared`: names of the indexes that are made by the declaration. `columns`: of the replacement. */
export async function readAttached(
  on: Queryable,
  view: MaterializedView,
  {
    declared,
    columns,
    readers,
  }: { readonly declared: readonly string[]; readonly columns: readonly string[]; readonly readers: CarriedReaders },
): Promise<Attached> {
  return {
    readers,
    storage: await readStorage(on, view),
    indexes: (await readIndexes(on, view)).filter(({ name }) => !declared.includes(name)),
    attributes: await readAttributes(on, view, { noun: 'materialized view', columns }),
  }
}

/** Statements by which what has its name afterwards, a `noun` with these columns, gets its owner, rights and comments. */
export async function readAttributes(
  on: Queryable,
  view: Place,
  { noun, columns }: { readonly noun: ViewNoun; readonly columns: readonly string[] },
): Promise<readonly string[]> {
  return [
    ...(await readOwner(on, view, noun)),
    ...(await readRights(on, view, columns)),
    ...(await readComments(on, view, { noun, columns })),
  ]
}

/** `with (…)`, and a tablespace; empty mostly. */
export async function readStorage(on: Queryable, view: Place): Promise<string> {
  const { rows } = await on.query<{ storage: string }>(sql`
    select coalesce(' with (' || (
        select string_agg(format('%I = %L', split_part(option, '=', 1), substr(option, strpos(option, '=') + 1)), ', ')
        from unnest(c.reloptions) option
      ) || ')', '') || coalesce(' tablespace ' || quote_ident(t.spcname), '') as storage
    from pg_class c
    left join pg_tablespace t on t.oid = c.reltablespace
    where c.oid = to_regclass(${placeOf(view)})`)
  return rows[0]?.storage ?? ''
}

async function readIndexes(on: Queryable, view: Place): Promise<Attached['indexes']> {
  // What stands before USING is known, and made anew: it has the names of the index and of the relation in it.
  const { rows } = await on.query<Attached['indexes'][number]>(sql`
    select ic.relname::text as name, i.indisunique as unique,
      substr(pg_get_indexdef(i.indexrelid), length(format('CREATE %sINDEX %I ON %I.%I USING ',
        case when i.indisunique then 'UNIQUE ' else '' end, ic.relname, n.nspname, c.relname)) + 1) as using,
      array(
        select distinct a.attname::text
        from pg_depend d
        join pg_attribute a on a.attrelid = c.oid and a.attnum = d.refobjsubid
        where d.classid = 'pg_class'::regclass and d.objid = i.indexrelid
          and d.refclassid = 'pg_class'::regclass and d.refobjid = c.oid and d.refobjsubid > 0
      ) as columns
    from pg_index i
    join pg_class ic on ic.oid = i.indexrelid
    join pg_class c on c.oid = i.indrelid
    join pg_namespace n on n.oid = c.relnamespace
    where c.oid = to_regclass(${placeOf(view)})
      and i.indisvalid
    order by ic.relname`)
  return rows
}

async function readOwner(on: Queryable, view: Place, noun: ViewNoun): Promise<readonly string[]> {
  const { rows } = await on.query<{ owner: string }>(sql`
    select pg_get_userbyid(relowner)::text as owner
    from pg_class
    where oid = to_regclass(${placeOf(view)})
      and relowner <> current_user::regrole`)
  return rows.map(({ owner }) => `alter ${noun} ${placeOf(view)} owner to ${quoteIdent(owner)}`)
}

interface Right {
  readonly grantee: string | null
  readonly column: string | null
  readonly privilege: string
  readonly option: boolean
}

/** Default privileges give the replacement rights that the view does not have: those are taken away first. */
async function readRights(on: Queryable, view: Place, columns: readonly string[]): Promise<string[]> {
  const place = placeOf(view)
  const { rows: defaults } = await on.query<{ grantee: string | null }>(sql`
    select distinct case when a.grantee <> 0 then pg_get_userbyid(a.grantee)::text end as grantee
    from pg_default_acl d, aclexplode(d.defaclacl) a
    where d.defaclrole = current_user::regrole
      and d.defaclobjtype = 'r'
      and a.grantee <> d.defaclrole`)
  const { rows: rights } = await on.query<Right>(sql`
    select case when a.grantee <> 0 then pg_get_userbyid(a.grantee)::text end as grantee, held.column,
      a.privilege_type as privilege, a.is_grantable as option
    from pg_class c
    cross join lateral (
      select c.relacl as acl, null::text as column
      union all
      select attacl, attname::text from pg_attribute where attrelid = c.oid and not attisdropped
    ) as held
    cross join lateral aclexplode(held.acl) a
    where c.oid = to_regclass(${place})
      and a.grantee <> c.relowner
    order by 1, 2, 3`)
  const to = (grantee: string | null): string => (grantee === null ? 'public' : quoteIdent(grantee))
  return [
    ...defaults.map(({ grantee }) => `revoke all on ${place} from ${to(grantee)}`),
    ...rights
      .filter(({ column }) => column === null || columns.includes(column))
      .map(({ grantee, column, privilege, option }) => {
        const what = `${privilege.toLowerCase()}${column === null ? '' : ` (${quoteIdent(column)})`}`
        return `grant ${what} on ${place} to ${to(grantee)}${option ? ' with grant option' : ''}`
      }),
  ]
}

async function readComments(
  on: Queryable,
  view: Place,
  { noun, columns }: { readonly noun: ViewNoun; readonly columns: readonly string[] },
): Promise<readonly string[]> {
  const place = placeOf(view)
  const { rows } = await on.query<{ column: string | null; comment: string }>(sql`
    select a.attname::text as column, d.description as comment
    from pg_description d
    left join pg_attribute a on a.attrelid = d.objoid and a.attnum = d.objsubid and d.objsubid > 0
    where d.classoid = 'pg_class'::regclass
      and d.objoid = to_regclass(${place})
    order by d.objsubid`)
  return rows
    .filter(({ column }) => column === null || columns.includes(column))
    .map(({ column, comment }) =>
      column === null
        ? `comment on ${noun} ${place} is ${quoteLiteral(comment)}`
        : `comment on column ${place}.${quoteIdent(column)} is ${quoteLiteral(comment)}`,
    )
}
